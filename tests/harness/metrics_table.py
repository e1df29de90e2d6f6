"""The tables of docs/metrics.md, from the code: `PYTHONPATH=tests python -m harness.metrics_table`.

A new metric needs its line in `SERVED_BY`, and each of its labels one in `LABELS`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fanfare_api.app import ROUTERS
from fanfare_orchestrator.sweep.sweepers import SWEEPERS
from fanfare_shared import errors, metrics
from fanfare_shared.bulk.notifications import NotificationKind
from fanfare_shared.contracts.messages import MESSAGES
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import ItemOutcome, JobStatus, Lane, Outcome, Priority

from prometheus_client.metrics import MetricWrapperBase  # isort: skip # after fanfare_shared.metrics

_WORKERS = ("orchestrator", "push-worker", "image-worker")
_SENDERS = ("api", *_WORKERS)

SERVED_BY: dict[str, tuple[str, ...]] = {
    "fanfare_app_pause_seconds": ("orchestrator",),
    "fanfare_app_quota_per_minute": ("orchestrator",),
    "fanfare_build_info": _SENDERS,
    "fanfare_campaign_longest_stall_seconds": ("orchestrator",),
    "fanfare_campaign_oldest_pending_seconds": ("orchestrator",),
    "fanfare_campaigns": ("orchestrator",),
    "fanfare_campaigns_paused": ("orchestrator",),
    "fanfare_dead_letters_total": ("orchestrator",),
    "fanfare_hints_total": _SENDERS,
    "fanfare_http_request_duration_seconds": ("api",),
    "fanfare_image_duration_seconds": ("image-worker",),
    "fanfare_image_job_longest_stall_seconds": ("orchestrator",),
    "fanfare_image_job_oldest_pending_seconds": ("orchestrator",),
    "fanfare_image_jobs": ("orchestrator",),
    "fanfare_image_jobs_paused": ("orchestrator",),
    "fanfare_images_total": ("image-worker",),
    "fanfare_ledger_imbalances_total": ("orchestrator",),
    "fanfare_notifications_total": ("orchestrator",),
    "fanfare_push_batch_duration_seconds": ("push-worker",),
    "fanfare_push_errors_total": ("push-worker",),
    "fanfare_push_messages_total": ("push-worker",),
    "fanfare_push_quota_fallbacks_total": ("push-worker",),
    "fanfare_push_quota_wait_seconds": ("push-worker",),
    "fanfare_push_request_duration_seconds": ("push-worker",),
    "fanfare_sweep_last_turn_timestamp_seconds": ("orchestrator",),
    "fanfare_task_duration_seconds": _WORKERS,
    "fanfare_tls_certificate_expiry_timestamp_seconds": _SENDERS,
}
"""The services that count it; a metric without labels is at 0 on the others' /metrics."""


@dataclass(frozen=True)
class Values:
    """What a label may be: these words, or what the pattern matches, of which there are so many."""

    words: frozenset[str] = frozenset()
    pattern: str = ""
    meaning: str = ""
    number: str = ""

    def allow(self, value: str) -> bool:
        return value in self.words or bool(self.pattern and re.fullmatch(self.pattern, value))

    def __str__(self) -> str:
        words = " ".join(f"`{word}`" for word in sorted(self.words))
        return "; ".join(part for part in (words, self.meaning) if part)

    @property
    def count(self) -> str:
        return self.number or str(len(self.words))


def _words(*words: str, **rest: str) -> Values:
    return Values(frozenset(words), **rest)


def _error_labels(root: type[errors.FanfareError] = errors.FanfareError) -> Iterator[str]:
    yield root.metric_label()
    for child in root.__subclasses__():
        yield from _error_labels(child)


