"""Campaigns and image jobs answer every control action in every status alike: one implementation, one table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from kombu import Message
from psycopg.rows import dict_row

from fanfare_shared.bulk.kind import Kind
from fanfare_shared.bulk.transitions import TRANSITIONS, Action
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.connection import Ledger, the_row
from fanfare_shared.ids import uuid7
from fanfare_shared.images.kind import IMAGE_JOBS
from fanfare_shared.testing.world import make_world

ACTIONS = [Action.PAUSE, Action.RESUME, Action.CANCEL]
STATUSES = [status for status in JobStatus if status is not JobStatus.DRAFT]


@dataclass(frozen=True)
class Tried:
    """A kind of bulk job, where its jobs are, and the queues of its hints."""

    kind: Kind
    path: str
    plan_queue: Queue
    settle_queue: Queue


KINDS = [
    Tried(CAMPAIGNS, "/v1/campaigns", Queue.CAMPAIGNS, Queue.PUSH_RESULTS),
    Tried(IMAGE_JOBS, "/v1/image-jobs", Queue.IMAGE_JOBS, Queue.IMAGES_RESULTS),
]
either_kind = pytest.mark.parametrize("tried", KINDS, ids=[tried.kind.name for tried in KINDS])

MakeJob = Callable[..., UUID]
TakeHint = Callable[..., Message]


@pytest.fixture
def make_job(clean_ledger: Ledger) -> MakeJob:
    """`make_job(kind, status, ...)`: a planned job of ten, with a webhook and an e-mail address."""

    def make(kind: Kind, status: JobStatus, **columns: Any) -> UUID:
        told = {"webhook_url": "https://example.org/hook", "notify_email": "ops@example.org"}
        columns = {"status": status.value, **told, **columns}
        with clean_ledger.transaction() as connection:
            if kind is CAMPAIGNS:
                return make_world(connection, **columns).campaign_id
            job_id = uuid7()
            columns = {
                "id": job_id,
                "operation": "trash",
                "target": "{}",
                "lane": "files.bulk",
                "created_by": "test",
                "webhook_secret_encrypted": "sealed",
                **columns,
            }
            connection.execute(
                f"INSERT INTO image_jobs ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})",
                list(columns.values()),
            )
            connection.execute(
                "INSERT INTO image_job_plans (job_id, total, batches, planned_at) VALUES (%s, 10, 1, now())", (job_id,)
            )
            return job_id

    return make


def _row(ledger: Ledger, kind: Kind, job_id: UUID) -> dict[str, Any]:
    """What control may write, with moments as whether they are there and past."""
    query = f"""
        SELECT status, pause_reason, final_status, error_code, error_message, completed_at IS NOT NULL AS is_completed,
               due_at <= now() AS is_due
        FROM {kind.jobs} WHERE id = %s
    """
    with ledger.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return the_row(cursor.execute(query, (job_id,)))


@pytest.mark.parametrize("final_status", [None, "cancelled"])
@pytest.mark.parametrize("action", ACTIONS)
async def test_every_action_in_every_status_does_the_same_to_either_kind(
    client: httpx.AsyncClient, make_job: MakeJob, ledger: Ledger, action: Action, final_status: str | None
) -> None:
    for status in STATUSES:
        seen = []
        for tried in KINDS:
            job_id = make_job(tried.kind, status, final_status=final_status, error_message="it broke")
            before = _row(ledger, tried.kind, job_id)
            answer = await client.post(f"{tried.path}/{job_id}/{action.value}")
            after = _row(ledger, tried.kind, job_id)
            expected = TRANSITIONS[action].get(status)
            if expected is None:
                problem = answer.json()
                assert (answer.status_code, problem["code"]) == (409, "ILLEGAL_TRANSITION"), status
                assert (problem["status"], problem["status_now"]) == (409, status)
                assert problem["detail"].startswith(f"This {tried.kind.noun} is {status} and cannot be ")
                assert after == before
            else:
                if action is Action.RESUME and final_status is not None:
                    expected = JobStatus.CANCELLING
                assert (answer.status_code, answer.json()["status"], after["status"]) == (202, expected, expected)
                assert answer.json()["task_id"] == answer.json()[tried.kind.key] == str(job_id)
                assert answer.headers["Location"] == f"/v1/tasks/{job_id}"
            seen.append((answer.status_code, after))
        assert seen[0] == seen[1], status


@either_kind
async def test_what_is_done_is_audited_under_the_kinds_name(
    client: httpx.AsyncClient, make_job: MakeJob, ledger_rows: Callable[..., list[dict[str, Any]]], tried: Tried
) -> None:
    job_id = make_job(tried.kind, JobStatus.PROCESSING)
    for action in ("pause", "resume", "cancel"):
        await client.post(f"{tried.path}/{job_id}/{action}")
    entries = ledger_rows("audit_log", subject=str(job_id))
    assert [entry["action"] for entry in entries] == [
        f"{tried.kind.name}.{name}" for name in ("pause", "resume", "cancel")
    ]


@either_kind
@pytest.mark.parametrize("action", ["resume", "cancel"])
async def test_the_orchestrator_is_told_by_a_hint_of_the_kind(
    client: httpx.AsyncClient, make_job: MakeJob, take_hint: TakeHint, tried: Tried, action: str
) -> None:
    job_id = make_job(tried.kind, JobStatus.PAUSED)
    await client.post(f"{tried.path}/{job_id}/{action}", headers={"X-Request-ID": "request-1"})
    taken = take_hint(tried.settle_queue, **{tried.kind.key: job_id})
    assert taken.headers["task"] == tried.kind.settle_hint(job_id).task
    assert taken.payload[1]["message"]["request_id"] == "request-1"


@either_kind
async def test_resuming_what_is_not_planned_has_it_planned(
    client: httpx.AsyncClient, make_job: MakeJob, ledger: Ledger, take_hint: TakeHint, tried: Tried
) -> None:
    job_id = make_job(tried.kind, JobStatus.PAUSED)
    with ledger.transaction() as connection:
        connection.execute(f"UPDATE {tried.kind.plans} SET planned_at = NULL")
    await client.post(f"{tried.path}/{job_id}/resume")
    taken = take_hint(tried.plan_queue, **{tried.kind.key: job_id})
    assert taken.headers["task"] == tried.kind.plan_hint(job_id).task


@either_kind
async def test_cancelling_what_never_started_tells_its_owner(
    client: httpx.AsyncClient, make_job: MakeJob, ledger_rows: Callable[..., list[dict[str, Any]]], tried: Tried
) -> None:
    job_id = make_job(tried.kind, JobStatus.SCHEDULED)
    await client.post(f"{tried.path}/{job_id}/cancel")
    told = ledger_rows("notifications", **{tried.kind.key: job_id})
    event = f"{tried.kind.name}.cancelled"
    assert sorted((row["kind"], row["event"]) for row in told) == [("email", event), ("webhook", event)]
    for row in told:
        assert (row["payload"]["status"], row["payload"][tried.kind.key]) == ("cancelled", str(job_id))
        assert row["due_at"] is not None


@either_kind
async def test_controlling_takes_the_kinds_scope(
    make_client: Callable[..., httpx.AsyncClient], make_job: MakeJob, tried: Tried
) -> None:
    job_id = make_job(tried.kind, JobStatus.PROCESSING)
    own, other = ("campaigns", "images") if tried.kind is CAMPAIGNS else ("images", "campaigns")
    refused = await make_client("read", other).post(f"{tried.path}/{job_id}/pause")
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    assert (await make_client(own).post(f"{tried.path}/{job_id}/pause")).status_code == 202


@either_kind
async def test_an_unknown_job_is_not_found(client: httpx.AsyncClient, clean_ledger: Ledger, tried: Tried) -> None:
    answer = await client.post(f"{tried.path}/{uuid7()}/pause")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
