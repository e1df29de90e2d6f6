"""Every metric of the fleet, by the names that dashboards and alerts use. `docs/metrics.md` is the catalogue.

prometheus_client decides when it is imported whether values are shared between processes, by the presence of
`PROMETHEUS_MULTIPROC_DIR`. This module sets it from `FANFARE_METRICS_DIR` (see `WorkerSettings.metrics_dir`) and is
therefore the first to import prometheus_client: import that library's names from nowhere else before this module.
"""

import inspect
import os
from importlib.metadata import version
from pathlib import Path

if folder := os.environ.get("FANFARE_METRICS_DIR"):
    Path(folder).mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics, values
from prometheus_client.metrics_core import GaugeMetricFamily

# A series more for each counter and histogram, with the moment it began; several processes together have none anyway.
disable_created_metrics()  # type: ignore[no-untyped-call] # has no types


def _close_inherited() -> None:
    for file in _value_files.values():
        file.close()


if folder:
    # A forked process opens value files of its own when it first counts, and closes those it inherited then. In beat's
    # process that is too late: Celery has closed every inherited descriptor before, and their numbers are something
    # else's, such as the connection to RabbitMQ. Closing at the fork is always right, and a second time does nothing.
    # prometheus_client has no call for that: `close_all_files` forgets the values too, which would never be opened anew.
    _value_files = inspect.getclosurevars(values.ValueClass.close_all_files).nonlocals["files"]
    os.register_at_fork(after_in_child=_close_inherited)

_TASK_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

push_messages = Counter(
    "fanfare_push_messages", "Devices whose outcome was recorded, by that outcome", ["app", "priority", "outcome"]
)
push_errors = Counter(
    "fanfare_push_errors",
    "Devices recorded with an error, by FCM's code: THIRD_PARTY_AUTH_ERROR wants a human",
    ["app", "code"],
)
push_request_duration = Histogram(
    "fanfare_push_request_duration_seconds",
    "One request to FCM, from its start to its answer",
    buckets=_REQUEST_SECONDS,
)
push_batch_duration = Histogram(
    "fanfare_push_batch_duration_seconds", "One batch, from its claim to its close", buckets=_TASK_SECONDS
)
push_quota_wait = Histogram(
    "fanfare_push_quota_wait_seconds", "What a chunk waited for the project's quota", buckets=_TASK_SECONDS
)
app_quota = Gauge(
    "fanfare_app_quota_per_minute",
    "Messages a minute the app's Firebase project may send, as it is set",
    ["app"],
    multiprocess_mode="livemostrecent",
)
app_pause = Gauge(
    "fanfare_app_pause_seconds",
    "What is left of the app's pause, by its reason: 429s, or FCM cannot be reached; 0: it may send",
    ["app", "reason"],
    multiprocess_mode="livemostrecent",
)
push_quota_fallbacks = Counter(
    "fanfare_push_quota_fallbacks",
    "Draws for which Redis did not answer: the process sends at its own share of the quota for some seconds",
)
campaigns = Gauge(
    "fanfare_campaigns", "Campaigns by status, counted from the ledger", ["status"], multiprocess_mode="livemostrecent"
)
campaign_oldest_pending = Gauge(
    "fanfare_campaign_oldest_pending_seconds",
    "Age of the oldest batch that is due and not finished",
    multiprocess_mode="livemostrecent",
)
campaign_longest_stall = Gauge(
    "fanfare_campaign_longest_stall_seconds",
    "How long at most a campaign that has a batch due, and no other to wait for, has closed none",
    multiprocess_mode="livemostrecent",
)
campaigns_paused = Gauge(
    "fanfare_campaigns_paused",
    "Paused campaigns by reason, counted from the ledger: `requested`, or what made it pause by itself",
    ["reason"],
    multiprocess_mode="livemostrecent",
)
image_jobs = Gauge(
    "fanfare_image_jobs",
    "Image jobs by status, counted from the ledger",
    ["status"],
    multiprocess_mode="livemostrecent",
)
image_job_oldest_pending = Gauge(
    "fanfare_image_job_oldest_pending_seconds",
    "Age of the oldest batch of images that is due and not finished",
    multiprocess_mode="livemostrecent",
)
image_job_longest_stall = Gauge(
    "fanfare_image_job_longest_stall_seconds",
    "How long at most an image job that has a batch due has closed none",
    multiprocess_mode="livemostrecent",
)
image_jobs_paused = Gauge(
    "fanfare_image_jobs_paused",
    "Paused image jobs by reason, counted from the ledger",
    ["reason"],
    multiprocess_mode="livemostrecent",
)
sweep_last_turn = Gauge(
    "fanfare_sweep_last_turn_timestamp_seconds",
    "When each part of the sweep, the fleet's only clock, last had a turn that went well",
    ["sweeper"],
    multiprocess_mode="livemostrecent",
)
images = Counter("fanfare_images", "Images whose outcome was recorded", ["lane", "outcome"])
image_duration = Histogram(
    "fanfare_image_duration_seconds", "One image, from its original to its last variant", buckets=_TASK_SECONDS
)
task_duration = Histogram(
    "fanfare_task_duration_seconds",
    "One message's handling: `success`, the error's label, or `crash`",
    ["task", "outcome"],
    buckets=_TASK_SECONDS,
)
http_request_duration = Histogram(
    "fanfare_http_request_duration_seconds",
    "One HTTP request to the api",
    ["method", "route", "status"],
    buckets=_REQUEST_SECONDS,
)
notifications = Counter(
    "fanfare_notifications",
    "Attempts to deliver a webhook or an e-mail: `delivered`, `failed` (to be tried again) or `given_up`",
    ["kind", "outcome"],
)
dead_letters = Counter(
    "fanfare_dead_letters", "Messages taken from the `dead` queue into the ledger, by the queue they died on", ["queue"]
)
ledger_imbalances = Counter(
    "fanfare_ledger_imbalances", "Bulk jobs paused because the recount of their outcomes did not match their account"
)
hints = Counter(
    "fanfare_hints",
    "Messages for RabbitMQ: `published`, `unpublished` (the broker did not answer; the sweep repeats it), `unroutable` "
    "(it has no such queue)",
    ["task", "outcome"],
)
build_info = Gauge(
    "fanfare_build_info", "Always 1: which version runs", ["service", "version"], multiprocess_mode="livemostrecent"
)


def show_build(service: str) -> None:
    """Once in a process that serves /metrics. Raises PackageNotFoundError where `fanfare-<service>` is not installed."""
    build_info.labels(service, version(f"fanfare-{service}")).set(1)


def tls_certificate_expiry() -> GaugeMetricFamily:
    """Without values: they are not kept, but read at each scrape by `fanfare_shared.certificates`."""
    return GaugeMetricFamily(
        "fanfare_tls_certificate_expiry_timestamp_seconds",
        "When a certificate file that the process is given expires: a chain with its first certificate, a file of "
        "authorities with its last; 0: it cannot be read",
        labels=["setting", "file"],
    )
