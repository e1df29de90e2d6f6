"""A person's upload while a bulk job of 10,000 images runs: how soon it is answered, and how soon its variant is there."""

import statistics
import time
from dataclasses import dataclass

from bench.context import Bench
from bench.images import jobs
from bench.images.sources import MIDDLE, fill, write_photos
from bench.report import Figure, table
from fanfare_shared.contracts.words import Lane
from fanfare_shared.testing.polling import until
from harness.fleet import Fleet
from harness.images.photos import distinct

_BULK = 10_000
_BEGUN = 100
_UPLOADS = 20
_PAUSE_SECONDS = 0.5
_WANTED_ANSWER, _WANTED_READY = 0.100, 1.0


@dataclass(frozen=True)
class Upload:
    """Seconds until the 202, and from the request until the variant can be fetched."""

    answered: float
    ready: float


def run(bench: Bench) -> list[Figure]:
    with bench.fleet("image-interactive") as fleet:
        fleet.start_api()
        fleet.start_orchestrator()
        fleet.start_image_worker(Lane.INTERACTIVE, concurrency=1)
        fleet.start_image_worker(Lane.BULK, concurrency=2)
        files = write_photos(MIDDLE, bench.folder / "photos", 8)
        photo = files[0].read_bytes()
        _upload(fleet, distinct(photo, 0))  # the first one makes connections and loads codecs, and is not counted
        alone = [_upload(fleet, distinct(photo, 1 + number)) for number in range(_UPLOADS)]
        job_id = jobs.start(fleet, fill(fleet, files, _BULK, "bulk"), preset="default")
        until("the bulk job is planned", lambda: jobs.stats(fleet, job_id)["total"] == _BULK, 60)
        until("it runs", lambda: jobs.stats(fleet, job_id)["succeeded"] >= _BEGUN, 60)
        during = []
        for number in range(_UPLOADS):
            time.sleep(_PAUSE_SECONDS)
            during.append(_upload(fleet, distinct(photo, 1000 + number)))
        account = jobs.stats(fleet, job_id)
        if account["status"] != "processing":
            raise RuntimeError(f"the bulk job ended before everything was measured: {account}")
        fleet.client.post(f"/v1/image-jobs/{job_id}/cancel")
    table(
        f"Uploads of a {MIDDLE.name}, {_UPLOADS} one after the other; a bulk job of {_BULK:,} runs in two processes "
        f"({account['succeeded']:,} done at the end)",
        ("median ms", "nothing else runs", "while the bulk job runs", "worst of them"),
        [
            (
                what,
                *[
                    f"{1e3 * value:.0f}"
                    for value in (_median(alone, name), _median(during, name), _worst(during, name))
                ],
            )
            for what, name in (("until the 202", "answered"), ("until the variant is ready", "ready"))
        ],
    )
    answered, ready = _median(during, "answered"), _median(during, "ready")
    return [
        Figure(
            "202 for an upload during the bulk job",
            f"{answered * 1e3:.0f} ms",
            "within 100 ms",
            answered <= _WANTED_ANSWER,
        ),
        Figure("its variant ready", f"{ready:.2f} s", "within 1 s", ready <= _WANTED_READY),
    ]


def _upload(fleet: Fleet, data: bytes) -> Upload:
    began = time.perf_counter()
    answer = fleet.client.http.post("/v1/images", files={"files": ("photo.jpg", data, "image/jpeg")})
    answered = time.perf_counter() - began
    if answer.status_code != 202:
        raise RuntimeError(f"the upload was answered {answer.status_code}: {answer.text}")
    path = f"/v1/images/{answer.json()['images'][0]['id']}"
    until("the image is ready", lambda: fleet.client.get(path)["status"] == "ready", 60, every=0.01)
    return Upload(answered, time.perf_counter() - began)


def _median(uploads: list[Upload], name: str) -> float:
    return float(statistics.median(getattr(upload, name) for upload in uploads))


def _worst(uploads: list[Upload], name: str) -> float:
    return float(max(getattr(upload, name) for upload in uploads))
