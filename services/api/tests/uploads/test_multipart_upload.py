"""`POST /v1/images`: what is stored, what is made of it, what is rejected, and what leaves nothing behind."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from fanfare_api.auth.caller import Caller
from fanfare_api.folders.names import FilePath
from fanfare_api.uploads.intake import Newcomer, admit
from fanfare_api.uploads.receiving import StoredFile
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.db.connection import Ledger
from fanfare_shared.images.presets import BUILT_IN
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.brokers import QueueReader
from fanfare_shared.testing.polling import until

Upload = Callable[..., Any]
Rows = Callable[..., list[dict[str, Any]]]
StoredKeys = Callable[[], set[str]]

JPEG = b"\xff\xd8\xff\xe0" + b"a picture" * 100
PNG = b"\x89PNG\r\n\x1a\n" + b"another" * 100


async def test_an_image_is_stored_and_its_job_is_on_its_way(
    upload: Upload, app: FastAPI, ledger_rows: Rows, stored_keys: StoredKeys, clean_broker: BrokerSettings
) -> None:
    answer = await upload(("a.jpg", JPEG), owner="me")
    assert answer.status_code == 202
    taken = answer.json()
    (image,) = taken["images"]
    assert (image["name"], image["status"], image["folder"], image["duplicate_of"]) == (
        "a.jpg",
        "processing",
        None,
        None,
    )
    assert taken["rejected"] == []
    assert answer.headers["Location"] == f"/v1/image-jobs/{taken['job_id']}"

    (original,) = ledger_rows("originals")
    assert (original["digest"], original["size"]) == (hashlib.sha256(JPEG).digest(), len(JPEG))
    assert original["media_type"] == "image/jpeg"
    assert app.state.runtime.storage().get(original["key"]) == JPEG
    assert stored_keys() == {original["key"]}
    assert ledger_rows("doomed_objects") == []

    (row,) = ledger_rows("images")
    assert (str(row["id"]), row["owner"], row["status"]) == (image["id"], "me", "processing")
    (job,) = ledger_rows("image_jobs")
    assert (str(job["id"]), job["operation"], job["status"]) == (taken["job_id"], "upload", "processing")
    assert (job["lane"], job["target"]) == ("images.interactive", {"image_ids": [image["id"]]})
    assert job["parameters"] == {"pipeline": BUILT_IN["default"].model_dump(mode="json")}
    assert None not in (job["started_at"], job["due_at"])
    (plan,) = ledger_rows("image_job_plans")
    assert (plan["total"], plan["batches"]) == (1, 1)
    assert plan["planned_at"] is not None
    (batch,) = ledger_rows("image_batches")
    assert (batch["status"], batch["lane"], batch["size"], batch["hints"]) == ("published", "images.interactive", 1, 1)
    (item,) = ledger_rows("image_items")
    assert (item["batch_id"], item["position"], item["name"]) == (batch["id"], 0, "a.jpg")
    assert (item["image_id"], item["status"]) == (row["id"], "pending")

    with QueueReader(clean_broker) as queues:
        message = await asyncio.to_thread(_take, queues, Queue.IMAGES_INTERACTIVE)
    assert message.headers["task"] == "images.process_batch"
    assert message.payload[1]["message"]["batch_id"] == batch["id"]


async def test_a_large_file_comes_back_as_it_went_on_either_storage(
    on_storage: tuple[FastAPI, httpx.AsyncClient], ledger_rows: Rows
) -> None:
    _, client = on_storage
    content = JPEG + bytes(range(256)) * 50_000
    answer = await client.post("/v1/images", files=[("files", ("a.jpg", content)), ("files", ("b.png", PNG))])
    assert answer.status_code == 202, answer.text
    address = f"/v1/images/{answer.json()['images'][0]['id']}/original"
    assert (await client.get(address)).content == content
    part = await client.get(address, headers={"Range": "bytes=12000000-"})
    assert (part.status_code, part.content) == (206, content[12_000_000:])
    assert ledger_rows("doomed_objects") == []


async def test_many_files_are_many_batches_of_one_job(upload: Upload, ledger_rows: Rows) -> None:
    files = [(f"{number}.jpg", JPEG + bytes([number])) for number in range(7)]
    taken = (await upload(*files)).json()
    assert [image["name"] for image in taken["images"]] == [name for name, _ in files]
    assert [(batch["first_position"], batch["last_position"]) for batch in ledger_rows("image_batches")] == [
        (number, number) for number in range(7)
    ]
    items = ledger_rows("image_items", job_id=taken["job_id"])
    assert {str(item["image_id"]): item["position"] for item in items} == {
        image["id"]: position for position, image in enumerate(taken["images"])
    }


async def test_a_hundred_files_are_a_bulk_job_that_dispatch_publishes(upload: Upload, ledger_rows: Rows) -> None:
    taken = (await upload(*[(f"{number}.jpg", JPEG + bytes([number])) for number in range(101)])).json()
    assert len(taken["images"]) == 101
    assert [job["lane"] for job in ledger_rows("image_jobs")] == ["images.bulk"]
    batches = ledger_rows("image_batches")
    assert {(batch["status"], batch["lane"], batch["hints"]) for batch in batches} == {("ready", "images.bulk", 0)}
    assert [batch["size"] for batch in batches] == [20, 20, 20, 20, 20, 1]
    (plan,) = ledger_rows("image_job_plans")
    assert (plan["total"], plan["batches"]) == (101, 6)
    by_batch = {batch["id"]: range(batch["first_position"], batch["last_position"] + 1) for batch in batches}
    assert all(item["position"] in by_batch[item["batch_id"]] for item in ledger_rows("image_items"))


async def test_fields_may_follow_the_files(client: httpx.AsyncClient, form: Any, ledger_rows: Rows) -> None:
    parts = [
        form.part('name="files"; filename="a.jpg"', JPEG),
        form.part('name="preset"', b"thumbnails"),
        form.part('name="folder"', "휴가/2026".encode()),
        form.part('name="owner"', b"me"),
    ]
    answer = await client.post("/v1/images", content=form.body(parts), headers=form.headers)
    assert answer.status_code == 202
    assert answer.json()["images"][0]["folder"] == "휴가/2026"
    (job,) = ledger_rows("image_jobs")
    assert job["parameters"]["pipeline"] == BUILT_IN["thumbnails"].model_dump(mode="json")
    assert {folder["path"]: folder["name"] for folder in ledger_rows("folders")} == {
        "휴가": "휴가",
        "휴가/2026": "2026",
    }


async def test_a_pipeline_is_given_as_json(upload: Upload, ledger_rows: Rows) -> None:
    answer = await upload(("a.jpg", JPEG), pipeline='{"variants": [{"name": "tiny", "thumbnail": 50}]}')
    assert answer.status_code == 202
    (job,) = ledger_rows("image_jobs")
    assert job["parameters"]["pipeline"]["variants"][0]["thumbnail"] == 50


async def test_a_folder_keeps_its_structure(upload: Upload, ledger_rows: Rows) -> None:
    files = [("one/a.jpg", JPEG), ("one/two/b.jpg", JPEG + b"b"), ("c.jpg", JPEG + b"c")]
    taken = (await upload(*files, folder="holiday")).json()
    assert [(image["folder"], image["name"]) for image in taken["images"]] == [
        ("holiday/one", "a.jpg"),
        ("holiday/one/two", "b.jpg"),
        ("holiday", "c.jpg"),
    ]
    folders = {folder["id"]: folder for folder in ledger_rows("folders")}
    assert {folder["path"] for folder in folders.values()} == {"holiday", "holiday/one", "holiday/one/two"}
    for folder in folders.values():
        above = folders[folder["parent_id"]]["path"] + "/" if folder["parent_id"] else ""
        assert folder["path"] == above + folder["name"]
    again = (await upload(("d.jpg", JPEG), folder_id=taken_folder(folders, "holiday/one"))).json()
    assert again["images"][0]["folder"] == "holiday/one"
    assert len(ledger_rows("folders")) == 3


def taken_folder(folders: dict[UUID, dict[str, Any]], path: str) -> str:
    return next(str(folder_id) for folder_id, folder in folders.items() if folder["path"] == path)


async def test_paths_name_the_files_in_their_order(upload: Upload) -> None:
    files = [("blob", JPEG), ("blob", JPEG + b"b")]
    taken = (await upload(*files, paths=["x/a.jpg", "y/b.jpg"])).json()
    assert [(image["folder"], image["name"]) for image in taken["images"]] == [("x", "a.jpg"), ("y", "b.jpg")]


async def test_the_same_bytes_are_stored_once(upload: Upload, ledger_rows: Rows, stored_keys: StoredKeys) -> None:
    first = (await upload(("a.jpg", JPEG), ("b.jpg", JPEG))).json()["images"]
    assert [image["duplicate_of"] for image in first] == [None, first[0]["id"]]
    second = (await upload(("c.jpg", JPEG))).json()["images"]
    assert second[0]["duplicate_of"] == first[0]["id"]
    (original,) = ledger_rows("originals")
    assert {image["original_id"] for image in ledger_rows("images")} == {original["id"]}
    assert len(ledger_rows("images")) == 3
    assert stored_keys() == {original["key"]}
    assert ledger_rows("doomed_objects") == []


async def test_ten_uploads_of_the_same_bytes_at_once_store_them_once(
    upload: Upload, ledger_rows: Rows, stored_keys: StoredKeys
) -> None:
    answers = await asyncio.gather(*(upload((f"{n}.jpg", JPEG), (f"{n}.png", PNG)) for n in range(10)))
    assert {answer.status_code for answer in answers} == {202}
    originals = ledger_rows("originals")
    assert len(originals) == 2
    assert len(ledger_rows("images")) == 20
    assert stored_keys() == {original["key"] for original in originals}
    assert ledger_rows("doomed_objects") == []


async def test_an_original_that_was_dropped_for_its_age_comes_back_with_its_bytes(
    upload: Upload, ledger: Ledger, ledger_rows: Rows, stored_keys: StoredKeys
) -> None:
    await upload(("a.jpg", JPEG))
    with ledger.transaction() as connection:
        connection.execute("UPDATE originals SET key = NULL, dropped_at = now()")
    await upload(("b.jpg", JPEG))
    (original,) = ledger_rows("originals")
    assert original["dropped_at"] is None
    assert original["key"] in stored_keys()


async def test_an_upload_whose_file_was_removed_meanwhile_is_to_be_sent_again(
    client: httpx.AsyncClient, form: Any, ledger: Ledger, ledger_rows: Rows, stored_keys: StoredKeys
) -> None:
    body = form.body(
        [form.part('name="files"; filename="a.jpg"', JPEG), form.part('name="files"; filename="b.png"', PNG)]
    )

    async def interrupted() -> AsyncIterator[bytes]:
        yield body[:-100]  # the first file is stored by the time that more is asked for
        with ledger.transaction() as connection:
            connection.execute("DELETE FROM doomed_objects")
        yield body[-100:]

    answer = await client.post("/v1/images", content=interrupted(), headers=form.headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
    assert (ledger_rows("images"), ledger_rows("doomed_objects"), stored_keys()) == ([], [], set())


@pytest.mark.parametrize(("scope", "status"), [("read", 403), ("campaigns", 403), ("images", 202), ("admin", 202)])
async def test_uploading_needs_the_scope_images(
    make_client: Callable[..., httpx.AsyncClient], scope: str, status: int
) -> None:
    answer = await make_client(scope).post("/v1/images", files=[("files", ("a.jpg", JPEG))])
    assert answer.status_code == status


async def test_an_upload_leaves_an_audit_entry(upload: Upload, client: httpx.AsyncClient) -> None:
    taken = (await upload(("a.jpg", JPEG), ("b.jpg", b""))).json()
    entry = (await client.get("/v1/audit")).json()["items"][0]
    assert (entry["action"], entry["subject"]) == ("image.upload", taken["job_id"])
    assert entry["detail"] == {"images": 1, "bytes": len(JPEG), "rejected": 1}


def _take(queues: QueueReader, queue: Queue) -> Any:
    return until("the hint", lambda: next(iter(queues.take_all(queue)), None), 20)


async def test_500_mb_are_a_bulk_job_however_few_the_files(
    app: FastAPI, clean_ledger: Ledger, ledger_rows: Rows
) -> None:
    caller = Caller(UUID(int=1), "test", frozenset({"images"}), None)
    async with app.state.runtime.sessions.begin() as session:
        for size in (249_999_999, 250_000_000):
            files = [StoredFile(f"{size}/{n}", f"{size}/{n}".encode(), size, "image/jpeg") for n in range(2)]
            await session.execute(
                text("INSERT INTO doomed_objects (key) SELECT unnest(CAST(:keys AS text[]))"),
                {"keys": [file.key for file in files]},
            )
            newcomers = [Newcomer(FilePath("", "a.jpg"), None, file) for file in files]
            await admit(session, caller, None, newcomers, None, BUILT_IN["default"])
    lanes = [job["lane"] for job in ledger_rows("image_jobs")]
    assert lanes == ["images.interactive", "images.bulk"]