_APP = Values(pattern=r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", meaning="an app's id", number="one an app")
_TASK = _words(*(message.task for message in MESSAGES))
_STATUS = _words(*JobStatus)
_REASON = Values(
    pattern="requested|[A-Z_]+", meaning="`requested`, or the code of what made it pause", number="about 5"
)

LABELS: dict[str, dict[str, Values]] = {
    "fanfare_app_pause_seconds": {
        "app": _APP,
        "reason": Values(
            pattern="[A-Z_]*",
            meaning="what the pause is for: `QUOTA_EXCEEDED`, `FCM_UNREACHABLE`, …; none",
            number="2 or 3",
        ),
    },
    "fanfare_app_quota_per_minute": {"app": _APP},
    "fanfare_build_info": {
        "service": _words(*_SENDERS),
        "version": Values(
            pattern=r"[0-9][0-9a-z.+]*", meaning="the service's version", number="one; two in a roll-out"
        ),
    },
    "fanfare_campaigns": {"status": _STATUS},
    "fanfare_campaigns_paused": {"reason": _REASON},
    "fanfare_dead_letters_total": {"queue": _words(*Queue, "unknown")},
    "fanfare_hints_total": {"task": _TASK, "outcome": _words("published", "unpublished", "unroutable")},
    "fanfare_http_request_duration_seconds": {
        "method": Values(pattern="[A-Z-]+", meaning="HTTP's methods", number="6"),
        "route": Values(
            pattern=r"none|/[A-Za-z0-9_{}:./-]*",
            meaning="the route's template, such as `/v1/apps/{app_id}`; `none`",
            number=str(len({getattr(route, "path", "") for router in ROUTERS for route in router.routes}) + 1),
        ),
        "status": Values(pattern="[1-5][0-9]{2}", meaning="HTTP's", number="about 5 a route"),
    },
    "fanfare_image_jobs": {"status": _STATUS},
    "fanfare_image_jobs_paused": {"reason": _REASON},
    "fanfare_images_total": {
        "lane": _words(*Lane),
        "outcome": _words(ItemOutcome.SUCCEEDED, ItemOutcome.FAILED),
    },
    "fanfare_notifications_total": {
        "kind": _words(*NotificationKind),
        "outcome": _words("delivered", "failed", "given_up"),
    },
    "fanfare_push_errors_total": {
        "app": _APP,
        "code": Values(
            pattern=r"[A-Z_]+|(CURL|HTTP)_[0-9]{1,3}",
            meaning="FCM's and Google's error codes, `DEVICE_GONE`, `HTTP_<status>`, `CURL_<code>`; `OTHER`",
            number="about 10 an app",
        ),
    },
    "fanfare_push_messages_total": {"app": _APP, "priority": _words(*Priority), "outcome": _words(*Outcome)},
    "fanfare_sweep_last_turn_timestamp_seconds": {"sweeper": _words(*(sweeper.name for sweeper in SWEEPERS))},
    "fanfare_task_duration_seconds": {
        "task": _TASK,
        "outcome": Values(
            words=frozenset({"success", "crash", *_error_labels()}),
            meaning="the error's code in small letters",
            number="2 or 3 a task",
        ),
    },
    "fanfare_tls_certificate_expiry_timestamp_seconds": {
        "setting": Values(pattern=r"[a-z_]+_(ca|cert)_file", meaning="the setting's name", number="up to 8"),
        "file": Values(pattern=r".+", meaning="its path", number="one a setting"),
    },
}


@dataclass(frozen=True)
class Definition:
    """`labels` in the code's order."""

    type: str
    labels: tuple[str, ...]
    documentation: str


def definitions() -> dict[str, Definition]:
    """Every metric of the code, by the name its samples are asked for: a counter's ends in `_total`."""
    found = {}
    for each in vars(metrics).values():
        if isinstance(each, MetricWrapperBase):
            name = f"{each._name}_total" if each._type == "counter" else each._name
            found[name] = Definition(str(each._type), tuple(each._labelnames), each._documentation)
    read = metrics.tls_certificate_expiry()
    return found | {read.name: Definition(read.type, read._labelnames, read.documentation)}


def table() -> str:
    lines = ["| metric | type | labels | counted by | what it tells |", "|---|---|---|---|---|"]
    for name, metric in sorted(definitions().items()):
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        services = "all" if SERVED_BY[name] == _SENDERS else ", ".join(SERVED_BY[name])
        lines.append(f"| `{name}` | {metric.type} | {labels} | {services} | {metric.documentation} |")
    return "\n".join(lines)


def labels_table() -> str:
    lines = ["| metric | label | values | how many |", "|---|---|---|---|"]
    for name, labels in sorted(LABELS.items()):
        for label, values in labels.items():
            shown = "the words of the error tree; `success`, `crash`" if len(values.words) > 20 else str(values)
            lines.append(f"| `{name}` | `{label}` | {shown} | {values.count} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(), labels_table(), sep="\n\n")  # noqa: T201 - this command's output
