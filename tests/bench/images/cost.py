"""What an image costs the worker's processes from its queue to its stored variant, beside the bare call to libvips."""

import statistics
from dataclasses import dataclass
from pathlib import Path

from bench.context import Bench
from bench.images import jobs, peers
from bench.images.sources import LARGE, MIDDLE, Photo, fill, write_photos
from bench.report import Figure, table
from fanfare_shared.contracts.words import Lane
from harness.fleet import Fleet
from harness.processes import Process

_PICTURES = 4
_ROUNDS = 3
_WANTED = {LARGE: 1.15, MIDDLE: 1.3}
_IMAGES = {LARGE: 60, MIDDLE: 240}
"""A round."""
_WANTED_THREE = 1.4
_THREE = {
    "variants": [
        {"name": name, "resize": {"mode": "fit", "max_width": width, "max_height": height}}
        for name, width, height in (("resized", 800, 600), ("medium", 400, 300), ("small", 150, 150))
    ]
}


@dataclass(frozen=True)
class Round:
    """CPU milliseconds an image. `crop`: three variants, the smallest of them cut out where the attention is."""

    bare: float
    one: float
    three: float
    crop: float


def run(bench: Bench) -> list[Figure]:
    with bench.fleet("image-cost") as fleet:
        fleet.start_api()
        fleet.start_orchestrator()
        worker = fleet.start_image_worker(Lane.BULK, concurrency=1)
        files = {photo: write_photos(photo, bench.folder / "photos", _PICTURES) for photo in _WANTED}
        for photo in _WANTED:  # the first ones make connections and load codecs, and are not counted
            jobs.measure(fleet, worker, fill(fleet, files[photo], 10, f"warm-{photo.width}"), preset="thumbnails")
        idle = jobs.idle_cpu(worker)
        found = {photo: _rounds(fleet, worker, photo, files[photo], idle) for photo in _WANTED}
    table(
        f"CPU ms an image, one worker process, median of {_ROUNDS} rounds (idle: {idle * 1e3:.1f} ms a second, taken off)",
        ("photo", "bare call", "one variant", "ratio", "three variants", "of one", "with a crop", "of one"),
        [
            (
                photo.name,
                *[f"{_median(rounds, name):.2f}" for name in ("bare", "one")],
                f"{_ratio(rounds, 'one', 'bare'):.2f}",
                f"{_median(rounds, 'three'):.2f}",
                f"{_ratio(rounds, 'three', 'one'):.2f}",
                f"{_median(rounds, 'crop'):.2f}",
                f"{_ratio(rounds, 'crop', 'one'):.2f}",
            )
            for photo, rounds in found.items()
        ],
    )
    return [
        *[
            _figure(f"CPU an image, of the bare call's, {photo.name}", _ratio(found[photo], "one", "bare"), wanted)
            for photo, wanted in _WANTED.items()
        ],
        *[
            _figure(
                f"three variants, of the first alone, {photo.name}", _ratio(found[photo], "three", "one"), _WANTED_THREE
            )
            for photo in _WANTED
        ],
    ]


def _rounds(fleet: Fleet, worker: Process, photo: Photo, files: list[Path], idle: float) -> list[Round]:
    """All beside one another in each round, so that a machine whose speed drifts does not decide."""
    count, found = _IMAGES[photo], []
    for number in range(_ROUNDS):
        one, three, crop = (
            fill(fleet, files, count, f"{photo.width}-{number}-{name}") for name in ("one", "three", "crop")
        )
        found.append(
            Round(
                peers.pyvips_call(files, count).cpu_milliseconds,
                jobs.measure(fleet, worker, one, idle=idle, preset="default").cpu_milliseconds,
                jobs.measure(fleet, worker, three, idle=idle, pipeline=_THREE).cpu_milliseconds,
                jobs.measure(fleet, worker, crop, idle=idle, preset="thumbnails").cpu_milliseconds,
            )
        )
    return found


def _median(rounds: list[Round], name: str) -> float:
    return float(statistics.median(getattr(one, name) for one in rounds))


def _ratio(rounds: list[Round], name: str, to: str) -> float:
    return float(statistics.median(getattr(one, name) / getattr(one, to) for one in rounds))


def _figure(name: str, reached: float, wanted: float) -> Figure:
    return Figure(name, f"{reached:.2f}", f"at most {wanted}", reached <= wanted)
