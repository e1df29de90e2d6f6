"""A worker's /metrics: the sums over its child processes, served by the main process."""

import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path

from fanfare_shared import metrics  # noqa: F401 - chooses multiprocess values before prometheus_client is imported

from prometheus_client import CollectorRegistry, Metric, start_http_server  # isort: skip
from prometheus_client.mmap_dict import MmapedDict  # isort: skip
from prometheus_client.multiprocess import MultiProcessCollector  # isort: skip
from prometheus_client.registry import Collector  # isort: skip

from fanfare_shared.certificates import CertificateExpiryCollector
from fanfare_shared.processes import is_alive
from fanfare_shared.settings import WorkerSettings

# Stands for every dead child; to os.kill it is one's own process group, which is always there.
_THE_DEAD = 0
_VALUE_FILE = re.compile(r"_(\d+)\.db$")


def wipe(folder: Path) -> None:
    """Removes what an earlier worker left; this process's own files are open already and stay."""
    for file, pid in _value_files(folder):
        if pid != os.getpid():
            file.unlink(missing_ok=True)


def serve(settings: WorkerSettings) -> None:
    """Answers on `metrics_port` in a thread, where a port is set."""
    if settings.metrics_port is None or settings.metrics_dir is None:
        return
    registry = CollectorRegistry()
    registry.register(_LiveCollector(settings.metrics_dir))
    registry.register(CertificateExpiryCollector(settings))
    start_http_server(settings.metrics_port, addr=settings.metrics_host, registry=registry)


class _LiveCollector(Collector):
    """Settles what dead children left first; a child that was killed could not do so itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._settling = threading.Lock()
        self._values = MultiProcessCollector(None, path=str(folder))  # type: ignore[no-untyped-call] # has no types

    def collect(self) -> Iterable[Metric]:
        with self._settling:
            for file, pid in _value_files(self._folder):
                if not is_alive(pid):
                    _settle(file)
            return list(self._values.collect())  # type: ignore[no-untyped-call] # has no types


def _settle(file: Path) -> None:
    """Adds a dead child's counts to the sums of all dead ones, so that recycled children do not pile up files; its
    live gauges are forgotten.
    """
    kind = file.name.partition("_")[0]
    if kind in {"counter", "histogram"}:
        sums = MmapedDict(str(file.with_name(f"{kind}_{_THE_DEAD}.db")))  # type: ignore[no-untyped-call] # has no types
        for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call] # has no types
            sums.write_value(key, sums.read_value(key)[0] + value, timestamp)  # type: ignore[no-untyped-call] # has no types
        sums.close()  # type: ignore[no-untyped-call] # has no types
    file.unlink()


def _value_files(folder: Path) -> list[tuple[Path, int]]:
    found = ((file, _VALUE_FILE.search(file.name)) for file in folder.glob("*.db"))
    return [(file, int(match[1])) for file, match in found if match]
