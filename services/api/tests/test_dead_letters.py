"""`/v1/dead-letters`: what could not be done, and trying it again."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from kombu import Message

from fanfare_shared.contracts.messages import PlanCampaign
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.db.connection import Ledger, the_row
from fanfare_shared.ids import uuid7
from fanfare_shared.testing.world import World, make_world

AddDeadLetter = Callable[..., UUID]
TakeHint = Callable[..., Message]


@pytest.fixture
def world(clean_ledger: Ledger) -> World:
    with clean_ledger.transaction() as connection:
        return make_world(connection)


@pytest.fixture
def add_dead_letter(ledger: Ledger) -> AddDeadLetter:
    def add(source: str, **columns: Any) -> UUID:
        row = {"id": uuid7(), "source": source, "reason": "rejected", **columns}
        with ledger.transaction() as connection:
            connection.execute(
                f"INSERT INTO dead_letters ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})",
                list(row.values()),
            )
        return UUID(str(row["id"]))

    return add


def _columns(ledger: Ledger, query: str, row_id: Any) -> tuple[Any, ...]:
    with ledger.transaction() as connection:
        return the_row(connection.execute(query, (row_id,)))


async def test_they_are_listed_newest_first_and_filtered(
    client: httpx.AsyncClient, clean_ledger: Ledger, add_dead_letter: AddDeadLetter
) -> None:
    first, second = add_dead_letter("message", body="not json"), add_dead_letter("batch", source_id="7")

    async def ids(**params: Any) -> list[str]:
        return [item["id"] for item in (await client.get("/v1/dead-letters", params=params)).json()["items"]]

    assert await ids() == [str(second), str(first)]
    assert await ids(source="message") == [str(first)]
    assert await ids(retried="true") == []


async def test_they_are_for_operators(make_client: Callable[..., httpx.AsyncClient]) -> None:
    answer = await make_client("read", "campaigns").get("/v1/dead-letters")
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_a_batch_that_was_set_aside_is_ready_again_with_its_lost_claims_forgotten(
    client: httpx.AsyncClient, world: World, ledger: Ledger, add_dead_letter: AddDeadLetter
) -> None:
    with ledger.transaction() as connection:
        connection.execute(
            "UPDATE batches SET status = 'set_aside', due_at = NULL, lost_claims = 5, started = 4 WHERE id = %s",
            (world.batch_id,),
        )
    dead_letter_id = add_dead_letter("batch", source_id=str(world.batch_id))
    answer = await client.post(f"/v1/dead-letters/{dead_letter_id}/retry")
    assert answer.status_code == 202, answer.text
    assert answer.json()["retried_by"].startswith("test admin")
    batch = _columns(
        ledger, "SELECT status, lost_claims, started, due_at <= now() FROM batches WHERE id = %s", world.batch_id
    )
    assert batch == ("ready", 0, 4, True)
    again = await client.post(f"/v1/dead-letters/{dead_letter_id}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")


async def test_an_image_jobs_batch_is_tried_again_like_a_campaigns(
    client: httpx.AsyncClient, clean_ledger: Ledger, add_dead_letter: AddDeadLetter, take_hint: TakeHint
) -> None:
    job_id = uuid7()
    with clean_ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO image_jobs (id, operation, target, lane, status, pause_reason, created_by) "
            "VALUES (%s, 'process', '{}', 'images.bulk', 'paused', 'BATCH_SET_ASIDE', 'test')",
            (job_id,),
        )
        cursor = connection.execute(
            "INSERT INTO image_batches (job_id, lane, first_position, last_position, size, status, epoch, lost_claims) "
            "VALUES (%s, 'images.bulk', 0, 9, 10, 'set_aside', 5, 5) RETURNING id",
            (job_id,),
        )
        batch_id = the_row(cursor)[0]
    dead_letter_id = add_dead_letter("image_batch", source_id=str(batch_id))
    (listed,) = (await client.get("/v1/dead-letters", params={"source": "image_batch"})).json()["items"]
    assert listed["id"] == str(dead_letter_id)
    answer = await client.post(f"/v1/dead-letters/{dead_letter_id}/retry")
    assert answer.status_code == 202, answer.text
    query = "SELECT status, lost_claims, due_at <= now() FROM image_batches WHERE id = %s"
    assert _columns(clean_ledger, query, batch_id) == ("ready", 0, True)
    assert take_hint(Queue.IMAGES_RESULTS, job_id=job_id).headers["task"] == "image_jobs.settle"
    resumed = await client.post(f"/v1/image-jobs/{job_id}/resume")
    assert (resumed.status_code, resumed.json()["status"]) == (202, "processing")
    again = await client.post(f"/v1/dead-letters/{dead_letter_id}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")


async def test_a_batch_that_is_no_longer_set_aside_is_left_alone(
    client: httpx.AsyncClient, world: World, ledger: Ledger, add_dead_letter: AddDeadLetter
) -> None:
    dead_letter_id = add_dead_letter("batch", source_id=str(world.batch_id))
    answer = await client.post(f"/v1/dead-letters/{dead_letter_id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    assert _columns(ledger, "SELECT retried_at FROM dead_letters WHERE id = %s", dead_letter_id) == (None,)


async def test_a_notification_given_up_is_due_again(
    client: httpx.AsyncClient, world: World, ledger: Ledger, add_dead_letter: AddDeadLetter
) -> None:
    notification_id = uuid7()
    with ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO notifications (id, campaign_id, app_id, kind, event, target, payload, status) "
            "VALUES (%s, %s, %s, 'webhook', 'campaign.completed', 'https://x', '{}', 'FAILURE')",
            (notification_id, world.campaign_id, world.app_id),
        )
    dead_letter_id = add_dead_letter("notification", source_id=str(notification_id))
    assert (await client.post(f"/v1/dead-letters/{dead_letter_id}/retry")).status_code == 202
    query = "SELECT status, due_at <= now() FROM notifications WHERE id = %s"
    assert _columns(ledger, query, notification_id) == ("RETRY", True)


async def test_a_message_goes_back_to_its_queue(
    client: httpx.AsyncClient, world: World, add_dead_letter: AddDeadLetter, take_hint: TakeHint
) -> None:
    message = PlanCampaign(campaign_id=world.campaign_id, request_id="request-1")
    body = json.dumps([[], {"message": message.model_dump(mode="json")}, {"callbacks": None}])
    dead_letter_id = add_dead_letter("message", queue="campaigns", task=message.task, body=body)
    assert (await client.post(f"/v1/dead-letters/{dead_letter_id}/retry")).status_code == 202
    taken = take_hint(Queue.CAMPAIGNS, campaign_id=world.campaign_id)
    assert taken.headers["task"] == "campaigns.plan"
    assert taken.payload[1]["message"] == message.model_dump(mode="json")


@pytest.mark.parametrize(
    ("task", "body", "word"),
    [
        ("campaigns.plan", "\\x80\\x04pickle", "not JSON"),
        ("campaigns.plan", None, "not JSON"),
        ("campaigns.plan", "[[], {}, {}]", "fits no contract"),
        ("campaigns.plan", '[[], {"message": {"campaign_id": "7"}}, {}]', "campaign_id"),
        ("campaigns.plan", '[[], {"message": {"version": 2}}, {}]', "version"),
        ("os.system", "[[], {}, {}]", "os.system"),
        (None, "[[], {}, {}]", "None"),
    ],
)
async def test_a_message_that_fits_no_contract_says_why_it_cannot_be_retried(
    client: httpx.AsyncClient,
    clean_ledger: Ledger,
    ledger: Ledger,
    add_dead_letter: AddDeadLetter,
    task: str | None,
    body: str | None,
    word: str,
) -> None:
    dead_letter_id = add_dead_letter("message", task=task, body=body)
    answer = await client.post(f"/v1/dead-letters/{dead_letter_id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert word in answer.json()["detail"]
    assert _columns(ledger, "SELECT retried_at FROM dead_letters WHERE id = %s", dead_letter_id) == (None,)


async def test_an_unknown_dead_letter_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.post(f"/v1/dead-letters/{uuid7()}/retry")).status_code == 404
