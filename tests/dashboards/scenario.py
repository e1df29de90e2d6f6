"""Work with every kind of result that the dashboards show, done by a real fleet and read by a real Prometheus."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from kombu import Connection

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import Lane
from fanfare_shared.testing.environment import ServerAddresses
from harness.album import Album
from harness.company import Company
from harness.fleet import Fleet, fleet_on
from harness.receivers import Receiver

_CUT_OFF = 0.6
_PIPELINE = {"variants": [{"name": "card", "resize": {"mode": "cover", "width": 120, "height": 120}}]}


@contextmanager
def observable_fleet(servers: ServerAddresses, folder: Path) -> Iterator[Fleet]:
    """A worker for each priority that is sent, one for all lanes; every process serves /metrics. Webhooks may go to this
    host.
    """
    folder.mkdir(exist_ok=True)
    with fleet_on(servers, folder, FANFARE_WEBHOOK_ALLOW="localhost,127.0.0.1") as fleet:
        fleet.with_metrics = True
        fleet.start_all(priorities=("high", "normal"))
        fleet.start_image_worker(*Lane, concurrency=2)
        yield fleet


@dataclass
class Scenario:
    """One app's campaigns and one album's jobs, and what clients and messages do wrong.

    `campaigns` and `jobs` are the ids of those it has sent, for their accounts.
    """

    company: Company
    album: Album
    receiver: Receiver
    campaigns: list[str]
    jobs: list[str]

    @classmethod
    def on(
        cls,
        fleet: Fleet,
        receiver: Receiver,
        *,
        devices: int,
        latency: Mapping[str, Any],
        quota_per_minute: int,
        pause_seconds: int,
    ) -> "Scenario":
        """Registers an app with so many devices: one in 20 is gone, one in 100 is of another sender, and for the one in the
        middle FCM first answers that the quota is used up for `pause_seconds`. `latency` is the simulator's.
        """
        busy = [{"outcome": "quota_exceeded", "retry_after": pause_seconds}, "accept"]
        patterns = [
            {"contains": "gone", "outcomes": ["unregistered"]},
            {"contains": "mismatch", "outcomes": ["sender_id_mismatch"]},
            {"contains": "busy", "outcomes": busy},
        ]
        fleet.simulator.script(latency=latency, patterns=patterns)
        project = "news-project"
        app = fleet.client.register_app(fleet.simulator.credentials(project), quota_per_minute, name="News")
        kinds = dict.fromkeys(range(1, devices, 20), "gone")
        kinds |= dict.fromkeys(range(2, devices, 100), "mismatch") | {devices // 2: "busy"}
        fleet.client.import_devices(app["id"], (f"{kinds.get(n, 'device')}-{n}" for n in range(devices)))
        return cls(Company(fleet, app["id"], "", app["webhook_secret"]), Album(fleet, 1), receiver, [], [])

    @property
    def fleet(self) -> Fleet:
        return self.company.fleet

    def send(self, **fields: Any) -> str:
        """A campaign to every device, whose end is told to the receiver."""
        campaign = self.company.send(webhook_url=self.receiver.url(), **fields)
        self.campaigns.append(campaign)
        return campaign

    def upload(self, number: int, *, photos: int = 4) -> None:
        """New photos, and a file that is cut off."""
        pictures = [self.album.photo(number * 1000 + each) for each in range(photos + 1)]
        files = {f"{number}/{each:03}.jpg": picture for each, picture in enumerate(pictures)}
        files[f"{number}/cut.jpg"] = pictures[-1][: int(len(pictures[-1]) * _CUT_OFF)]
        del files[f"{number}/{photos:03}.jpg"]
        self.jobs.append(self.album.upload(files)["job_id"])

    def work_on_images(self, number: int) -> None:
        """A job that makes another variant of that upload, and one that copies its files."""
        target = {"folder": f"{self.album.folder}/{number}", "recursive": True}
        self.jobs.append(self.album.start(target, pipeline=_PIPELINE))
        self.jobs.append(self.album.start(target, operation={"kind": "copy", "folder": self.album.folder}))

    def accounts(self) -> Counter[str]:
        """Devices by outcome in every campaign sent, once it is final."""
        account: Counter[str] = Counter()
        for campaign in self.campaigns:
            stats = self.company.finish(campaign)
            account.update(
                {name: stats[name] for name in ("invalid_token", "failed", "expired", "cancelled", "unknown")}
            )
            account["accepted"] += stats["success"]
        return +account

    def image_accounts(self) -> Counter[str]:
        """Items by outcome in every job, once it is final."""
        account: Counter[str] = Counter()
        for job_id in self.jobs:
            job = self.album.finish(job_id)
            account.update({name: job[name] for name in ("succeeded", "failed")})
        return +account

    def do_wrong(self) -> None:
        """A request for what is not there, and a message that its task refuses."""
        nothing = self.fleet.client.http.get(f"/v1/campaigns/{uuid4()}")
        if nothing.status_code != httpx.codes.NOT_FOUND:
            raise AssertionError(nothing.text)
        body = [[], {"message": {"version": 1}}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
        with Connection(self.fleet.broker.broker_url.get_secret_value()) as connection:
            connection.Producer().publish(
                json.dumps(body).encode(),
                exchange="",
                routing_key=Queue.CAMPAIGNS.value,
                headers={"task": "campaigns.plan", "id": str(uuid4()), "lang": "py"},
                content_type="application/json",
                content_encoding="utf-8",
                serializer=None,
            )
