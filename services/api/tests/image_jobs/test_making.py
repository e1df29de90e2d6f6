"""`POST /v1/image-jobs`: which of the ids are in the job, what its row says, and what is refused."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from kombu import Message

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.ids import uuid7
from fanfare_shared.images.presets import BUILT_IN

AddImages = Callable[..., list[UUID]]
AddFolder = Callable[..., UUID]
Ask = Callable[..., Awaitable[httpx.Response]]
Rows = Callable[..., list[dict[str, Any]]]
MakeClient = Callable[..., httpx.AsyncClient]
TakeHint = Callable[..., Message]

VARIANTS = {"variants": [{"name": "small", "resize": {"max_width": 100}}]}
SECRET = "a-secret-of-the-caller"


def _ids(image_ids: list[UUID]) -> list[str]:
    return [str(image_id) for image_id in image_ids]


async def test_a_job_over_ids_is_processing_at_once_and_says_so(
    ask: Ask, add_images: AddImages, ledger_rows: Rows
) -> None:
    images = _ids(add_images(3))
    answer = await ask(target={"image_ids": images}, pipeline=VARIANTS)
    assert answer.status_code == 202, answer.text
    (row,) = ledger_rows("image_jobs")
    job_id = str(row["id"])
    assert answer.json() == {
        "job_id": job_id,
        "task_id": job_id,
        "status": "processing",
        "lane": "images.bulk",
        "accepted": 3,
        "rejected": {"count": 0, "codes": {}, "first": []},
        "webhook_secret": None,
    }
    assert answer.headers["Location"] == f"/v1/image-jobs/{job_id}"
    assert (row["operation"], row["status"], row["target"]) == ("process", "processing", {"image_ids": images})
    assert row["parameters"]["pipeline"]["variants"][0]["resize"]["max_width"] == 100
    assert row["due_at"] - row["started_at"] == timedelta(seconds=5)
    assert ledger_rows("image_job_plans") == []
    (entry,) = ledger_rows("audit_log", action="image_job.create")
    assert (entry["subject"], entry["detail"]) == (job_id, {"operation": "process", "accepted": 3})


async def test_its_plan_hint_leaves_after_the_commit(
    client: httpx.AsyncClient, add_images: AddImages, take_hint: TakeHint
) -> None:
    body = {"target": {"image_ids": _ids(add_images())}, "preset": "default"}
    answer = await client.post("/v1/image-jobs", json=body, headers={"X-Request-ID": "request-1"})
    taken = take_hint(Queue.IMAGE_JOBS, job_id=answer.json()["job_id"])
    assert taken.headers["task"] == "image_jobs.plan"
    assert taken.payload[1]["message"]["request_id"] == "request-1"


async def test_an_id_given_twice_counts_once_and_the_order_is_kept(
    ask: Ask, add_images: AddImages, ledger_rows: Rows
) -> None:
    first, second = _ids(add_images(2))
    answer = await ask(target={"image_ids": [second, first, second]}, operation={"kind": "trash"})
    assert (answer.json()["accepted"], answer.json()["lane"]) == (2, "files.bulk")
    assert ledger_rows("image_jobs")[0]["target"] == {"image_ids": [second, first]}


PROCESS: dict[str, Any] = {"preset": "default"}
REJECTS: list[tuple[dict[str, Any], set[str]]] = [
    (PROCESS, {"unknown", "trashed", "no_image", "dropped"}),
    ({"operation": {"kind": "copy", "folder_id": None}}, {"unknown", "trashed"}),
    ({"operation": {"kind": "move", "folder_id": None}}, {"unknown", "trashed"}),
    ({"operation": {"kind": "rename", "pattern": "{n}{ext}"}}, {"unknown", "trashed"}),
    ({"operation": {"kind": "trash"}}, {"unknown", "trashed"}),
    ({"operation": {"kind": "archive"}}, {"unknown", "trashed", "dropped"}),
    ({"operation": {"kind": "archive", "variant": "resized"}}, {"unknown", "trashed"}),
    ({"operation": {"kind": "restore"}}, {"unknown", "whole", "no_image", "dropped", "in_work", "failed_before"}),
    ({"operation": {"kind": "purge"}}, {"unknown"}),
]
CODES = {
    "unknown": "IMAGE_UNKNOWN",
    "trashed": "IMAGE_TRASHED",
    "no_image": "IMAGE_FAILED",
    "dropped": "ORIGINAL_DROPPED",
}


@pytest.mark.parametrize(("asked", "rejected"), REJECTS, ids=lambda value: str(value)[:40])
async def test_each_operation_rejects_what_it_cannot_work_on_and_says_why(
    ask: Ask, add_images: AddImages, asked: dict[str, Any], rejected: set[str]
) -> None:
    images = {
        "unknown": uuid7(),
        "whole": add_images()[0],
        "trashed": add_images(trashed_at="2026-01-01T00:00Z")[0],
        "no_image": add_images(status="failed", format=None)[0],
        "failed_before": add_images(status="failed")[0],
        "in_work": add_images(status="processing", format=None)[0],
        "dropped": add_images(key=None)[0],
    }
    answer = await ask(target={"image_ids": _ids(list(images.values()))}, **asked)
    assert answer.status_code == 202, answer.text
    shown = answer.json()["rejected"]
    assert answer.json()["accepted"] == len(images) - len(rejected)
    code_of = dict.fromkeys(images, "IMAGE_NOT_TRASHED") | {"unknown": "IMAGE_UNKNOWN"}
    codes = code_of if asked.get("operation") == {"kind": "restore"} else CODES
    assert {item["id"]: item["code"] for item in shown["first"]} == {
        str(images[name]): codes[name] for name in rejected
    }
    assert shown["count"] == len(rejected) == sum(shown["codes"].values())
    assert all(item["message"] for item in shown["first"])


async def test_of_many_rejected_the_first_hundred_are_named(ask: Ask, add_images: AddImages, ledger_rows: Rows) -> None:
    unknown = [str(uuid7()) for _ in range(130)]
    shown = (await ask(target={"image_ids": [*unknown, str(add_images()[0])]}, **PROCESS)).json()["rejected"]
    assert (shown["count"], shown["codes"]) == (130, {"IMAGE_UNKNOWN": 130})
    assert [item["id"] for item in shown["first"]] == unknown[:100]
    kept = ledger_rows("image_jobs")[0]["rejected"]
    assert (kept["count"], kept["first"][0]) == (130, {"id": unknown[0], "code": "IMAGE_UNKNOWN"})


async def test_a_job_of_nothing_is_refused_with_the_reasons(ask: Ask, add_images: AddImages, ledger_rows: Rows) -> None:
    trashed = add_images(trashed_at="2026-01-01T00:00Z")
    answer = await ask(target={"image_ids": _ids([uuid7(), *trashed])}, **PROCESS)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "NOTHING_TO_DO")
    assert problem["rejected"]["codes"] == {"IMAGE_UNKNOWN": 1, "IMAGE_TRASHED": 1}
    assert len(problem["rejected"]["first"]) == 2
    assert ledger_rows("image_jobs") == []
    empty = await ask(target={"all": True}, **PROCESS)
    assert (empty.status_code, empty.json()["code"]) == (422, "NOTHING_TO_DO")


async def test_a_hundred_thousand_ids_fit(ask: Ask, add_images: AddImages, ledger_rows: Rows) -> None:
    known = _ids(add_images(2))
    answer = await ask(target={"image_ids": [str(uuid7()) for _ in range(99_998)] + known}, **PROCESS)
    assert answer.status_code == 202, answer.text
    assert (answer.json()["accepted"], answer.json()["rejected"]["count"]) == (2, 99_998)
    assert ledger_rows("image_jobs")[0]["target"] == {"image_ids": known}
    more = await ask(target={"image_ids": [known[0]] * 100_001}, **PROCESS)
    assert (more.status_code, more.json()["code"]) == (422, "INVALID_REQUEST")


LATER = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
SOON = (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def _nested(depth: int) -> dict[str, Any]:
    return PROCESS if depth == 0 else PROCESS | {"then": _nested(depth - 1)}


BAD_REQUESTS: list[tuple[dict[str, Any], str]] = [
    ({}, "pipeline, preset and operation"),
    (PROCESS | {"pipeline": VARIANTS}, "pipeline, preset and operation"),
    ({"pipeline": {"variants": []}}, "variants"),
    ({"preset": "no-such"}, "preset"),
    (PROCESS | {"colour": "red"}, "colour"),
    (PROCESS | {"target": {"all": True, "folder_id": None}}, "one of"),
    (PROCESS | {"target": {}}, "one of"),
    (PROCESS | {"target": {"all": False}}, "all"),
    (PROCESS | {"target": {"image_ids": []}}, "image_ids"),
    (PROCESS | {"target": {"image_ids": ["seven"]}}, "image_ids"),
    (PROCESS | {"target": {"all": True, "recursive": True}}, "recursive"),
    (PROCESS | {"target": {"folder": "nowhere"}}, "no folder nowhere"),
    (PROCESS | {"target": {"folder": "../etc"}}, "cannot go up"),
    (PROCESS | {"target": {"folder_id": str(uuid7())}}, "no folder"),
    (PROCESS | {"target": {"trashed_before": None}}, "restore and purge"),
    ({"operation": {"kind": "restore"}}, "trashed_before"),
    ({"operation": {"kind": "explode"}}, "kind"),
    ({"operation": {"kind": "copy"}}, "where to"),
    ({"operation": {"kind": "move", "folder": "nowhere"}}, "no folder nowhere"),
    ({"operation": {"kind": "move", "folder_id": None, "collision": "overwrite"}}, "collision"),
    ({"operation": {"kind": "rename", "pattern": "{stem"}}, "pattern"),
    ({"operation": {"kind": "rename", "pattern": "{size}{n}"}}, "{size}"),
    ({"operation": {"kind": "rename", "pattern": "photo{ext}"}}, "same name"),
    ({"operation": {"kind": "rename", "pattern": "{n:>99999999}"}}, "digits"),
    ({"operation": {"kind": "rename", "pattern": "{stem.__class__}"}}, "not known"),
    ({"operation": {"kind": "rename", "pattern": "{stem!r}"}}, "not known"),
    ({"operation": {"kind": "rename", "pattern": "../{n}"}}, "/"),
    ({"operation": {"kind": "archive", "name": "a/b"}}, "/"),
    ({"operation": {"kind": "trash", "name": "x"}}, "name"),
    (PROCESS | {"rate": "10/d"}, "rate"),
    (PROCESS | {"rate": "0/s"}, "rate"),
    (PROCESS | {"scheduled_at": "2020-01-01T00:00:00Z"}, "future"),
    (PROCESS | {"scheduled_at": "2026-01-01T00:00:00"}, "scheduled_at"),
    (PROCESS | {"expires_at": "2020-01-01T00:00:00Z"}, "future"),
    (PROCESS | {"scheduled_at": LATER, "expires_at": SOON}, "after the start"),
    (PROCESS | {"webhook_url": "http://example.org"}, "https"),
    (PROCESS | {"webhook_url": "https://example.org", "webhook_secret": "short"}, "webhook_secret"),
    (PROCESS | {"webhook_secret": SECRET}, "webhook_url"),
    (PROCESS | {"notify_email": "a@b, c@d"}, "notify_email"),
    (PROCESS | {"then": {"target": {"all": True}} | PROCESS}, "target"),
    (PROCESS | {"on_failure": PROCESS | {"dry_run": True}}, "dry_run"),
    (PROCESS | {"then": {"preset": "no-such"}}, "preset"),
    (PROCESS | {"then": PROCESS | {"webhook_url": "http://example.org"}}, "https"),
    ({"operation": {"kind": "purge"}, "then": {"operation": {"kind": "trash"}}}, "nothing to work on"),
    (_nested(6), "5 deep"),
    ({"pipeline": {"variants": [{"name": "v", "watermark": {"image_id": str(uuid7())}}]}}, "watermark"),
]


async def test_a_bad_request_is_refused_with_what_is_wrong(ask: Ask, add_images: AddImages, ledger_rows: Rows) -> None:
    add_images()
    for body, word in BAD_REQUESTS:
        answer = await ask(**{"target": {"all": True}} | body)
        problem = answer.json()
        assert answer.status_code == 422, (body, answer.text)
        assert problem["code"] in {"INVALID_REQUEST", "NAME_INVALID"}, body
        assert word in problem["detail"] + str(problem.get("errors")), body
    assert ledger_rows("image_jobs") == []


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ({"kind": "copy", "folder": "a"}, {"folder_id": "a", "collision": "number"}),
        ({"kind": "move", "folder_id": None, "collision": "skip"}, {"folder_id": None, "collision": "skip"}),
        (
            {"kind": "rename", "pattern": "{stem}-{n:04}{ext}", "collision": "fail"},
            {"pattern": "{stem}-{n:04}{ext}", "collision": "fail"},
        ),
        ({"kind": "archive", "name": "photos.zip"}, {"name": "photos"}),
        ({"kind": "archive"}, {"name": "images"}),
        ({"kind": "archive", "variant": "resized"}, {"name": "images", "variant": "resized"}),
        (
            {"kind": "rename", "pattern": "{folder}-{date}-{n}{ext}"},
            {"pattern": "{folder}-{date}-{n}{ext}", "collision": "number"},
        ),
        ({"kind": "trash"}, {}),
        ({"kind": "purge"}, {}),
    ],
    ids=str,
)
async def test_an_operation_is_kept_with_its_parameters(
    ask: Ask, tree: dict[str, UUID], ledger_rows: Rows, operation: dict[str, Any], parameters: dict[str, Any]
) -> None:
    assert (await ask(target={"all": True}, operation=operation)).status_code == 202
    (row,) = ledger_rows("image_jobs")
    if parameters.get("folder_id"):
        parameters = parameters | {"folder_id": str(tree[parameters["folder_id"]])}
    assert (row["operation"], row["parameters"], row["lane"]) == (operation["kind"], parameters, "files.bulk")


async def test_a_scheduled_job_waits_for_its_moment(ask: Ask, add_images: AddImages, ledger_rows: Rows) -> None:
    add_images()
    answer = await ask(target={"all": True}, scheduled_at=SOON, expires_at=LATER, **PROCESS)
    assert (answer.status_code, answer.json()["status"]) == (202, "scheduled")
    (row,) = ledger_rows("image_jobs")
    assert row["due_at"] == row["scheduled_at"] == datetime.fromisoformat(SOON)
    assert (row["started_at"], row["expires_at"]) == (None, datetime.fromisoformat(LATER))


@pytest.mark.parametrize(("rate", "seconds"), [("5/s", 0.2), ("10/m", 6), ("600/h", 6), ("1/h", 3600)])
async def test_a_rate_is_kept_as_given_and_as_seconds(
    ask: Ask, add_images: AddImages, ledger_rows: Rows, rate: str, seconds: float
) -> None:
    add_images()
    await ask(target={"all": True}, rate=rate, **PROCESS)
    (row,) = ledger_rows("image_jobs")
    assert (row["rate"], row["seconds_per_item"]) == (rate, pytest.approx(seconds))


async def test_what_follows_is_kept_as_the_columns_of_the_jobs_to_come(
    ask: Ask, add_images: AddImages, add_folder: AddFolder, ledger_rows: Rows
) -> None:
    add_images()
    done = add_folder("done")
    then = {"operation": {"kind": "move", "folder": "done"}, "rate": "5/s", "then": {"preset": "default"}}
    on_failure = {"operation": {"kind": "trash"}, "scheduled_at": SOON, "notify_email": "ops@example.org"}
    answer = await ask(target={"all": True}, then=then, on_failure=on_failure, **PROCESS)
    assert answer.status_code == 202, answer.text
    (row,) = ledger_rows("image_jobs")
    nothing = {"scheduled_at": None, "expires_at": None, "webhook_url": None, "webhook_secret_encrypted": None}
    alone = (
        nothing
        | {"rate": None, "seconds_per_item": None, "notify_email": None}
        | {
            "then_job": None,
            "on_failure_job": None,
        }
    )
    last = alone | {
        "operation": "process",
        "parameters": {"pipeline": BUILT_IN["default"].model_dump(mode="json")},
        "lane": "images.bulk",
    }
    assert row["then_job"] == alone | {
        "operation": "move",
        "parameters": {"folder_id": str(done), "collision": "number"},
        "lane": "files.bulk",
        "rate": "5/s",
        "seconds_per_item": 0.2,
        "then_job": last,
    }
    assert row["on_failure_job"] == alone | {
        "operation": "trash",
        "parameters": {},
        "lane": "files.bulk",
        "scheduled_at": SOON,
        "notify_email": "ops@example.org",
    }


async def test_five_jobs_may_follow_one_another(ask: Ask, add_images: AddImages) -> None:
    add_images()
    assert (await ask(target={"all": True}, **_nested(5))).status_code == 202


async def test_a_webhooks_secret_is_the_callers_or_made_and_shown_once(
    client: httpx.AsyncClient, app: FastAPI, ask: Ask, add_images: AddImages, ledger_rows: Rows
) -> None:
    add_images()
    hook = {"webhook_url": "https://example.org/hook"}
    given = await ask(target={"all": True}, webhook_secret=SECRET, then=PROCESS | hook, **hook, **PROCESS)
    made = await ask(target={"all": True}, then=PROCESS | hook, **hook, **PROCESS)
    assert given.json()["webhook_secret"] is None
    secret = made.json()["webhook_secret"]
    assert secret.startswith("whsec_")
    opened = app.state.runtime.cipher.decrypt
    for row, expected in zip(ledger_rows("image_jobs"), (SECRET, secret), strict=True):
        assert opened(row["webhook_secret_encrypted"]) == expected
        assert opened(row["then_job"]["webhook_secret_encrypted"]) == expected
    shown = await client.get(f"/v1/image-jobs/{made.json()['job_id']}")
    assert shown.json()["then"]["webhook_url"] == "https://example.org/hook"
    assert "secret" not in shown.text
    assert "secret" not in (await client.get("/v1/image-jobs")).text


async def test_a_repeated_request_with_its_idempotency_key_makes_one_job(
    client: httpx.AsyncClient, add_images: AddImages, ledger_rows: Rows
) -> None:
    body = {"target": {"image_ids": _ids(add_images())}, "preset": "default"}
    first = await client.post("/v1/image-jobs", json=body, headers={"Idempotency-Key": "one"})
    again = await client.post("/v1/image-jobs", json=body, headers={"Idempotency-Key": "one"})
    assert (again.status_code, again.json()) == (202, first.json())
    assert len(ledger_rows("image_jobs")) == 1


async def test_making_a_job_takes_the_images_scope(make_client: MakeClient, add_images: AddImages) -> None:
    body = {"target": {"image_ids": _ids(add_images())}, "preset": "default"}
    assert (await make_client("images").post("/v1/image-jobs", json=body)).status_code == 202
    refused = await make_client("read", "campaigns").post("/v1/image-jobs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
