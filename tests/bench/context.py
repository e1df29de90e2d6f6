"""What every benchmark needs: the servers, a folder, and fleets on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.sink import Sink, sink
from fanfare_shared.testing.environment import ServerAddresses
from harness.fleet import Fleet, fleet_on

# Far above what the machine can do, so that the bucket is drawn from and never waited for.
UNBOUNDED_QUOTA = 6_000_000


@dataclass(frozen=True)
class Bench:
    servers: ServerAddresses
    folder: Path

    @contextmanager
    def fleet(self, name: str, **settings: str) -> Iterator[Fleet]:
        """A fleet with nothing but its simulator running."""
        folder = self.folder / name
        folder.mkdir()
        with fleet_on(self.servers, folder, **settings) as fleet:
            fleet.start_simulator()
            yield fleet

    @contextmanager
    def fleet_to_sink(self, name: str, **settings: str) -> Iterator[tuple[Fleet, Sink]]:
        """A fleet that sends to nginx and gets its access tokens from the simulator."""
        with self.fleet(name, **settings) as fleet:
            certificate, key = fleet.simulator_certificate
            with sink(fleet.folder, certificate, key) as to:
                fleet.settings["FANFARE_FCM_ENDPOINT"] = to.url
                yield fleet, to
