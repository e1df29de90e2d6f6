"""Draws the dashboards for the docs: `make pictures`. A fleet works for some minutes, and Prometheus is asked what was seen."""

import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from dashboards.drawing import draw
from dashboards.grafana import View, boards
from dashboards.scenario import Scenario, observable_fleet
from fanfare_shared.testing.environment import server_addresses
from harness.prometheus import prometheus_of
from harness.receivers import Receiver

FOLDER = Path(__file__).parents[2] / "docs" / "dashboards"
DEVICES = 60_000
QUOTA_PER_MINUTE = 36_000
LATENCY = {"distribution": "lognormal", "ms": 80, "sigma": 0.4, "max_ms": 1000}
PAUSE_SECONDS = 15
SCRAPE_SECONDS = 2.0
QUIET_SECONDS = 10
"""Before and after the work, so that a picture shows both."""


def main() -> None:
    servers = server_addresses()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            closing(Receiver(tls=None)) as receiver,
            observable_fleet(servers, folder / "fleet") as fleet,
            prometheus_of(fleet, servers, folder / "prometheus", scrape_interval=f"{SCRAPE_SECONDS:g}s") as prometheus,
        ):
            prometheus.wait_until_scraped()
            scenario = Scenario.on(
                fleet,
                receiver,
                devices=DEVICES,
                latency=LATENCY,
                quota_per_minute=QUOTA_PER_MINUTE,
                pause_seconds=PAUSE_SECONDS,
            )
            began = time.time()
            time.sleep(QUIET_SECONDS)
            _work(scenario)
            time.sleep(QUIET_SECONDS)
            view = View(began, time.time(), SCRAPE_SECONDS, points=200)
            FOLDER.mkdir(exist_ok=True)
            for board in boards():
                file = FOLDER / f"{board.name}.png"
                draw(board, prometheus, view, file)
                sys.stdout.write(f"{file.relative_to(FOLDER.parents[1])}: {file.stat().st_size:,} bytes\n")


def _work(scenario: Scenario) -> None:
    """A campaign to all, and, while it is sent, one of high priority to some; uploads and jobs beside them."""
    everybody = scenario.send(priority="normal")
    for number in range(12):
        scenario.upload(number, photos=20)
        if number in {3, 7}:
            scenario.do_wrong()
        if number == 4:
            scenario.send(priority="high", target={"user_ids": [f"user-{each}" for each in range(10_000)]})
        if number % 3 == 2:
            scenario.image_accounts()
            scenario.work_on_images(number)
        scenario.company.client.wait_for_sent(everybody, min((number + 1) * DEVICES // 14, DEVICES), 600)
    for campaign in scenario.campaigns:
        scenario.company.client.wait_for_status(campaign, seconds=600)
    scenario.image_accounts()


if __name__ == "__main__":
    main()
