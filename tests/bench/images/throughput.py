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
_PICTURES = 4
_ROUNDS = 3
_IMAGES = {LARGE: 200, MIDDLE: 600}
"""A round: whole batches for every process. Pillow gets a quarter, for it is slow."""
_WANTED = {"sharp": 0.85, "Pillow": 1.0}

Made = jobs.Job | peers.Measured
Rounds = dict[str, list[Made]]
"""What each round measured, by who did the work."""


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
            photo: _rounds(fleet, worker, photo, files[photo], out, with_sharp=not why_no_sharp) for photo in _IMAGES
        }
    table(
        f"Images a second, {_PROCESSES} processes each, median of {_ROUNDS} rounds",
        ("photo", "who", "images/s", "CPU ms an image", "cores busy", "Fanfare's rate, of it"),
        [
            (
                photo.name,
                who,
                f"{_median([made.rate for made in rounds[who]]):.1f}",
                f"{_median([made.cpu_milliseconds for made in rounds[who]]):.1f}",
                f"{_median([made.cpu_seconds / made.seconds for made in rounds[who]]):.2f}",
                f"{_ratio(rounds, who):.2f}",
            )
            for photo, rounds in found.items()
            for who in rounds
        ],
    )
    figures = [figure for photo, rounds in found.items() for figure in _figures(photo, rounds)]
    if why_no_sharp:
        figures.append(
            Figure("rate, of sharp's", f"not measured: {why_no_sharp}", f"at least {_WANTED['sharp']}", met=False)
        )
    return figures


def _rounds(fleet: Fleet, worker: Process, photo: Photo, files: list[Path], out: Path, *, with_sharp: bool) -> Rounds:
    """Everyone in each round, so that a machine whose speed drifts does not decide."""
    count, found = _IMAGES[photo], Rounds()
    for number in range(_ROUNDS):
        if with_sharp:
            found.setdefault("sharp", []).append(peers.sharp(files, count, _PROCESSES, out))
        found.setdefault("Pillow", []).append(peers.pillow(files, count // 4, _PROCESSES, out))
        folder = fill(fleet, files, count, f"{photo.width}-{number}")
        found.setdefault("Fanfare", []).append(jobs.measure(fleet, worker, folder, preset="default"))
        for made in out.iterdir():
            made.unlink()
    return found


def _median(values: list[float]) -> float:
    return float(statistics.median(values))


def _ratio(rounds: Rounds, who: str) -> float:
    return _median([ours.rate / theirs.rate for ours, theirs in zip(rounds["Fanfare"], rounds[who], strict=True)])


def _figures(photo: Photo, rounds: Rounds) -> list[Figure]:
    of = {who: _ratio(rounds, who) for who in _WANTED if who in rounds}
    return [
        Figure(f"rate, of {who}'s, {photo.name}", f"{ratio:.2f}", f"at least {_WANTED[who]}", ratio >= _WANTED[who])
        for who, ratio in of.items()
    ]
