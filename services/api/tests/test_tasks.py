"""`GET /v1/tasks/{id}`: bulk jobs, probes and notifications as tasks."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from psycopg.types.json import Jsonb

from fanfare_api.tasks.repository import JOB_STATUSES
from fanfare_shared.contracts.words import JobStatus, TaskStatus
from fanfare_shared.db.connection import Ledger
from fanfare_shared.ids import uuid7
from fanfare_shared.testing.world import World, make_world

MakeClient = Callable[..., httpx.AsyncClient]


@pytest.fixture
def world(clean_ledger: Ledger) -> World:
    with clean_ledger.transaction() as connection:
        return make_world(connection)


def _set_status(ledger: Ledger, table: str, row_id: UUID, status: str) -> None:
    with ledger.transaction() as connection:
        connection.execute(f"UPDATE {table} SET status = %s WHERE id = %s", (status, row_id))


def _add_probe(ledger: Ledger, world: World, kind: str, **columns: Any) -> UUID:
    row = {"id": uuid7(), "kind": kind, "app_id": world.app_id, **columns}
    with ledger.transaction() as connection:
        connection.execute(
            f"INSERT INTO probes ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values())
        )
    return UUID(str(row["id"]))


@pytest.mark.parametrize("status", list(JobStatus))
async def test_a_campaign_is_a_task_in_celerys_words(
    client: httpx.AsyncClient, world: World, ledger: Ledger, status: JobStatus
) -> None:
    _set_status(ledger, "campaigns", world.campaign_id, status)
    task = (await client.get(f"/v1/tasks/{world.campaign_id}")).json()
    assert (task["task_id"], task["kind"]) == (str(world.campaign_id), "campaign.send")
    assert task["status"] == JOB_STATUSES[status]


async def test_a_started_campaigns_result_is_its_account(
    client: httpx.AsyncClient, world: World, ledger: Ledger
) -> None:
    with ledger.transaction() as connection:
        connection.execute(
            "UPDATE campaigns SET status = 'failed', started_at = now(), error_code = 'INVALID_ARGUMENT', "
            "error_message = 'no such field' WHERE id = %s",
            (world.campaign_id,),
        )
    task = (await client.get(f"/v1/tasks/{world.campaign_id}")).json()
    assert (task["status"], task["attempts"], task["result"]["total_recipients"]) == ("FAILURE", 1, 10)
    assert task["error"] == {"code": "INVALID_ARGUMENT", "message": "no such field"}


@pytest.mark.parametrize("status", [status for status in JobStatus if status is not JobStatus.DRAFT])
async def test_an_image_job_is_a_task_in_the_same_words(
    client: httpx.AsyncClient, clean_ledger: Ledger, status: JobStatus
) -> None:
    job_id = uuid7()
    with clean_ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO image_jobs (id, operation, target, lane, status, created_by, started_at, succeeded, settled) "
            "VALUES (%s, 'trash', '{}', 'files.bulk', %s, 'test', now(), 2, 2)",
            (job_id, status.value),
        )
        connection.execute(
            "INSERT INTO image_job_plans (job_id, total, batches, planned_at) VALUES (%s, 3, 1, now())", (job_id,)
        )
    task = (await client.get(f"/v1/tasks/{job_id}")).json()
    assert (task["task_id"], task["kind"], task["attempts"]) == (str(job_id), "image_job.trash", 1)
    assert task["status"] == JOB_STATUSES[status]
    assert (task["result"]["succeeded"], task["result"]["pending"]) == (2, 1)
    assert task["error"] is None


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("app_check", "app.check"),
        ("campaign_test", "campaign.test"),
        ("payload_verdict", "campaign.payload_verdict"),
    ],
)
async def test_a_probe_is_a_task(
    client: httpx.AsyncClient, world: World, ledger: Ledger, kind: str, shown: str
) -> None:
    probe_id = _add_probe(ledger, world, kind, status="SUCCESS", attempts=2, result=Jsonb({"sent": 1}))
    assert (await client.get(f"/v1/tasks/{probe_id}")).json() == {
        "task_id": str(probe_id),
        "kind": shown,
        "status": "SUCCESS",
        "attempts": 2,
        "result": {"sent": 1},
        "error": None,
    }


async def test_a_notification_is_a_task(client: httpx.AsyncClient, world: World, ledger: Ledger) -> None:
    notification_id = uuid7()
    with ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO notifications (id, campaign_id, app_id, kind, event, target, payload, status, attempts, last_error) "
            "VALUES (%s, %s, %s, 'webhook', 'campaign.completed', 'https://x', '{}', 'RETRY', 3, 'HTTP 500')",
            (notification_id, world.campaign_id, world.app_id),
        )
    task = (await client.get(f"/v1/tasks/{notification_id}")).json()
    assert (task["kind"], task["status"], task["attempts"]) == ("notification.webhook", "RETRY", 3)
    assert task["error"]["message"] == "HTTP 500"


async def test_a_notification_of_an_image_job_is_a_task_for_every_reader(
    make_client: MakeClient, clean_ledger: Ledger
) -> None:
    job_id, notification_id = uuid7(), uuid7()
    with clean_ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO image_jobs (id, operation, target, lane, status, created_by) "
            "VALUES (%s, 'trash', '{}', 'files.bulk', 'completed', 'test')",
            (job_id,),
        )
        connection.execute(
            "INSERT INTO notifications (id, job_id, kind, event, target, payload) "
            "VALUES (%s, %s, 'webhook', 'image_job.completed', 'https://x', '{}')",
            (notification_id, job_id),
        )
    answer = await make_client("read", app_ids=[uuid7()]).get(f"/v1/tasks/{notification_id}")
    assert (answer.status_code, answer.json()["kind"]) == (200, "notification.webhook")


async def test_a_task_of_no_row_or_another_app_is_not_found(
    client: httpx.AsyncClient, make_client: MakeClient, world: World, ledger: Ledger
) -> None:
    probe_id = _add_probe(ledger, world, "app_check")
    assert (await client.get(f"/v1/tasks/{uuid7()}")).status_code == 404
    stranger = make_client("read", app_ids=[uuid7()])
    for task_id in (probe_id, world.campaign_id):
        assert (await stranger.get(f"/v1/tasks/{task_id}")).status_code == 404
    assert (await client.get("/v1/tasks/seven")).status_code == 422


async def test_a_wait_ends_as_soon_as_the_task_is_final(
    client: httpx.AsyncClient, world: World, ledger: Ledger
) -> None:
    probe_id = _add_probe(ledger, world, "app_check")
    waiting = asyncio.create_task(client.get(f"/v1/tasks/{probe_id}", params={"wait": 30}))
    done, _ = await asyncio.wait({waiting}, timeout=0.5)
    assert not done
    _set_status(ledger, "probes", probe_id, TaskStatus.SUCCESS)
    answer = await asyncio.wait_for(waiting, 25)
    assert answer.json()["status"] == "SUCCESS"


async def test_a_wait_that_runs_out_answers_with_the_present_status(
    client: httpx.AsyncClient, world: World, ledger: Ledger
) -> None:
    probe_id = _add_probe(ledger, world, "app_check", status="STARTED")
    started = time.monotonic()
    answer = await client.get(f"/v1/tasks/{probe_id}", params={"wait": 0.6})
    assert time.monotonic() - started >= 0.6
    assert (answer.status_code, answer.json()["status"]) == (200, "STARTED")
    assert (await client.get(f"/v1/tasks/{probe_id}", params={"wait": 31})).status_code == 422


async def test_more_may_wait_than_there_are_connections(
    client: httpx.AsyncClient, world: World, ledger: Ledger
) -> None:
    probe_id = _add_probe(ledger, world, "app_check")
    waiting = [asyncio.create_task(client.get(f"/v1/tasks/{probe_id}", params={"wait": 30})) for _ in range(40)]
    await asyncio.wait(waiting, timeout=0.5)
    answer = await asyncio.wait_for(client.get(f"/v1/tasks/{probe_id}"), 25)
    assert answer.json()["status"] == "PENDING"
    _set_status(ledger, "probes", probe_id, TaskStatus.FAILURE)
    answers = await asyncio.wait_for(asyncio.gather(*waiting), 60)
    assert {answer.json()["status"] for answer in answers} == {"FAILURE"}
