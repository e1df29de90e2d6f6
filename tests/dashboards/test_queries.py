"""Every query of every dashboard finds something in a Prometheus that scraped the fleet while it worked, and finds the truth."""

import math
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from dashboards.drawing import DIGEST, digest, draw
from dashboards.grafana import FOLDER, Board, Panel, Series, View, board, boards
from dashboards.scenario import Scenario, observable_fleet
from fanfare_shared.contracts.words import Lane
from fanfare_shared.testing.environment import ServerAddresses
from fanfare_shared.testing.polling import until
from harness.prometheus import Prometheus, prometheus_of
from harness.receivers import Receiver

SCRAPE_SECONDS = 2.0
BOARDS = list(boards())
PANELS = [panel for board in BOARDS for panel in board.panels]


@dataclass(frozen=True)
class Seen:
    """What Prometheus saw of the scenario, and the window that all of it lies in."""

    scenario: Scenario
    prometheus: Prometheus
    view: View
    devices: dict[str, int]
    images: dict[str, int]

    def now(self, panel: Panel, view: View | None = None) -> dict[str, float]:
        """By the legend, what a panel of numbers or bars shows."""
        return {
            target.name(series): float(series["value"][1])
            for target, answer in panel.ask(self.prometheus, view or self.view)
            for series in answer
        }

    def values(self, panel: Panel) -> dict[str, list[float]]:
        """By the legend, what a graph draws."""
        return {
            target.name(series): _numbers(series)
            for target, answer in panel.ask(self.prometheus, self.view)
            for series in answer
        }


