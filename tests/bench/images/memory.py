"""The worker's memory over 10,000 images of many sizes."""

import time
from pathlib import Path

import psutil

from bench.context import Bench
from bench.images import jobs
from bench.images.sources import Photo, fill, write_photos
from bench.report import Figure, table
from fanfare_shared.contracts.words import Lane
from fanfare_shared.testing.polling import until
from harness.processes import Process

FEW, ALMOST, MANY = 1_000, 9_500, 10_000
_PROCESSES = 2
_SAMPLES, _SAMPLE_SECONDS = 20, 0.05
_WANTED = 1.1
# Of several sizes, so that the allocator has something to get wrong; small, so that there can be many.
_SIDES = ((640, 480), (720, 540), (800, 600), (900, 675), (1024, 768), (1200, 900))


def run(bench: Bench) -> list[Figure]:
    with bench.fleet("image-memory") as fleet:
        fleet.start_api()
        fleet.start_orchestrator()
        worker = fleet.start_image_worker(Lane.BULK, concurrency=_PROCESSES)
        files = _files(bench.folder / "photos")
        job_id = jobs.start(fleet, fill(fleet, files, MANY, "many"), preset="default")
        until(f"{FEW} are done", lambda: jobs.stats(fleet, job_id)["succeeded"] >= FEW, 120, every=0.02)
        few = _children(worker)
        until("almost all are done", lambda: jobs.stats(fleet, job_id)["succeeded"] >= ALMOST, 600, every=0.02)
        many = _children(worker)
        jobs.wait(fleet, job_id)
    if few.keys() != many.keys():
        raise RuntimeError(f"a worker's process was replaced: {few.keys()} by {many.keys()}")
    table(
        f"Memory of the worker's {_PROCESSES} processes, private to each (USS), MiB",
        ("process", f"after {FEW:,} images", f"after {ALMOST:,}", "ratio"),
        [
            (number, f"{few[pid] / 2**20:.1f}", f"{many[pid] / 2**20:.1f}", f"{many[pid] / few[pid]:.2f}")
            for number, pid in enumerate(few, start=1)
        ],
    )
    growth = max(many[pid] / few[pid] for pid in few)
    return [
        Figure(
            f"a worker process' memory, {ALMOST:,} images to {FEW:,}",
            f"{growth:.2f}",
            f"at most {_WANTED}",
            growth <= _WANTED,
        )
    ]


def _files(folder: Path) -> list[Path]:
    return [
        path
        for width, height in _SIDES
        for path in write_photos(Photo(f"{width} x {height}", width, height, width * height // 5), folder, 2)
    ]


def _children(worker: Process) -> dict[int, int]:
    """Peak bytes by process id, of some samples: a single one may fall between two images, or into the largest of them."""
    children = psutil.Process(worker.pid).children()
    peaks = dict.fromkeys((child.pid for child in children), 0)
    for _ in range(_SAMPLES):
        for child in children:
            peaks[child.pid] = max(peaks[child.pid], child.memory_full_info().uss)
        time.sleep(_SAMPLE_SECONDS)
    return peaks
