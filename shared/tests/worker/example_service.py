"""A service as small as can be. A message's `request_id` says what its handler does; each call leaves a line."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from fanfare_shared import metrics
from fanfare_shared.contracts.messages import PlanCampaign, RunScheduled
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.errors import LeaseLostError, LedgerUnavailableError
from fanfare_shared.settings import BrokerSettings, WorkerSettings
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.children import per_child
from fanfare_shared.worker.main import run_worker
from fanfare_shared.worker.task import handles


class ExampleSettings(BrokerSettings, WorkerSettings):
    example_folder: Path


settings = ExampleSettings()
app = make_app("example", settings)
own_pid = per_child(os.getpid)
own_pid()  # in the main process, before the fork


@handles(app, PlanCampaign)
def plan(message: PlanCampaign) -> None:
    metrics.campaigns.labels("processing").set(1)
    with (settings.example_folder / "calls").open("a") as calls:
        calls.write(f"{own_pid()} {message.campaign_id} {message.request_id}\n")
    match message.request_id:
        case "crash":
            raise RuntimeError(f"it broke\nDETAIL: (key)=({message.campaign_id})")
        case "outage":
            raise LedgerUnavailableError
        case "lease_lost":
            raise LeaseLostError
        case "hold":
            deadline = time.monotonic() + 200
            while not (settings.example_folder / "release").exists() and time.monotonic() < deadline:
                time.sleep(0.05)


@handles(app, RunScheduled)
def run(message: RunScheduled) -> None:
    with (settings.example_folder / "calls").open("a") as calls:
        calls.write(f"{own_pid()} - {message.name}\n")


if os.environ.get("FANFARE_EXAMPLE_BEAT"):
    due = RunScheduled(name="daily", due_at=datetime(2026, 11, 21, 3, tzinfo=UTC))
    app.conf.beat_schedule = {
        "daily": {
            "task": due.task,
            "schedule": 1.0,
            "kwargs": {"message": due.model_dump(mode="json")},
            "options": {"queue": due.queue.value},
        }
    }

if __name__ == "__main__":
    run_worker(
        app,
        settings,
        name="example",
        queues=[Queue.CAMPAIGNS, Queue.MAINTENANCE],
        beat=bool(os.environ.get("FANFARE_EXAMPLE_BEAT")),
    )
