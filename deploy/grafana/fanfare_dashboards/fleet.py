"""Fleet: is all well, and where to look if not."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from fanfare_dashboards.panels import (
    CLASSES,
    OUTCOMES,
    STATUSES,
    app_variable,
    bars,
    durations,
    framed,
    graph,
    number,
    runbook,
)
from fanfare_dashboards.queries import (
    APP,
    DEVICES,
    DEVICES_FAILED,
    IMAGES,
    consumers,
    increase,
    messages,
    or_zero,
    paused,
    rate,
    share,
    unattended,
)

_HTTP = "fanfare_http_request_duration_seconds"
_REQUESTS = 'route!~"/healthz|/readyz|/metrics"'
# As the alert FanfareApiSlow: not what takes as long as its client or its file does.
_PROMPT = (
    'route=~"/v1/(apps|devices|campaigns|image-jobs|api-keys).*"',
    'route!~".*(import|events|deliveries|items|archives).*"',
)
_JOBS = "api|orchestrator|push-worker|image-worker|rabbitmq|rabbitmq-queues"
_ALL_QUEUES = ".+"


def dashboard() -> Dashboard:
    page = framed(
        "fanfare-fleet",
        "Fleet",
        "Is all well? The numbers above are green when it is; each says what to read when it is not.",
        [app_variable()],
    )
    _is_all_well(page)
    _throughput(page)
    _latency(page)
    _processes(page)
    return page


def _is_all_well(page: Dashboard) -> None:
    page.with_row(Row("Is all well?"))
    page.with_panel(
        number(
            "Devices that got nothing, 15 min",
            "The share of the outcomes of the last 15 minutes that are failed or unknown. Dead tokens (invalid_token) are not "
            f"among them. The dashboard Campaign shows the errors.{runbook('FanfareErrorShare')}",
            share(increase(DEVICES, APP, DEVICES_FAILED, window="15m"), increase(DEVICES, APP, window="15m")),
            "percentunit",
            steps={0.01: "yellow", 0.05: "red"},
        )
    )
    page.with_panel(
        number(
            "Longest standstill",
            "How long a campaign, or an image job, that has work due has finished no batch. One that goes on at all finishes "
            f"one every few seconds.{runbook('FanfareCampaignStalled', 'FanfareImageJobStalled')}",
            {
                "campaigns": "max(fanfare_campaign_longest_stall_seconds)",
                "image jobs": "max(fanfare_image_job_longest_stall_seconds)",
            },
            "s",
            steps={300: "yellow", 900: "red"},
        )
    )
    page.with_panel(
        number(
            "Dead letters, 15 min",
            "Messages that a worker refused. The work is not lost with them; GET /v1/dead-letters lists each with its "
            f"reason.{runbook('FanfareDeadLetters')}",
            f"round({increase('fanfare_dead_letters_total', window='15m')})",
            "short",
            steps={1: "yellow", 10: "red"},
        )
    )
    page.with_panel(
        number(
            "Queues that nobody works on",
            "Queues with messages and without a consumer. For a minute that is normal when workers are scaled to zero. The "
            f"dashboard Queues shows which.{runbook('FanfareNoWorker', 'FanfareOrchestratorNotConsuming')}",
            unattended(_ALL_QUEUES),
            "short",
            steps={1: "red"},
        )
    )
    page.with_panel(
        number(
            "Jobs that paused by themselves",
            "Campaigns and image jobs with a reason that nobody requested: refused credentials, a batch set aside, an account "
            f"that does not add up. They wait for a human.{runbook('FanfareCampaignPaused', 'FanfareLedgerImbalance')}",
            f"({paused('campaign')}) + ({paused('image_job')})",
            "short",
            steps={1: "red"},
        )
    )
    page.with_panel(
        number(
            "Requests answered with 5xx, 15 min",
            f"The share of the api's answers, probes aside.{runbook('FanfareApiErrors')}",
            share(
                increase(f"{_HTTP}_count", _REQUESTS, 'status=~"5.."', window="15m"),
                increase(f"{_HTTP}_count", _REQUESTS, window="15m"),
            ),
            "percentunit",
            steps={0.01: "yellow", 0.05: "red"},
        )
    )
    page.with_panel(
        number(
            "Targets that are not scraped",
            f"Processes, and RabbitMQ, that do not answer Prometheus now.{runbook('FanfareTargetDown')}",
            f'sum(up{{job=~"{_JOBS}"}} == bool 0)',
            "short",
            steps={1: "red"},
        )
    )
    page.with_panel(
        number(
            "The sweep's last turn",
            "How long ago the part of the orchestrator's sweep that waited longest had its turn. The sweep is the fleet's only "
            f"clock: schedule, retry, expiry.{runbook('FanfareSweepStopped')}",
            "time() - min(max by (sweeper) (fanfare_sweep_last_turn_timestamp_seconds))",
            "s",
            steps={60: "yellow", 120: "red"},
        )
    )


def _throughput(page: Dashboard) -> None:
    page.with_row(Row("Throughput"))
    page.with_panel(
        graph(
            "Devices a second, by outcome",
            "Outcomes that were recorded. Flat at the quota is as it should be; zero while a campaign is processing is not.",
            {"{{outcome}}": rate(DEVICES, APP, by="outcome")},
            "ops",
            stacked=True,
            colours=OUTCOMES,
        )
    )
    page.with_panel(
        graph(
            "Images a second, by outcome",
            "Images whose outcome was recorded, of all lanes.",
            {"{{outcome}}": rate(IMAGES, by="outcome")},
            "ops",
            stacked=True,
            colours=OUTCOMES,
        )
    )
    page.with_panel(
        graph(
            "Requests a second, by status",
            "Answers of the api, probes aside. 4xx are the callers' mistakes, 429 included.",
            {
                "{{class}}xx": "sum by (class) (label_replace("
                f'{rate(f"{_HTTP}_count", _REQUESTS, by="status")}, "class", "$1", "status", "(.).*"))'
            },
            "reqps",
            stacked=True,
            colours=CLASSES,
        )
    )
    page.with_panel(
        graph(
            "Campaigns that are not over",
            "Counted from the ledger every ten seconds.",
            {"{{status}}": 'max by (status) (fanfare_campaigns{status=~"scheduled|processing|paused|cancelling"})'},
            "short",
            stacked=True,
            colours=STATUSES,
        )
    )
    page.with_panel(
        graph(
            "Messages on the queues",
            "Ready and unacknowledged, by queue. Autoscaling goes by these. A message of push.* is a batch, not a device.",
            {"{{queue}}": messages(queue=_ALL_QUEUES)},
            "short",
        )
    )
    page.with_panel(
        graph(
            "Workers on the queues",
            "Consumers, by queue: 0 means that nobody takes its messages. A queue of pushes or images may be at 0 when empty.",
            {"{{queue}}": consumers(_ALL_QUEUES)},
            "short",
        )
    )


def _latency(page: Dashboard) -> None:
    page.with_row(Row("Latency"))
    page.with_panel(
        durations(
            "Requests to FCM",
            "From a request's start to its answer; one in 16 is timed. Tens of milliseconds are usual; a worker keeps its "
            "rate up to some hundred by having more of them in flight.",
            "fanfare_push_request_duration_seconds",
        )
    )
    page.with_panel(
        durations(
            "Requests to the api",
            "100 ms is what an answer should take. Left out: streams, imports, uploads, downloads and waits, which take as "
            f"long as their client or their file does.{runbook('FanfareApiSlow')}",
            _HTTP,
            *_PROMPT,
            steps={0.1: "yellow", 0.5: "red"},
        )
    )
    page.with_panel(
        graph(
            "Oldest batch that is due",
            "How long the oldest batch that could be worked on has waited. It grows with a large campaign, which is no fault; "
            f"a standstill is (see above). Six hours are worth a look.{runbook('FanfareCampaignPendingLong')}",
            {
                "campaigns": "max(fanfare_campaign_oldest_pending_seconds)",
                "image jobs": "max(fanfare_image_job_oldest_pending_seconds)",
            },
            "s",
        )
    )
    page.with_panel(
        durations(
            "Images", "From an original to its last variant, decoding included.", "fanfare_image_duration_seconds"
        )
    )


def _processes(page: Dashboard) -> None:
    page.with_row(Row("Processes"))
    page.with_panel(
        graph(
            "Processes that are scraped",
            "By workload: what autoscaling and roll-outs did.",
            {"{{workload}}": 'sum by (workload) (up{job=~"api|orchestrator|push-worker|image-worker"})'},
            "short",
        )
    )
    page.with_panel(
        bars(
            "Versions that run",
            "Processes by service and version. Two versions of a service are a roll-out, or one that did not end.",
            "{{service}} {{version}}",
            "count by (service, version) (fanfare_build_info)",
            "short",
        )
    )
    page.with_panel(
        graph(
            "Memory of the api and RabbitMQ",
            "Resident. A worker is several processes and does not tell; its container does (container_memory_working_set_bytes, "
            f"where cAdvisor is scraped).{runbook('FanfareBrokerAlarm')}",
            {
                "{{workload}}": 'sum by (workload) (process_resident_memory_bytes{job="api"})',
                "rabbitmq": "sum(rabbitmq_process_resident_memory_bytes)",
            },
            "bytes",
        )
    )
    page.with_panel(
        graph(
            "Messages that RabbitMQ did not take",
            "A second, by task. Nothing is lost: the sweep repeats each. It does cost time."
            f"{runbook('FanfareHintsUnpublished', 'FanfareHintsUnroutable')}",
            {
                "{{task}}": or_zero(
                    rate("fanfare_hints_total", 'outcome!="published"', by="task"),
                    rate("fanfare_hints_total", by="task"),
                )
            },
            "ops",
        )
    )