@pytest.fixture(scope="module")
def seen(server_addresses: ServerAddresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Everything happens twice, and is scraped in between: a rate needs a first value and a later one."""
    folder = tmp_path_factory.mktemp("dashboards")
    with closing(Receiver(tls=None)) as receiver, observable_fleet(server_addresses, folder / "fleet") as fleet:
        began = time.time()
        with prometheus_of(
            fleet, server_addresses, folder / "prometheus", scrape_interval=f"{SCRAPE_SECONDS:g}s"
        ) as prometheus:
            prometheus.wait_until_scraped()
            scenario = Scenario.on(
                fleet, receiver, devices=300, latency={"ms": 20}, quota_per_minute=600_000, pause_seconds=1
            )
            for number in range(2):
                scenario.do_wrong()
                scenario.upload(number)
                scenario.send(priority="high")
                scenario.send(priority="normal")
                devices, images = scenario.accounts(), scenario.image_accounts()
                scenario.work_on_images(number)
                images = scenario.image_accounts()
                expected = {
                    "sum(fanfare_push_messages_total)": devices.total(),
                    "sum(fanfare_images_total)": images.total(),
                    "sum(fanfare_dead_letters_total)": number + 1,
                    'sum(fanfare_notifications_total{outcome="delivered"})': len(scenario.campaigns),
                    'sum(fanfare_http_request_duration_seconds_count{status="404"})': number + 1,
                    'count(fanfare_app_pause_seconds{reason="QUOTA_EXCEEDED"})': 1,
                    'sum(fanfare_campaigns{status="completed"})': len(scenario.campaigns),
                }
                for expression, value in expected.items():
                    until(f"{expression} is {value}", partial(_is, prometheus, expression, value), 120, every=0.25)
            view = View(began, time.time(), SCRAPE_SECONDS)
            yield Seen(scenario, prometheus, view, dict(devices), dict(images))


def _is(prometheus: Prometheus, expression: str, value: float) -> bool:
    return prometheus.value(expression) == value


def _some(values: dict[str, float]) -> dict[str, float]:
    """Those that are not 0."""
    return {name: value for name, value in values.items() if value}


def _numbers(series: Series) -> list[float]:
    values = series.get("values") or [series["value"]]
    return [number for _, value in values if not math.isnan(number := float(value))]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: f"{panel.board.name}: {panel.title}")
def test_no_panel_is_empty(seen: Seen, panel: Panel) -> None:
    for target, answer in panel.ask(seen.prometheus, seen.view):
        assert answer, f"no series: {target.expression}"
        assert any(_numbers(series) for series in answer), f"not a number: {target.expression}"
        assert all(target.name(series) for series in answer) or not target.legend, f"no legend: {target.legend}"
        if target.instant:
            assert all(_numbers(series) for series in answer), f"not a number: {answer}"


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_variable_offers_what_the_fleet_has_and_each_choice_is_a_query(seen: Seen, board: Board) -> None:
    options = {name: board.options(name, seen.prometheus) for name in board.variables}
    assert all(options.values()), options
    assert options["app"] == [seen.scenario.company.app_id]
    one_of_each = replace(seen.view, chosen={name: values[:1] for name, values in options.items()})
    two_of_each = replace(seen.view, chosen={name: values[:2] for name, values in options.items()})
    for panel in board.panels:
        panel.ask(seen.prometheus, one_of_each)
        panel.ask(seen.prometheus, two_of_each)


def test_the_account_of_the_time_shown_is_the_ledgers(seen: Seen) -> None:
    assert seen.devices.keys() == {"accepted", "invalid_token", "failed"}
    assert _some(seen.now(board("campaign").panel("Devices, by outcome"))) == seen.devices
    errors = seen.now(board("campaign").panel("Errors, by code"))
    # A dead token is the second only where its device was deactivated between planning and sending.
    assert errors["UNREGISTERED"] + errors.get("DEVICE_GONE", 0) == seen.devices["invalid_token"]
    assert errors["SENDER_ID_MISMATCH"] == seen.devices["failed"]
    share = seen.now(board("campaign").panel("Devices that got nothing"))
    assert share == {"": pytest.approx(seen.devices["failed"] / sum(seen.devices.values()))}


def test_images_by_lane_and_outcome_are_those_of_the_jobs(seen: Seen) -> None:
    bars = seen.now(board("images").panel("Images in the time shown, by lane and outcome"))
    for outcome in ("succeeded", "failed"):
        assert sum(value for name, value in bars.items() if name.endswith(f" {outcome}")) == seen.images.get(outcome, 0)
    assert {name.split()[0] for name in bars} == {"images.interactive", "images.bulk", "files.bulk"}


def test_only_lanes_are_among_the_images_while_none_is_chosen(seen: Seen) -> None:
    lanes = {lane.value for lane in Lane}
    assert seen.values(board("images").panel("Messages, by lane")).keys() == lanes
    assert set(board("images").options("lane", seen.prometheus)) == lanes


def test_a_dead_letter_is_shown_on_its_queue_and_as_an_error_of_its_task(seen: Seen) -> None:
    letters = seen.now(board("queues").panel("Dead letters in the time shown"))
    assert _some(letters) == {"campaigns": 2}
    errors = seen.now(board("queues").panel("Errors of tasks in the time shown"))
    assert errors["campaigns.plan invalid_message"] == 2
    assert seen.now(board("fleet").panel("Dead letters, 15 min")) == {"": 2}


def test_what_is_wrong_is_seen_and_what_is_not_is_zero(seen: Seen) -> None:
    fleet = board("fleet")
    assert max(seen.values(fleet.panel("Requests a second, by status"))["4xx"]) > 0
    assert max(seen.values(fleet.panel("Devices a second, by outcome"))["failed"]) > 0
    quiet = ("Queues that nobody works on", "Jobs that paused by themselves", "Requests answered with 5xx, 15 min")
    assert [seen.now(fleet.panel(title)) for title in quiet] == [{"": 0}] * len(quiet)
    pauses = seen.values(board("campaign").panel("Pause that is left, by reason"))
    # Before the pause there is none, if Prometheus looked by then; the pause itself is over before the sweep looks again.
    assert pauses.keys() - {"none"} == {"QUOTA_EXCEEDED"}
    assert set(pauses.get("none", [])) <= {0}


def test_an_app_that_is_not_chosen_does_not_count(seen: Seen) -> None:
    another = replace(seen.view, chosen={"app": ["00000000-0000-0000-0000-000000000000"]})
    assert seen.now(board("campaign").panel("Devices, by outcome"), another) == {}
    this = replace(seen.view, chosen={"app": [seen.scenario.company.app_id]})
    assert _some(seen.now(board("campaign").panel("Devices, by outcome"), this)) == seen.devices


def test_a_queue_that_is_chosen_is_the_only_one_shown(seen: Seen) -> None:
    chosen = replace(seen.view, chosen={"queue": ["push.high"]})
    answers = [
        {series["metric"]["queue"] for series in answer}
        for title in ("Messages", "Workers", "Devices and images a second, by queue")
        for _, answer in board("queues").panel(title).ask(seen.prometheus, chosen)
    ]
    assert answers == [{"push.high"}] * 3


def test_the_pictures_in_the_docs_are_of_these_panels(seen: Seen, tmp_path: Path) -> None:
    """They are drawn by `make pictures`; here one is, from what was seen, which tells that it can be."""
    folder = FOLDER.parents[2] / "docs" / "dashboards"
    pictures = {each.name: Image.open(folder / f"{each.name}.png") for each in BOARDS}
    for each in BOARDS:
        assert pictures[each.name].info[DIGEST] == digest(each), f"{each.name} has changed since: run make pictures"
    draw(board("campaign"), seen.prometheus, seen.view, tmp_path / "campaign.png")
    drawn = Image.open(tmp_path / "campaign.png")
    assert (drawn.size, drawn.info) == (pictures["campaign"].size, pictures["campaign"].info)
