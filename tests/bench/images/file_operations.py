"""Moving and trashing 100,000 images, from the request to the job's end."""

from bench.context import Bench
from bench.images import jobs
from bench.images.sources import fill
from bench.report import Figure, table
from fanfare_shared.contracts.words import Lane

_ITEMS = 100_000
_WANTED_SECONDS = 10


def run(bench: Bench) -> list[Figure]:
    with bench.fleet("image-files") as fleet:
        fleet.start_api()
        fleet.start_orchestrator()
        worker = fleet.start_image_worker(Lane.FILES, concurrency=2)
        here, there = (fill(fleet, (), count, folder) for count, folder in ((_ITEMS, "here"), (1, "there")))
        done = {
            "move": jobs.measure(fleet, worker, here, operation={"kind": "move", "folder_id": str(there)}),
            "trash": jobs.measure(fleet, worker, there, operation={"kind": "trash"}),
        }
    table(
        f"File operations on {_ITEMS:,} images",
        ("operation", "images", "seconds", "worker's CPU µs an image"),
        [
            (name, f"{job.items:,}", f"{job.seconds:.1f}", f"{job.cpu_milliseconds * 1e3:.0f}")
            for name, job in done.items()
        ],
    )
    return [
        Figure(
            f"{name} of {_ITEMS:,} images",
            f"{job.seconds:.1f} s",
            f"under {_WANTED_SECONDS} s",
            job.seconds < _WANTED_SECONDS,
        )
        for name, job in done.items()
    ]
