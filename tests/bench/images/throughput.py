"""Two worker processes beside sharp and Pillow, which do the bare work on the same files in two processes."""

import statistics
from pathlib import Path

from bench.context import Bench
from bench.images import jobs, peers
from bench.images.sources import LARGE, MIDDLE, Photo, fill, write_photos
from bench.report import Figure, table
from fanfare_shared.contracts.words import Lane
from harness.fleet import Fleet
from harness.processes import Process

_PROCESSES = 2
_PICTURES = 8
_ROUNDS = 3
_IMAGES = {LARGE: 200, MIDDLE: 800}
"""A round: whole batches for every process."""
_WANTED = 0.85
_PEERS = ("sharp", "Pillow")
_WHO = (*_PEERS, "Fanfare")

Rates = dict[str, list[float]]
"""Images a second in each round, by who made them."""


def run(bench: Bench) -> list[Figure]:
    why_no_sharp = peers.why_no_sharp()
    with bench.fleet("image-throughput") as fleet:
        fleet.start_api()
        fleet.start_orchestrator()
        worker = fleet.start_image_worker(Lane.BULK, concurrency=_PROCESSES)
        out = bench.folder / "peers"
        out.mkdir()
        files = {photo: write_photos(photo, bench.folder / "photos", _PICTURES) for photo in _IMAGES}
        jobs.measure(fleet, worker, fill(fleet, files[MIDDLE], 200, "warm"), preset="default")
        found = {
            photo: _rates(fleet, worker, photo, files[photo], out, with_sharp=not why_no_sharp) for photo in _IMAGES
        }
    table(
        f"Images a second, {_PROCESSES} processes each, median of {_ROUNDS} rounds",
        ("photo", "sharp", "Pillow", "Fanfare", "of sharp's", "of Pillow's"),
        [
            (
                photo.name,
                *[f"{statistics.median(rates[who]):.1f}" if rates[who] else "-" for who in _WHO],
                *[f"{_ratio(rates, who):.2f}" if rates[who] else "-" for who in _PEERS],
            )
            for photo, rates in found.items()
        ],
    )
    figures = [figure for photo, rates in found.items() for figure in _figures(photo, rates)]
    if why_no_sharp:
        figures.append(Figure("rate, of sharp's", f"not measured: {why_no_sharp}", f"at least {_WANTED}", met=False))
    return figures


def _rates(fleet: Fleet, worker: Process, photo: Photo, files: list[Path], out: Path, *, with_sharp: bool) -> Rates:
    """Everyone in each round, so that a machine whose speed drifts does not decide."""
    count, found = _IMAGES[photo], Rates({who: [] for who in _WHO})
    for number in range(_ROUNDS):
        if with_sharp:
            found["sharp"].append(peers.sharp(files, count, _PROCESSES, out).rate)
        found["Pillow"].append(peers.pillow(files, count, _PROCESSES, out).rate)
        folder = fill(fleet, files, count, f"{photo.width}-{number}")
        found["Fanfare"].append(jobs.measure(fleet, worker, folder, preset="default").rate)
        for made in out.iterdir():
            made.unlink()
    return found


def _ratio(rates: Rates, who: str) -> float:
    return statistics.median(ours / theirs for ours, theirs in zip(rates["Fanfare"], rates[who], strict=True))


def _figures(photo: Photo, rates: Rates) -> list[Figure]:
    of = {who: _ratio(rates, who) for who in _PEERS if rates[who]}
    wanted = {"sharp": (f"at least {_WANTED}", _WANTED), "Pillow": ("above 1", 1.0)}
    return [
        Figure(f"rate, of {who}'s, {photo.name}", f"{ratio:.2f}", wanted[who][0], ratio >= wanted[who][1])
        for who, ratio in of.items()
    ]
