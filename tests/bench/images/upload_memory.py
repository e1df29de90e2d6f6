"""The api's memory while a gigabyte is uploaded."""

import time
from concurrent.futures import ThreadPoolExecutor

import psutil

from bench.context import Bench
from bench.report import Figure, table
from harness.fleet import Fleet
from harness.images.photos import distinct, jpeg

_FILE_BYTES = 10_000_000
_CLIENTS = 4
_FILES_A_REQUEST = 5
_FEW, _MANY = 10, 25
"""Files a client: 400 MB together, and 1 GB."""
_WANTED = 1.1


def run(bench: Bench) -> list[Figure]:
    with bench.fleet("image-upload") as fleet:
        api = fleet.start_api()
        fleet.client.get("/v1/images")
        before = psutil.Process(api.pid).memory_info().rss
        few, _ = _peak_after(fleet, 0, _FEW)
        many, seconds = _peak_after(fleet, _FEW, _MANY)
        stored = len(fleet.client.items("/v1/images"))
    if stored != _CLIENTS * (_FEW + _MANY):
        raise RuntimeError(f"{stored} images are there")
    size = _CLIENTS * _MANY * _FILE_BYTES
    table(
        f"The api while {_CLIENTS} clients upload files of {_FILE_BYTES // 10**6} MB ({size / seconds / 1e6:.0f} MB a second)",
        ("resident memory", "MiB"),
        [
            ("before", f"{before / 2**20:.0f}"),
            (f"peak, {_CLIENTS * _FEW * _FILE_BYTES / 1e6:,.0f} MB uploaded", f"{few / 2**20:.0f}"),
            (f"peak, {size / 1e6:,.0f} MB more", f"{many / 2**20:.0f}"),
        ],
    )
    growth = many / few
    return [
        Figure(
            "the api's peak memory, 1 GB uploaded to 400 MB", f"{growth:.2f}", f"at most {_WANTED}", growth <= _WANTED
        ),
    ]


def _peak_after(fleet: Fleet, first: int, files: int) -> tuple[int, float]:
    """The api's peak memory so far, in bytes, once each client has sent so many files; and the seconds that took."""
    head, began = jpeg(800, 600), time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as clients:
        for sent in [clients.submit(_send, fleet, head, first, files, client) for client in range(_CLIENTS)]:
            sent.result()
    return fleet.processes["api"].usage().peak_bytes, time.perf_counter() - began


def _send(fleet: Fleet, head: bytes, first: int, files: int, client: int) -> None:
    """No two files are alike, or one would be stored."""
    numbers = [client * 1_000_000 + number for number in range(first, first + files)]
    for start in range(0, files, _FILES_A_REQUEST):
        photos = [distinct(head, number) for number in numbers[start : start + _FILES_A_REQUEST]]
        form = [("files", ("photo.jpg", photo.ljust(_FILE_BYTES, b"\0"), "image/jpeg")) for photo in photos]
        fleet.client.http.post("/v1/images", files=form, timeout=300).raise_for_status()
