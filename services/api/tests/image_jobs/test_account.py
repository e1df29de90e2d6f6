"""What an image job shows of itself: the live account, its items as pages and as CSV, its batches, what came of it."""

import csv
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from psycopg.types.json import Jsonb

from fanfare_api.bulk import export
from fanfare_shared.db.connection import Ledger
from fanfare_shared.ids import uuid7

AddImages = Callable[..., list[UUID]]
AddJob = Callable[..., UUID]
Ask = Callable[..., Awaitable[httpx.Response]]
MakeClient = Callable[..., httpx.AsyncClient]

OUTCOMES = ["succeeded", "failed", "pending", "succeeded", "cancelled"]


async def _get(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await client.get(f"/v1/image-jobs/{path}".removesuffix("/"), params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _pages(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while True:
        page = await _get(client, path, **params)
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        params["cursor"] = page["next_cursor"]


async def test_a_job_shows_itself_with_its_live_account(client: httpx.AsyncClient, add_job: AddJob) -> None:
    job_id = add_job(OUTCOMES, rate="10/m")
    job = await _get(client, str(job_id))
    assert (job["job_id"], job["operation"], job["status"], job["lane"]) == (
        str(job_id),
        "process",
        "processing",
        "images.bulk",
    )
    counts = {name: job[name] for name in ("total", "succeeded", "failed", "cancelled", "pending")}
    assert counts == {"total": 5, "succeeded": 2, "failed": 1, "cancelled": 1, "pending": 1}
    assert (job["progress"], job["errors"], job["rate"]) == (80, {"IMAGE_CORRUPT": 1}, "10/m")
    assert job["batches"] == {"planned": 1, "published": 0, "leased": 1, "set_aside": 0}
    assert (job["target"], job["rejected"], job["children"], job["result"]) == (
        {"all": True},
        {"count": 0, "codes": {}, "first": []},
        [],
        None,
    )
    stats = await _get(client, f"{job_id}/stats")
    assert stats.keys() < job.keys()
    assert {name: stats[name] for name in counts} == counts


@pytest.mark.parametrize("status", ["leased", "published", "ready", "set_aside"])
async def test_what_an_open_batch_has_recorded_counts_whatever_its_status(
    client: httpx.AsyncClient, add_job: AddJob, ledger: Ledger, status: str
) -> None:
    job_id = add_job(OUTCOMES)
    with ledger.transaction() as connection:
        connection.execute("UPDATE image_batches SET status = %s", (status,))
    stats = await _get(client, f"{job_id}/stats")
    assert (stats["succeeded"], stats["failed"], stats["cancelled"], stats["pending"]) == (2, 1, 1, 1)


async def test_a_jobs_account_is_that_of_all_its_lanes(
    client: httpx.AsyncClient, add_job: AddJob, ledger: Ledger
) -> None:
    job_id = add_job(["succeeded", "pending", "pending"])
    with ledger.transaction() as connection:
        connection.execute("UPDATE image_batches SET status = 'closed', size = 1")
        connection.execute("UPDATE image_jobs SET succeeded = 1, settled = 1")
        connection.execute(
            "INSERT INTO image_batches (job_id, lane, first_position, last_position, size, status, epoch, failed, errors) "
            "VALUES (%(id)s, 'images.heavy', 1, 1, 1, 'leased', 1, 1, %(errors)s), "
            "(%(id)s, 'images.bulk', 2, 2, 1, 'published', 0, 0, '{}')",
            {"id": job_id, "errors": Jsonb({"IMAGE_TOO_MANY_PIXELS": 1})},
        )
    stats = await _get(client, f"{job_id}/stats")
    assert (stats["succeeded"], stats["failed"], stats["pending"]) == (1, 1, 1)
    assert (stats["errors"], stats["batches"]["published"]) == ({"IMAGE_TOO_MANY_PIXELS": 1}, 1)


async def test_before_it_is_planned_the_total_is_zero_and_the_progress_not_known(
    client: httpx.AsyncClient, add_job: AddJob
) -> None:
    job = await _get(client, str(add_job()))
    assert (job["total"], job["pending"], job["progress"], job["eta_seconds"]) == (0, 0, None, None)


async def test_ids_are_counted_not_shown_and_the_rejected_keep_their_reasons(
    client: httpx.AsyncClient, ask: Ask, add_images: AddImages
) -> None:
    unknown = str(uuid7())
    images = [str(image_id) for image_id in add_images(3)]
    job_id = (await ask(target={"image_ids": [*images, unknown]}, preset="default")).json()["job_id"]
    job = await _get(client, job_id)
    assert job["target"] == {"image_count": 3}
    assert job["rejected"] == {
        "count": 1,
        "codes": {"IMAGE_UNKNOWN": 1},
        "first": [{"id": unknown, "code": "IMAGE_UNKNOWN", "message": "There is no such image"}],
    }
    assert (await _get(client, ""))["items"][0]["target"] == {"image_count": 3}


async def test_jobs_are_listed_newest_first_and_filtered(client: httpx.AsyncClient, add_job: AddJob) -> None:
    done = add_job(status="completed")
    trash = add_job(operation="trash", lane="files.bulk")
    upload = add_job(operation="upload", lane="images.interactive")

    async def ids(**params: Any) -> list[str]:
        return [item["job_id"] for item in await _pages(client, "", **params)]

    assert await ids(limit=1) == [str(upload), str(trash), str(done)]
    assert await ids(status="completed") == [str(done)]
    assert await ids(operation="trash") == [str(trash)]
    assert await ids(operation="upload", status="completed") == []
    assert (await client.get("/v1/image-jobs", params={"operation": "burn"})).status_code == 422


async def test_a_job_knows_what_came_of_it(client: httpx.AsyncClient, add_job: AddJob) -> None:
    parent = add_job(["failed"], status="completed")
    child = add_job(parent_id=parent, operation="trash", lane="files.bulk")
    grandchild = add_job(parent_id=child)
    children = (await _get(client, str(parent)))["children"]
    assert [(one["job_id"], one["operation"], one["status"]) for one in children] == [
        (str(child), "trash", "processing")
    ]
    assert (await _get(client, str(grandchild)))["parent_id"] == str(child)


async def test_items_come_in_pages_by_position_each_with_its_outcome(
    client: httpx.AsyncClient, add_job: AddJob
) -> None:
    job_id = add_job(OUTCOMES)
    items = await _pages(client, f"{job_id}/items", limit=2)
    assert [(item["position"], item["status"]) for item in items] == list(enumerate(OUTCOMES))
    assert items[1].keys() == {
        "position", "image_id", "name", "status", "error_code", "error_message", "attempts", "duration_ms", "result",
        "finished_at",
    }  # fmt: skip
    assert (items[1]["name"], items[1]["error_code"], items[0]["duration_ms"]) == ("1.jpg", "IMAGE_CORRUPT", 40)


@pytest.mark.parametrize("status", ["pending", "succeeded", "failed", "cancelled"])
async def test_items_are_filtered_by_outcome(client: httpx.AsyncClient, add_job: AddJob, status: str) -> None:
    job_id = add_job(OUTCOMES)
    expected = [position for position, outcome in enumerate(OUTCOMES) if outcome == status]
    items = await _pages(client, f"{job_id}/items", limit=1, status=status)
    assert [item["position"] for item in items] == expected
    text = (await client.get(f"/v1/image-jobs/{job_id}/items.csv", params={"status": status})).text
    assert [int(row["position"]) for row in csv.DictReader(text.splitlines())] == expected


async def test_csv_has_every_item_over_several_pages_and_runs_in_no_spreadsheet(
    client: httpx.AsyncClient, add_job: AddJob, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_PAGE", 2)
    job_id = add_job(OUTCOMES)
    with ledger.transaction() as connection:
        connection.execute("UPDATE image_items SET name = '=HYPERLINK(\"https://evil.example\")' WHERE position = 0")
        connection.execute("UPDATE image_items SET result = %s WHERE position = 3", (Jsonb({"name": "é, 1.jpg"}),))
    answer = await client.get(f"/v1/image-jobs/{job_id}/items.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert f"items-{job_id}.csv" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert [(int(row["position"]), row["status"]) for row in rows] == list(enumerate(OUTCOMES))
    assert rows[0]["name"] == '\'=HYPERLINK("https://evil.example")'
    assert json.loads(rows[3]["result"]) == {"name": "é, 1.jpg"}


async def test_batches_say_which_positions_they_hold(client: httpx.AsyncClient, add_job: AddJob) -> None:
    job_id = add_job(OUTCOMES)
    (batch,) = (await _get(client, f"{job_id}/batches"))["items"]
    assert (batch["lane"], batch["status"], batch["size"]) == ("images.bulk", "leased", 5)
    assert (batch["first_position"], batch["last_position"], batch["succeeded"]) == (0, 4, 2)
    assert (await _get(client, f"{job_id}/batches", status="closed"))["items"] == []


async def test_events_of_a_final_job_are_its_account_once(client: httpx.AsyncClient, add_job: AddJob) -> None:
    job_id = add_job(["succeeded", "failed"], status="completed")
    answer = await client.get(f"/v1/image-jobs/{job_id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    (line,) = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    event = json.loads(line.removeprefix("data: "))
    assert (event["status"], event["succeeded"], event["failed"], event["progress"]) == ("completed", 1, 1, 100)
    assert event.keys() == (await _get(client, f"{job_id}/stats")).keys()


@pytest.mark.parametrize("path", ["", "/stats", "/events", "/items", "/items.csv", "/batches", "/archives/0"])
async def test_an_unknown_job_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/v1/image-jobs/{uuid7()}{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_reading_takes_the_read_scope(make_client: MakeClient, add_job: AddJob) -> None:
    job_id = add_job(OUTCOMES)
    assert (await make_client("read", app_ids=[uuid7()]).get(f"/v1/image-jobs/{job_id}")).status_code == 200
    assert (await make_client("images").get(f"/v1/image-jobs/{job_id}")).status_code == 403
