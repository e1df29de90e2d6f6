"""One fleet that is watched while it works: what it says in metrics, logs and traces is looked at after its end."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import trustme

from fanfare_shared.testing.collectors import Collector
from fanfare_shared.testing.environment import ServerAddresses
from harness.fleet import fleet_on
from harness.receivers import Receiver
from harness.story import BATCH_SIZE, WORKERS, Story, tell


@pytest.fixture(scope="session")
def story(server_addresses: ServerAddresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Told once: a campaign, one whose messages are lost, an upload, a webhook, a dead letter; then an orderly stop."""
    ca_file = tmp_path_factory.mktemp("ca") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca_file))
    with (
        closing(Receiver(None)) as receiver,
        Collector() as collector,
        fleet_on(
            server_addresses,
            tmp_path_factory.mktemp("fleet"),
            FANFARE_LOG_LEVEL="DEBUG",
            FANFARE_OTLP_ENDPOINT=collector.url,
            FANFARE_PUSH_BATCH_SIZE=str(BATCH_SIZE),
            FANFARE_STORAGE_CA_FILE=str(ca_file),
            FANFARE_WEBHOOK_ALLOW="localhost",
        ) as fleet,
    ):
        fleet.with_metrics = True
        fleet.start_all(priorities=("normal",))
        fleet.start_image_worker()
        told = Story(fleet, collector)
        tell(told, receiver)
        with ThreadPoolExecutor() as stopping:  # each hands over its last spans
            names = ("api", *WORKERS)
            ends = stopping.map(lambda name: fleet.processes[name].stop(), names)
            assert dict(zip(names, ends, strict=True)) == dict.fromkeys(names, 0)
        yield told
