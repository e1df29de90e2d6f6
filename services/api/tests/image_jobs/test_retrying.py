"""`POST /v1/image-jobs/{id}/retry-failed`: a new job over what failed, and nothing else."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from kombu import Message

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import JobStatus

AddJob = Callable[..., UUID]
Rows = Callable[..., list[dict[str, Any]]]
TakeHint = Callable[..., Message]


async def test_the_new_job_has_the_failed_items_and_all_else_of_the_old_one(
    client: httpx.AsyncClient, add_job: AddJob, ledger_rows: Rows, take_hint: TakeHint
) -> None:
    old = add_job(
        ["succeeded", "failed"],
        status="completed",
        operation="upload",
        lane="images.interactive",
        rate="10/m",
        seconds_per_item=6.0,
        then_job={"operation": "trash"},
        webhook_url="https://example.org/hook",
        webhook_secret_encrypted="sealed",
        scheduled_at="2026-01-01T00:00Z",
        expires_at="2026-01-02T00:00Z",
    )
    answer = await client.post(f"/v1/image-jobs/{old}/retry-failed")
    assert answer.status_code == 202, answer.text
    before, new = ledger_rows("image_jobs")
    job_id = str(new["id"])
    assert answer.json() == {"job_id": job_id, "task_id": job_id, "status": "processing", "lane": "images.bulk"}
    assert answer.headers["Location"] == f"/v1/tasks/{job_id}"
    assert (new["parent_id"], new["target"]) == (old, {"failed_of": str(old)})
    assert (new["scheduled_at"], new["expires_at"], new["succeeded"]) == (None, None, 0)
    same = (
        "operation",
        "parameters",
        "rate",
        "seconds_per_item",
        "then_job",
        "webhook_url",
        "webhook_secret_encrypted",
    )
    assert {name: new[name] for name in same} == {name: before[name] for name in same}
    (entry,) = ledger_rows("audit_log", action="image_job.retry_failed")
    assert entry["subject"] == str(old)
    assert take_hint(Queue.IMAGE_JOBS, job_id=job_id).headers["task"] == "image_jobs.plan"
    children = (await client.get(f"/v1/image-jobs/{old}")).json()["children"]
    assert [child["job_id"] for child in children] == [job_id]


@pytest.mark.parametrize("status", [status for status in JobStatus if not status.is_final and status != "draft"])
async def test_a_job_that_goes_on_is_not_retried(
    client: httpx.AsyncClient, add_job: AddJob, ledger_rows: Rows, status: JobStatus
) -> None:
    job_id = add_job(["failed", "pending"], status=status.value)
    answer = await client.post(f"/v1/image-jobs/{job_id}/retry-failed")
    assert (answer.status_code, answer.json()["code"]) == (409, "ILLEGAL_TRANSITION")
    assert answer.json()["status_now"] == status
    assert len(ledger_rows("image_jobs")) == 1


async def test_a_job_without_failures_has_nothing_to_retry(client: httpx.AsyncClient, add_job: AddJob) -> None:
    job_id = add_job(["succeeded", "cancelled"], status="cancelled")
    answer = await client.post(f"/v1/image-jobs/{job_id}/retry-failed")
    assert (answer.status_code, answer.json()["code"]) == (422, "NOTHING_TO_DO")


async def test_a_repeated_retry_with_its_idempotency_key_makes_one_job(
    client: httpx.AsyncClient, add_job: AddJob, ledger_rows: Rows
) -> None:
    path = f"/v1/image-jobs/{add_job(['failed'], status='completed')}/retry-failed"
    first = await client.post(path, headers={"Idempotency-Key": "one"})
    again = await client.post(path, headers={"Idempotency-Key": "one"})
    assert first.json() == again.json()
    assert len(ledger_rows("image_jobs")) == 2
