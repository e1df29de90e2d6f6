"""Jobs over a folder: progress, what failed and just that again, control under load, what follows, and who is told."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fanfare_shared.db.connection import the_row
from fanfare_shared.testing.polling import until
from harness.album import OUTCOMES, Album, assert_adds_up
from harness.client import FINAL
from harness.receivers import Receiver

PIPELINE = {
    "variants": [
        {"name": "card", "resize": {"mode": "cover", "width": 120, "height": 120}, "watermark": {"text": "©"}},
        {"name": "small", "thumbnail": 40, "format": "webp"},
        {"name": "plain", "format": "png"},
    ]
}


def original_file(album: Album, image_id: str) -> Path:
    """Where its bytes are."""
    query = "SELECT o.key FROM originals o JOIN images i ON i.original_id = o.id WHERE i.id = %s"
    with album.fleet.ledger().statement() as connection:
        return album.fleet.storage / str(the_row(connection.execute(query, (image_id,)))[0])


def test_a_job_over_a_folder_tells_its_progress_and_makes_every_variant(album: Album) -> None:
    album.add({f"2026/{name}": data for name, data in album.photos(40).items()})
    job_id = album.start(pipeline=PIPELINE)
    events = list(album.events(job_id))
    for event in events:
        assert_adds_up(event)
    for before, after in pairwise(events):
        assert all(after[name] >= before[name] for name in ("total", "succeeded", "failed", "cancelled"))
    assert [event["status"] in FINAL for event in events].index(True) == len(events) - 1
    assert (events[-1]["status"], events[-1]["progress"], events[-1]["succeeded"]) == ("completed", 100, 40)
    album.finish(job_id)
    images = album.images()
    assert all(set(image["variants"]) == {"resized", "card", "small", "plain"} for image in images.values())
    assert {variant["format"] for image in images.values() for variant in image["variants"].values()} == {
        *("jpeg", "webp", "png"),
    }


def test_retry_failed_tries_just_what_failed_and_its_cause_is_gone(album: Album) -> None:
    album.add(album.photos(6))
    images = album.images()
    lost = {name: original_file(album, images[name]["id"]) for name in ("photo-001.jpg", "photo-004.jpg")}
    kept = {file: file.read_bytes() for file in lost.values()}
    for file in kept:
        file.unlink()
    job = album.run(pipeline=PIPELINE)
    assert (job["succeeded"], job["failed"], job["errors"]) == (4, 2, {"ORIGINAL_MISSING": 2})
    failed = album.items(job["job_id"], status="failed")
    assert {item["name"]: item["error_code"] for item in failed} == dict.fromkeys(lost, "ORIGINAL_MISSING")
    for file, data in kept.items():
        file.write_bytes(data)
    again = album.finish(album.act(job["job_id"], "retry-failed")["job_id"])
    assert (again["parent_id"], again["status"]) == (job["job_id"], "completed")
    assert (again["total"], again["succeeded"]) == (2, 2)
    assert {item["name"] for item in album.items(again["job_id"])} == set(lost)
    assert all("card" in image["variants"] for image in album.images().values())


def test_a_job_is_paused_resumed_and_cancelled_under_load_and_its_account_adds_up(album: Album) -> None:
    album.add(album.photos(60))
    job_id = album.start(pipeline=PIPELINE, rate="2/s")
    album.wait(job_id, lambda stats: stats["succeeded"] >= 3)
    assert album.act(job_id, "pause")["status"] == "paused"
    stopped = album.wait(job_id, lambda stats: not stats["batches"]["leased"])
    assert stopped["pending"] > 0
    assert album.act(job_id, "resume")["status"] == "processing"
    album.wait(job_id, lambda stats: stats["succeeded"] >= stopped["succeeded"] + 3)
    album.act(job_id, "cancel")
    job = album.finish(job_id)
    assert job["status"] == "cancelled"
    assert job["succeeded"] >= stopped["succeeded"] + 3
    assert job["cancelled"] > 0
    assert job["succeeded"] + job["cancelled"] == 60
    with_card = [image for image in album.images().values() if "card" in image["variants"]]
    assert len(with_card) == job["succeeded"]


def test_what_follows_goes_on_from_what_succeeded_and_from_what_failed(album: Album) -> None:
    album.add(album.photos(4))
    missing = original_file(album, album.images()["photo-002.jpg"]["id"])
    missing.unlink()
    job = album.run(
        pipeline=PIPELINE,
        then={
            "operation": {"kind": "rename", "pattern": "done-{n}{ext}"},
            "then": {"operation": {"kind": "archive", "name": "done"}},
        },
        on_failure={"operation": {"kind": "trash"}},
    )
    children = {child["operation"]: child["job_id"] for child in album.job(job["job_id"])["children"]}
    assert children.keys() == {"rename", "trash"}
    renamed, trashed = (album.finish(children[name]) for name in ("rename", "trash"))
    assert (renamed["total"], trashed["total"]) == (3, 1)
    assert album.images().keys() == {"done-1.jpg", "done-2.jpg", "done-3.jpg"}
    assert album.images(trashed=True).keys() == {"photo-002.jpg"}
    (archive,) = album.job(renamed["job_id"])["children"]
    assert album.finish(archive["job_id"])["result"]["archives"][0]["items"] == 3


def test_a_job_tells_its_webhook_once_signed_with_its_own_secret(
    album: Album, receiver: Receiver, pytestconfig: pytest.Config
) -> None:
    page = (pytestconfig.rootpath / "docs" / "webhooks.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own page
    album.add(album.photos(3))
    secret = "a secret of the caller's own"
    job = album.run(pipeline=PIPELINE, webhook_url=receiver.url(), webhook_secret=secret)
    until("the receiver is called", lambda: receiver.requests, 120)
    (_, headers, body), *more = receiver.requests
    assert not more
    assert names["is_from_fanfare"](secret, headers["Fanfare-Signature"], body)
    assert not names["is_from_fanfare"]("another secret than that", headers["Fanfare-Signature"], body)
    told = json.loads(body)
    assert (headers["Fanfare-Event"], told["event"]) == ("image_job.completed", "image_job.completed")
    said = ("job_id", "operation", "status", "total", "errors", *(name for name in OUTCOMES if name != "pending"))
    assert {name: told[name] for name in said} == {name: job[name] for name in said}


def test_a_dry_run_says_what_would_be_and_makes_nothing(album: Album) -> None:
    album.add(album.photos(5))
    before = len(album.client.items("/v1/image-jobs"))
    trashed = album.images()["photo-000.jpg"]["id"]
    album.client.http.delete(f"/v1/images/{trashed}").raise_for_status()
    ids = [image["id"] for image in album.images().values()]
    preview = album.client.post(
        "/v1/image-jobs", target={"image_ids": [*ids, trashed]}, pipeline=PIPELINE, dry_run=True
    )
    assert (preview["accepted"], preview["lanes"]) == (4, {"images.bulk": 4})
    assert preview["rejected"]["codes"] == {"IMAGE_TRASHED": 1}
    assert preview["estimated_seconds"] > 0
    assert len(album.client.items("/v1/image-jobs")) == before


def test_the_workers_metrics_count_what_the_items_say(album: Album) -> None:
    def counted() -> dict[tuple[str, str], float]:
        families = text_string_to_metric_families(album.fleet.metrics("image-worker"))
        samples = [sample for family in families for sample in family.samples if sample.name == "fanfare_images_total"]
        return {(sample.labels["lane"], sample.labels["outcome"]): sample.value for sample in samples}

    before = counted()
    album.add({"good.jpg": album.photo(1), "cut.jpg": album.photo(2)[:3000]})
    expected = {("images.interactive", outcome): 1.0 for outcome in ("succeeded", "failed")}

    def risen() -> bool:
        after = counted()
        return {name: after.get(name, 0) - before.get(name, 0) for name in expected} == expected

    until("the metrics show both", risen, 60)
