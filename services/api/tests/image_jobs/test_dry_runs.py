"""A dry run says how many images it would be, in which lanes and for how long, and makes nothing."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from fanfare_shared.db.connection import Ledger
from fanfare_shared.ids import uuid7

AddImages = Callable[..., list[UUID]]
AddJob = Callable[..., UUID]
Ask = Callable[..., Awaitable[httpx.Response]]
Rows = Callable[..., list[dict[str, Any]]]

HEAVY_BYTES = 1_000_000_000
ALL = {"all": True}


async def _preview(ask: Ask, **body: Any) -> dict[str, Any]:
    answer = await ask(target=body.pop("target", ALL), dry_run=True, **body)
    assert answer.status_code == 200, answer.text
    preview: dict[str, Any] = answer.json()
    return preview


async def test_it_counts_by_lane_and_makes_nothing(ask: Ask, add_images: AddImages, ledger_rows: Rows) -> None:
    add_images(3)
    add_images(2, price=HEAVY_BYTES)
    add_images(1, key=None)
    preview = await _preview(ask, preset="default")
    assert (preview["accepted"], preview["rejected"]["codes"]) == (5, {"ORIGINAL_DROPPED": 1})
    assert preview["lanes"] == {"images.bulk": 3, "images.heavy": 2}
    assert preview["estimated_seconds"] > 0
    assert ledger_rows("image_jobs") == ledger_rows("audit_log") == []


async def test_of_ids_only_the_accepted_are_counted(ask: Ask, add_images: AddImages) -> None:
    images = [*add_images(2), *add_images(trashed_at="2026-01-01T00:00Z"), uuid7()]
    preview = await _preview(
        ask, target={"image_ids": [str(image_id) for image_id in images]}, operation={"kind": "trash"}
    )
    assert (preview["accepted"], preview["rejected"]["count"], preview["lanes"]) == (2, 2, {"files.bulk": 2})


async def test_nothing_to_do_is_an_answer_too(ask: Ask, add_images: AddImages) -> None:
    preview = await _preview(ask, target={"image_ids": [str(uuid7())]}, preset="default")
    assert preview == {
        "accepted": 0,
        "rejected": preview["rejected"],
        "lanes": {},
        "estimated_seconds": 0,
    }
    assert preview["rejected"]["count"] == 1


async def test_without_a_past_the_pixels_say_how_long(ask: Ask, add_images: AddImages) -> None:
    add_images(10)
    jpegs = (await _preview(ask, preset="default"))["estimated_seconds"]
    assert jpegs == pytest.approx(10 * 12e6 * 3.3e-9, rel=0.01)
    add_images(10, format="png")
    assert (await _preview(ask, preset="default"))["estimated_seconds"] > 4 * jpegs
    add_images(10, format=None, width=None, height=None)
    assert (await _preview(ask, preset="default"))["estimated_seconds"] > 5 * jpegs


async def test_what_such_work_took_lately_says_it_better(
    ask: Ask, add_images: AddImages, add_job: AddJob, ledger: Ledger
) -> None:
    add_job(["succeeded"] * 5 + ["failed"], status="completed")
    heavy_job = add_job(["succeeded"] * 2, status="completed")
    with ledger.transaction() as connection:
        connection.execute("UPDATE image_batches SET lane = 'images.heavy' WHERE job_id = %s", (heavy_job,))
        connection.execute("UPDATE image_items SET duration_ms = 3000 WHERE job_id = %s", (heavy_job,))
    add_images(100)
    add_images(10, price=HEAVY_BYTES)
    preview = await _preview(ask, preset="default")
    assert preview["estimated_seconds"] == pytest.approx(100 * 0.040 + 10 * 3.0)
    files = await _preview(ask, operation={"kind": "trash"})
    assert files["estimated_seconds"] < 1


async def test_no_rate_is_beaten(ask: Ask, add_images: AddImages) -> None:
    add_images(7)
    assert (await _preview(ask, preset="default", rate="10/m"))["estimated_seconds"] == pytest.approx(42)
