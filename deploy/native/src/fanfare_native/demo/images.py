"""The demo's photos: a folder of them uploaded as it is, one bulk job over it, and variants one can open."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from fanfare_native.demo.answers import FINAL, POLL_SECONDS, answer, print_rows
from fanfare_native.errors import StackError
from fanfare_native.layout import Layout
from fanfare_native.progress import Progress

PHOTOS = 60
"""How many of the files become variants. Two more are broken: one that cannot be decoded, one that is no image."""
_CORRUPT, _NO_IMAGE = "cut-off.jpg", "a-text.jpg"
_PIPELINE = {
    "variants": [
        {"name": "web", "resize": {"max_width": 1000}, "watermark": {"text": "© Fanfare demo", "size": 26}},
        {"name": "card", "resize": {"mode": "cover", "width": 400, "height": 300}, "format": "webp"},
        {"name": "thumbnail", "thumbnail": 150},
    ]
}
_VARIANTS = {"resized", "web", "card", "thumbnail"}
"""`resized` is what every upload gets."""
_OUTCOMES = ("succeeded", "failed", "cancelled", "pending")
_DOWNLOADED_EVERY = 12


def run(api: httpx.Client, layout: Layout) -> list[str]:
    """What is wrong with either job's account. Raises StackError where a step is refused."""
    kept = layout.run / "demo"
    shutil.rmtree(kept, ignore_errors=True)
    photos = _make_photos(layout, kept / "photos")
    # A folder of its own for each demo: a job over it is a job over these photos.
    folder = f"demo {datetime.now().astimezone():%Y-%m-%d %H.%M.%S}"
    taken = _upload(api, photos, kept / "photos", folder)
    first = _follow(api, taken["job_id"], "resizing ")
    made = answer(api.post("/v1/image-jobs", json={"target": _whole(folder), "pipeline": _PIPELINE}))
    second = _follow(api, made["job_id"], "bulk job ")
    _print_accounts(api, {"the upload": first, "thumbnails and watermarks": second}, taken["rejected"])
    images = _images(api, folder)
    problems = _problems(taken, first, made, second, images)
    _download(api, images, kept / "variants")
    return problems


def _make_photos(layout: Layout, folder: Path) -> list[Path]:
    """Draws the photos into `folder`; their paths. The tests' own generator does it: the demo needs no other."""
    print(f"drawing {PHOTOS} photos", flush=True)
    environment = os.environ | {"PYTHONPATH": str(layout.root / "tests")}
    command = [sys.executable, "-m", "harness.images.holiday", str(folder)]
    drawn = subprocess.run(command, env=environment, cwd=layout.root, capture_output=True, text=True, check=False)
    if drawn.returncode:
        raise StackError(f"the photos could not be drawn: {drawn.stderr}")
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _upload(api: httpx.Client, photos: Sequence[Path], base: Path, folder: str) -> dict[str, Any]:
    """All of them by one request, each with its path below `base`."""
    with ExitStack() as opened:
        files = [
            ("files", (file.relative_to(base).as_posix(), opened.enter_context(file.open("rb")), "image/jpeg"))
            for file in photos
        ]
        taken: dict[str, Any] = answer(api.post("/v1/images", data={"folder": folder}, files=files, timeout=300))
    size = sum(file.stat().st_size for file in photos)
    print(
        f"uploaded  {len(photos)} files, {size / 1e6:.1f} MB: {len(taken['images'])} taken, "
        f"{len(taken['rejected'])} rejected"
    )
    return taken


def _follow(api: httpx.Client, job_id: str, title: str) -> dict[str, Any]:
    """The job's stats once it is final."""
    progress = Progress(title)
    while True:
        stats: dict[str, Any] = answer(api.get(f"/v1/image-jobs/{job_id}/stats"))
        done = stats["total"] - stats["pending"]
        if stats["status"] in FINAL:
            progress.finish(done, stats["total"], stats["status"])
            return stats
        progress.show(done, stats["total"], f"{stats['rate_per_second'] or 0:,.0f}/s")
        if stats["status"] == "paused":
            raise StackError(f"the image job was paused: {stats['pause_reason']}; GET /v1/image-jobs/{job_id}")
        time.sleep(POLL_SECONDS)


def _print_accounts(
    api: httpx.Client, jobs: Mapping[str, Mapping[str, Any]], rejected: Sequence[Mapping[str, str]]
) -> None:
    for title, stats in jobs.items():
        print(f"\n  {title}")
        print_rows({name: stats[name] for name in ("total", *_OUTCOMES)})
        page = answer(api.get(f"/v1/image-jobs/{stats['job_id']}/items", params={"status": "failed"}))
        for item in page["items"]:
            print(f"    {item['name']}: {item['error_code']}, {item['error_message']}")
    for file in rejected:
        print(f"\n  rejected\n    {file['name']}: {file['code']}, {file['message']}")


def _images(api: httpx.Client, folder: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer(api.get("/v1/images", params={**_whole(folder), "limit": 200}))["items"]
    return found


def _whole(folder: str) -> dict[str, Any]:
    return {"folder": folder, "recursive": True}


def _problems(
    taken: Mapping[str, Any],
    first: Mapping[str, Any],
    made: Mapping[str, Any],
    second: Mapping[str, Any],
    images: Sequence[Mapping[str, Any]],
) -> list[str]:
    whole = [image for image in images if set(image["variants"]) == _VARIANTS]
    left_out = made["rejected"]["count"] + second["failed"]
    checks = {
        f"the upload took {len(taken['images'])} files, not {PHOTOS + 1}": len(taken["images"]) == PHOTOS + 1,
        "the text was not rejected": [Path(file["name"]).name for file in taken["rejected"]] == [_NO_IMAGE],
        f"the upload is {first['status']}, not completed": first["status"] == "completed",
        "the upload's outcomes do not add up to its total": _adds_up(first) and first["total"] == PHOTOS + 1,
        "the file that was cut off did not fail alone": first["failed"] == 1
        and [image["name"] for image in images if image["status"] == "failed"] == [_CORRUPT],
        f"the bulk job is {second['status']}, not completed": second["status"] == "completed",
        "the bulk job's outcomes do not add up to its total": _adds_up(second) and second["total"] == made["accepted"],
        f"the bulk job did {second['succeeded']} of {PHOTOS}": (second["succeeded"], left_out) == (PHOTOS, 1),
        f"{len(whole)} images have every variant, not {PHOTOS}": len(whole) == PHOTOS,
    }
    return [problem for problem, is_right in checks.items() if not is_right]


def _adds_up(stats: Mapping[str, Any]) -> bool:
    return bool(stats["total"] == sum(stats[name] for name in _OUTCOMES) and not stats["pending"])


def _download(api: httpx.Client, images: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """The variants of every twelfth image, under the names that a browser would give them."""
    ready = [image for image in images if image["status"] == "ready"]
    folder.mkdir(parents=True)
    count = 0
    for image in ready[::_DOWNLOADED_EVERY]:
        place = Path(image["folder"]).name
        for variant in image["variants"].values():
            file = folder / place / variant["filename"]
            file.parent.mkdir(exist_ok=True)
            response = api.get(variant["address"])
            if response.is_error or len(response.content) != variant["size"]:
                raise StackError(f"{variant['address']}: {response.status_code}, {len(response.content):,} bytes")
            file.write_bytes(response.content)
            count += 1
    print(f"\n{count} variants to open: {os.path.relpath(folder)}")
