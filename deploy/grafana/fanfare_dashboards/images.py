"""Images: uploads and image jobs by lane: how fast, how many fail, how long they take and wait."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from fanfare_dashboards.panels import (
    OUTCOMES,
    STATUSES,
    app_variable,
    bars,
    durations,
    framed,
    graph,
    label_variable,
    number,
    runbook,
)
from fanfare_dashboards.queries import (
    IMAGES,
    IMAGES_FAILED,
    LANES,
    QUANTILES,
    VHOST,
    consumers,
    increase,
    messages,
    paused,
    quantile,
    rate,
    share,
    unattended,
)

_LANE = 'lane=~"$lane"'
_TASK = "fanfare_task_duration_seconds"
_OF_IMAGES = 'task="images.process_batch"'


def dashboard() -> Dashboard:
    page = framed(
        "fanfare-images",
        "Images",
        "Uploads and image jobs, by lane: images.interactive has single uploads, which somebody waits for; images.bulk the "
        "images of jobs; images.heavy the large ones; files.bulk copies, moves, deletes and archives.",
        [
            label_variable(
                "lane",
                "Lane",
                f'label_values(rabbitmq_detailed_queue_messages{{vhost="{VHOST}", queue=~"{LANES}"}}, queue)',
                everything=LANES,
            ),
            app_variable(shown=False),
        ],
    )
    _is_all_well(page)
    _throughput(page)
    _failures(page)
    _latency(page)
    _waiting(page)
    return page


def _is_all_well(page: Dashboard) -> None:
    page.with_row(Row("Is all well?"))
    page.with_panel(
        number(
            "Images that failed",
            "The share of the outcomes in the time shown. A file that is no image fails, and that is its sender's mistake; a "
            f"sudden rise is ours.{runbook('FanfareImagesFailing')}",
            share(increase(IMAGES, _LANE, IMAGES_FAILED), increase(IMAGES, _LANE)),
            "percentunit",
            steps={0.05: "yellow", 0.2: "red"},
        )
    )
    page.with_panel(
        number(
            "Longest standstill",
            f"How long an image job that has a batch due has finished none.{runbook('FanfareImageJobStalled')}",
            "max(fanfare_image_job_longest_stall_seconds)",
            "s",
            steps={600: "yellow", 1800: "red"},
        )
    )
    page.with_panel(
        number(
            "Lanes that nobody works on",
            f"Lanes with messages and without a worker.{runbook('FanfareNoWorker')}",
            unattended("$lane"),
            "short",
            steps={1: "red"},
        )
    )
    page.with_panel(
        number(
            "Image jobs that paused by themselves",
            "With a reason that nobody requested. They wait for a human."
            f"{runbook('FanfareImageJobPaused', 'FanfareLedgerImbalance')}",
            paused("image_job"),
            "short",
            steps={1: "red"},
        )
    )


def _throughput(page: Dashboard) -> None:
    page.with_row(Row("Throughput"))
    page.with_panel(
        graph(
            "Images a second, by lane",
            "Images whose outcome was recorded, with all their variants.",
            {"{{lane}}": rate(IMAGES, _LANE, by="lane")},
            "ops",
            stacked=True,
        )
    )
    page.with_panel(
        bars(
            "Images in the time shown, by lane and outcome",
            "As workers counted them; GET /v1/image-jobs/{id}/stats is one job's exact account.",
            "{{lane}} {{outcome}}",
            increase(IMAGES, _LANE, by="lane, outcome"),
            "short",
        )
    )


def _failures(page: Dashboard) -> None:
    page.with_row(Row("Failure rate"))
    page.with_panel(
        graph(
            "Share of images that failed, by lane",
            "GET /v1/image-jobs/{id}/items?status=failed says which, and why. Above a fifth for five minutes is an alert."
            f"{runbook('FanfareImagesFailing')}",
            {"{{lane}}": share(rate(IMAGES, _LANE, IMAGES_FAILED, by="lane"), rate(IMAGES, _LANE, by="lane"))},
            "percentunit",
            steps={0.2: "red"},
            top=1.0,
        )
    )
    page.with_panel(
        graph(
            "Images a second, by outcome",
            "Of the chosen lanes.",
            {"{{outcome}}": rate(IMAGES, _LANE, by="outcome")},
            "ops",
            stacked=True,
            colours=OUTCOMES,
        )
    )


def _latency(page: Dashboard) -> None:
    page.with_row(Row("Duration"))
    page.with_panel(
        durations(
            "Images",
            "From an original to its last variant, of all lanes.",
            "fanfare_image_duration_seconds",
        )
    )
    page.with_panel(
        graph(
            "Batches",
            "One message of a lane: a batch of a job, or one upload. The time limit of a lane ends what takes too long.",
            {name: quantile(level, _TASK, _OF_IMAGES) for name, level in QUANTILES.items()},
            "s",
            colours={"p50": "green", "p95": "yellow", "p99": "red"},
        )
    )


def _waiting(page: Dashboard) -> None:
    page.with_row(Row("Waiting"))
    page.with_panel(
        graph(
            "Messages, by lane",
            "Ready and unacknowledged. On images.interactive a message is an image that somebody waits for."
            f"{runbook('FanfareUploadsDelayed')}",
            {"{{queue}}": messages(queue="$lane")},
            "short",
        )
    )
    page.with_panel(
        graph(
            "Workers, by lane",
            "Consumers. Each lane is scaled by the depth of its own queue.",
            {"{{queue}}": consumers("$lane")},
            "short",
        )
    )
    page.with_panel(
        graph(
            "Oldest batch that is due",
            "How long the oldest batch of images that could be worked on has waited.",
            {"image jobs": "max(fanfare_image_job_oldest_pending_seconds)"},
            "s",
        )
    )
    page.with_panel(
        graph(
            "Image jobs that are not over",
            "Counted from the ledger every ten seconds.",
            {"{{status}}": 'max by (status) (fanfare_image_jobs{status=~"scheduled|processing|paused|cancelling"})'},
            "short",
            stacked=True,
            colours=STATUSES,
        )
    )
