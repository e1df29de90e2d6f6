"""What one end-to-end test sends from and to: an app of its own, with devices of its own."""

from dataclasses import dataclass, field
from typing import Any

from fanfare_shared.testing.polling import until
from fcm_simulator.client import SimulatorClient
from harness.client import Client, adds_up
from harness.fleet import Fleet


@dataclass
class Company:
    """`prefix` begins every token of the test's, so that its devices are told from another's."""

    fleet: Fleet
    app_id: str
    prefix: str
    webhook_secret: str
    tokens: list[str] = field(default_factory=list)

    @property
    def client(self) -> Client:
        return self.fleet.client

    @property
    def simulator(self) -> SimulatorClient:
        return self.fleet.simulator

    def add_devices(self, number: int, kind: str = "device") -> list[str]:
        """`user-0` and on, with tokens that name this test and `kind`."""
        added = [f"{self.prefix}-{kind}-{n}" for n in range(number)]
        self.client.import_devices(self.app_id, added)
        self.tokens += added
        return added

    def send(self, **fields: Any) -> str:
        campaign = self.client.create_campaign(self.app_id, **fields)
        self.client.send(campaign)
        return campaign

    def finish(self, campaign: str, seconds: float = 180) -> dict[str, Any]:
        """Its stats once it is final; the account must add up, and hold every device once."""
        stats = self.client.wait_for_status(campaign, seconds=seconds)
        assert adds_up(stats), stats
        rows = self.deliveries(campaign)
        assert len(rows) == stats["total_recipients"]
        assert len({row["device_id"] for row in rows}) == len(rows)
        return stats

    def task(self, task_id: str) -> dict[str, Any]:
        """The task once it is done."""

        def done() -> dict[str, Any] | None:
            task = self.client.get(f"/v1/tasks/{task_id}", wait=20)
            return task if task["status"] in {"SUCCESS", "FAILURE"} else None

        return until(f"task {task_id} is done", done, 120)

    def deliveries(self, campaign: str, **query: Any) -> list[dict[str, Any]]:
        """Every page."""
        return self.client.items(f"/v1/campaigns/{campaign}/deliveries", **query)
