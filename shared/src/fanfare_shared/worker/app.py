"""The Celery app factory: every setting that keeps a fleet from losing or doubling work, in one place."""

import ssl
from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from kombu import Queue as KombuQueue

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.settings import BrokerSettings

# A publisher blocked by a memory alarm would wait for ever; the ledger repeats what this gives up.
CONFIRM_TIMEOUT_SECONDS = 5
CONNECT_TIMEOUT_SECONDS = 3
SOFT_TIME_LIMIT_SECONDS = 240
TIME_LIMIT_SECONDS = 300


def make_app(name: str, settings: BrokerSettings, **overrides: Any) -> Celery:
    """A Celery app on RabbitMQ. `overrides` are Celery settings of the one service."""
    app = Celery(name, set_as_current=True)
    app.conf.update(
        broker_url=settings.broker_url.get_secret_value(),
        broker_use_ssl=_tls(settings),
        broker_transport_options={
            "confirm_publish": True,
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "write_timeout": CONFIRM_TIMEOUT_SECONDS,
        },
        broker_heartbeat=30,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # reconnect without limit
        # Queues are declared by definitions.json alone; their type is named so that prefetch is set per consumer,
        # the only kind that quorum queues have.
        task_queues=[
            KombuQueue(queue.value, no_declare=True, queue_arguments={"x-queue-type": "quorum"}) for queue in Queue
        ],
        task_create_missing_queues=False,
        task_default_queue=Queue.DEAD.value,
        task_default_exchange="",
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        result_expires=None,  # else beat would publish a daily clean-up of results
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_failure_or_timeout=False,  # a failure is rejected, and dead-lettered by policy
        task_soft_time_limit=SOFT_TIME_LIMIT_SECONDS,
        task_time_limit=TIME_LIMIT_SECONDS,
        task_publish_retry=False,  # the sweep repeats what is not published
        beat_scheduler="celery.beat:Scheduler",  # in memory: what was run is known from the ledger, not from a file
        worker_prefetch_multiplier=1,
        worker_enable_prefetch_count_reduction=False,
        # A batch goes on under its lease; whoever gets its message again finds that and acknowledges.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_consumer="fanfare_shared.worker.consumer:FanfareConsumer",
        worker_detect_quorum_queues=True,
        control_queue_exclusive=True,  # RabbitMQ 4.3 refuses transient queues that are not
        event_queue_exclusive=True,
        enable_utc=True,
        timezone=settings.timezone,
    )
    app.conf.update(**overrides)
    return app


def _tls(settings: BrokerSettings) -> dict[str, Any] | None:
    """What py-amqp needs for amqps. By itself it verifies that somebody vouches for the certificate, and not for whom."""
    url = urlsplit(settings.broker_url.get_secret_value())
    if url.scheme != "amqps":
        return None
    files = {
        "ca_certs": settings.broker_ca_file,  # without one py-amqp loads the system's
        "certfile": settings.broker_cert_file,
        "keyfile": settings.broker_key_file,
    }
    found = {name: str(path) for name, path in files.items() if path is not None}
    return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": url.hostname} | found
