"""PromQL that several panels ask, said once.

A range of `$__rate_interval` is at least four scrapes and at least one pixel; `$__range` is the time that the dashboard
shows. Grafana fills in both, and the variables.
"""

VHOST = "fanfare"
"""The vhost of production (deploy/rabbitmq/definitions.json is loaded into it)."""

APP = 'app=~"$app"'
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

DEVICES = "fanfare_push_messages_total"
IMAGES = "fanfare_images_total"
LANES = "images[.](interactive|bulk|heavy)|files[.]bulk"
"""The queues that are lanes, as a regular expression."""

DEVICES_FAILED = 'outcome=~"failed|unknown"'
IMAGES_FAILED = 'outcome="failed"'


def select(metric: str, *matchers: str) -> str:
    return f"{metric}{{{', '.join(matchers)}}}" if matchers else metric


def rate(metric: str, *matchers: str, by: str = "", window: str = "$__rate_interval") -> str:
    """Per second."""
    return f"sum{_by(by)} (rate({select(metric, *matchers)}[{window}]))"


def increase(metric: str, *matchers: str, by: str = "", window: str = "$__range") -> str:
    """How many came in the window. PromQL's increase alone does not see the step from no series to its first value, and a
    worker's first outcome is such a step: so a series that was not there when the window began counts as a whole.
    """
    series = select(metric, *matchers)
    return f"sum{_by(by)} (({series} unless {series} offset {window}) or increase({series}[{window}]))"


def share(part: str, whole: str) -> str:
    """Between 0 and 1. 0 where the whole is 0 or the part has no series yet; nothing where the whole has none, so that a
    failed scrape does not look like health.
    """
    return f"({part} or {whole} * 0) / clamp_min({whole}, 1e-9)"


def or_zero(expression: str, witness: str) -> str:
    """`expression`, and 0 where it gives nothing though the witness, one series of the same scrape, is there."""
    return f"{expression} or {witness} * 0"


def or_none(expression: str, witness: str, label: str) -> str:
    """`expression`, and one series `none` of 0 where it gives nothing though the witness is there."""
    return f'{expression} or on () label_replace({witness} * 0, "{label}", "none", "", "")'


def quantile(level: float, histogram: str, *matchers: str, by: str = "") -> str:
    """Of a histogram in seconds. Not a number while nothing is observed: the graph has a gap there."""
    return f"histogram_quantile({level}, {rate(f'{histogram}_bucket', *matchers, by=_join('le', by))})"


def messages(kind: str = "", queue: str = "$queue") -> str:
    """Of each queue, by RabbitMQ; `kind` is `ready` or `unacked`. Several nodes of a cluster may tell of the same queue."""
    metric = f"rabbitmq_detailed_queue_messages_{kind}" if kind else "rabbitmq_detailed_queue_messages"
    return f"max by (queue) ({select(metric, *_queues(queue))})"


def consumers(queue: str = "$queue") -> str:
    return f"max by (queue) ({select('rabbitmq_detailed_queue_consumers', *_queues(queue))})"


def unattended(queue: str = "$queue") -> str:
    """How many queues have messages and nobody who takes them."""
    return f"sum(({messages(queue=queue)} > bool 0) * on (queue) ({consumers(queue)} == bool 0))"


def paused(kind: str) -> str:
    """How many jobs of a kind, `campaign` or `image_job`, paused with a reason that nobody requested."""
    return or_zero(
        f'sum(max by (reason) (fanfare_{kind}s_paused{{reason!="requested"}}))',
        f'max(fanfare_{kind}s{{status="paused"}})',
    )


def items(*, failed: bool = False, queue: str = "$queue") -> str:
    """Devices and images whose outcome was recorded, a second, by the queue that their work stood on."""
    devices = rate(DEVICES, APP, *([DEVICES_FAILED] if failed else []), by="priority")
    images = rate(IMAGES, *([IMAGES_FAILED] if failed else []), by="lane")
    by_queue = (
        f'label_replace({devices}, "queue", "push.$1", "priority", "(.+)") '
        f'or label_replace({images}, "queue", "$1", "lane", "(.+)")'
    )
    return f"(sum by (queue) ({by_queue}) and on (queue) {messages(queue=queue)})"


def _queues(queue: str) -> tuple[str, str]:
    return f'vhost="{VHOST}"', f'queue=~"{queue}"'


def _join(*labels: str) -> str:
    return ", ".join(label for label in labels if label)


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""
