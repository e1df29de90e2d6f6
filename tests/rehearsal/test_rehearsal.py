"""A rehearsal in small: the rendered autoscaler with its periods a sixtieth as long, on a real fleet."""

from dataclasses import replace
from pathlib import Path
from shutil import copy
from xml.etree import ElementTree as ET

from fanfare_shared.testing.environment import ServerAddresses
from harness.fleet import ROOT
from rehearsal import page, picture
from rehearsal.figures import figures
from rehearsal.load import Load
from rehearsal.manifests import Rendered
from rehearsal.scenario import Scenario, rehearse

MOST = 3
# A worker sends 250 a second so: whatever the machine, the campaign outlasts the way to the most workers.
WINDOW = 20


def scenario() -> Scenario:
    rendered = Rendered.of("push-worker-normal")
    settings = {**rendered.container.settings, "FANFARE_PUSH_WINDOW": str(WINDOW)}
    small = replace(
        rendered,
        scrape_interval="1s",
        autoscaler=rendered.autoscaler.faster(60, MOST),
        container=replace(rendered.container, settings=settings),
    )
    return Scenario(
        small,
        backlog=Load("backlog", devices=4000, quota_per_minute=600_000),
        trickle=Load("trickle", devices=300, quota_per_minute=1200),
        sync_seconds=0.5,
        limit_seconds=200,
        bare_windows=10,
        settings={"FANFARE_PUSH_BATCH_SIZE": "500"},
    )


def test_workers_come_and_go_with_the_queue_and_every_device_is_sent_to_once(
    server_addresses: ServerAddresses, tmp_path: Path
) -> None:
    outcome = rehearse(scenario(), server_addresses, tmp_path)
    found = figures(outcome)
    assert [figure for figure in found if not figure.met] == []
    assert {moment.replicas for moment in outcome.moments} == {1, 2, MOST}
    for sent in (outcome.backlog, outcome.trickle):
        assert (sent.account.devices, sent.account.missed, sent.account.repeated) == (sent.load.devices, 0, 0)

    picture.draw(outcome, tmp_path / "rehearsal.svg")
    drawn = " ".join(ET.parse(tmp_path / "rehearsal.svg").getroot().itertext())  # noqa: S314 - our own file
    assert "workers" in drawn
    assert "messages on push.normal" in drawn
    written = Path(copy(ROOT / "docs" / "rehearsal.md", tmp_path))
    page.write(written, "In small.", found)
    once = written.read_text()
    assert "\nIn small.\n" in once
    assert "| trickle: sent twice, by the simulator's count | 0 | 0 |" in once
    page.write(written, "In small.", found)
    assert written.read_text() == once
