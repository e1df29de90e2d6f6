"""What a fleet did while it was watched, and what it says of it: one campaign, one whose messages are lost, an upload, jobs
that are paused, a webhook, a dead letter.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import psutil
from kombu import Connection, Producer

from fanfare_shared.testing.collectors import Collector
from fanfare_shared.testing.polling import until
from harness.album import Album
from harness.company import Company
from harness.fleet import Fleet
from harness.receivers import Receiver

WORKERS = ("orchestrator", "push-worker-normal", "image-worker")
BATCH_SIZE = 50
DEVICES, DEAD_DEVICES = 230, 10


@dataclass
class Story:
    """What the fleet did, and what it said of it. `metrics`: by process, as scraped when all was done.

    `request_id` and `trace_id` are those of the request that sent the campaign, as its caller gave them.
    """

    fleet: Fleet
    collector: Collector
    request_id: str = field(default_factory=lambda: f"req-{uuid4().hex}")
    trace_id: str = field(default_factory=lambda: uuid4().hex)
    campaign_id: str = ""
    repeated_campaign_id: str = ""
    image_job_id: str = ""
    metrics: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)


def tell(told: Story, receiver: Receiver) -> None:
    """Does all of it, and returns when the metrics tell of everything."""
    company = _company(told)
    with _without_the_sweep(told.fleet):
        _campaign(told, company, receiver)
        _images(told)
    until("the webhook is called", lambda: receiver.requests, 120)
    _campaign_of_lost_messages(told, company)
    _paused_jobs(told, company)
    _dead_letter(told)
    _scrape(told)


@contextmanager
def _without_the_sweep(fleet: Fleet) -> Iterator[None]:
    """Else on a slow machine it is sometimes first, and what it does is in another trace."""
    family = [psutil.Process(pid) for pid in fleet.processes["orchestrator"].pids]
    (sweep,) = [process for process in family if "fanfare_orchestrator.sweep" in process.cmdline()]
    sweep.suspend()
    try:
        yield
    finally:
        sweep.resume()


def _company(told: Story) -> Company:
    fleet = told.fleet
    credentials = fleet.simulator.credentials("observed")
    app = fleet.client.register_app(credentials, name="observed")
    company = Company(fleet, app["id"], "observed", app["webhook_secret"])
    company.add_devices(DEVICES)
    company.add_devices(DEAD_DEVICES, "dead")
    company.simulator.script(patterns=[{"contains": "-dead-", "outcomes": ["unregistered"]}])
    key = re.findall(r"[A-Za-z0-9+/]{60,}", credentials["private_key"])
    told.secrets = {
        **fleet.secrets,
        "api key": company.client.http.headers["Authorization"].removeprefix("Bearer "),
        "webhook secret": company.webhook_secret,
        "device token": "observed-device-",
        "dead device's token": "observed-dead-",
        "access token": "ya29.",
        "private key": key[len(key) // 2],
        "private key's head": "PRIVATE KEY",
    }
    return company


def _campaign(told: Story, company: Company, receiver: Receiver) -> None:
    told.campaign_id = company.client.create_campaign(company.app_id, webhook_url=receiver.url())
    company.client.http.post(
        f"/v1/campaigns/{told.campaign_id}/send",
        json={},
        headers={"X-Request-ID": told.request_id, "traceparent": f"00-{told.trace_id}-{'c' * 16}-01"},
    ).raise_for_status()
    company.finish(told.campaign_id)


def _campaign_of_lost_messages(told: Story, company: Company) -> None:
    """Nothing of it is ever published by the api: only the sweep finds it."""
    campaign = company.client.create_campaign(company.app_id)
    with told.fleet.ledger().transaction() as connection:
        connection.execute(
            "UPDATE campaigns SET status = 'processing', started_at = now(), due_at = now(),"
            " expires_at = now() + interval '1 hour' WHERE id = %s",
            (campaign,),
        )
    told.repeated_campaign_id = campaign
    company.finish(campaign)


def _images(told: Story) -> None:
    album = Album(told.fleet, 7)
    told.image_job_id = album.add(album.photos(3) | {"broken.jpg": album.photo(9)[:400]})["job_id"]


def _paused_jobs(told: Story, company: Company) -> None:
    client = told.fleet.client
    campaign = company.send(rate_per_second=1)
    client.act(campaign, "pause")
    album = Album(told.fleet, 7)
    job = album.start(pipeline={"variants": [{"name": "small", "thumbnail": 20}]}, rate="1/h")
    album.act(job, "pause")


def _dead_letter(told: Story) -> None:
    with Connection(told.fleet.broker.broker_url.get_secret_value()) as connection:
        Producer(connection).publish({"not": "a task"}, routing_key="campaigns", serializer="json")
    client = told.fleet.client
    until("the dead letter is listed", lambda: client.items("/v1/dead-letters"), 120)


_TOLD_LAST = (
    'fanfare_campaigns_paused{reason="requested"} 1.0',
    'fanfare_image_jobs_paused{reason="requested"} 1.0',
    'fanfare_notifications_total{kind="webhook",outcome="delivered"} 1.0',
    'fanfare_dead_letters_total{queue="campaigns"} 1.0',
)
"""Of the orchestrator: what is counted a moment after it is seen elsewhere."""


def _scrape(told: Story) -> None:
    def counted() -> bool:
        told.metrics = {name: told.fleet.metrics(name) for name in ("api", *WORKERS)}
        return all(line in told.metrics["orchestrator"] for line in _TOLD_LAST)

    until("the metrics tell of everything", counted, 120, every=0.5)
