"""Messages that nobody can handle: each ends among the dead letters, with its reason, and the fleet goes on."""

import json
import pickle
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from kombu import Connection

from fanfare_shared.contracts.messages import SendBatch
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import Priority
from fanfare_shared.testing.polling import until
from harness.company import Company
from harness.fleet import Fleet

CONSUMED = (
    *(Queue.CAMPAIGNS, Queue.PUSH_HIGH, Queue.PUSH_NORMAL, Queue.PUSH_LOW),
    *(Queue.PUSH_RESULTS, Queue.NOTIFICATIONS, Queue.MAINTENANCE),
)
_EMPTY_WORKFLOW: dict[str, None] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


class Explosive:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return (pytest.fail, ("a pickle was loaded",))


def publish(fleet: Fleet, queue: Queue, body: bytes, task: str, content_type: str = "application/json") -> None:
    """With the envelope of a good message, so that the body or the task alone is at fault."""
    with Connection(fleet.broker.broker_url.get_secret_value()) as connection:
        connection.Producer().publish(
            body,
            exchange="",
            routing_key=queue.value,
            headers={"task": task, "id": str(uuid4()), "lang": "py"},
            content_type=content_type,
            content_encoding="utf-8",
            serializer=None,
        )


def letters(fleet: Fleet) -> list[dict[str, Any]]:
    return fleet.client.items("/v1/dead-letters", source="message")


def test_what_cannot_be_read_or_done_is_listed_for_every_queue_and_the_fleet_goes_on(
    fleet: Fleet, company: Company
) -> None:
    before = len(letters(fleet))
    good = json.dumps([[], {"message": {"version": 1, "campaign_id": str(uuid4())}}, _EMPTY_WORKFLOW]).encode()
    for queue in CONSUMED:
        publish(fleet, queue, pickle.dumps(Explosive()), "campaigns.plan", "application/x-python-serialize")
        publish(fleet, queue, good, "unknown.task")
        publish(fleet, queue, good[: len(good) // 2], "campaigns.plan")
    until("all are listed", lambda: len(letters(fleet)) == before + 3 * len(CONSUMED), 120)
    listed = [(letter["queue"], letter["task"], letter["reason"]) for letter in letters(fleet)[: 3 * len(CONSUMED)]]
    assert sorted(listed) == sorted(
        (queue.value, task, "rejected")
        for queue in CONSUMED
        for task in ("campaigns.plan", "unknown.task", "campaigns.plan")
    )
    for priority in Priority:
        company.add_devices(5, priority)
        campaign = company.send(priority=priority)
        assert company.finish(campaign)["status"] == "completed"
    assert len(letters(fleet)) == before + 3 * len(CONSUMED)


def test_a_dead_message_that_fits_a_contract_can_be_retried_once_and_another_never(fleet: Fleet) -> None:
    # A batch's message on a queue whose consumer has no such task; the batch is of no campaign, so nothing is sent.
    message = SendBatch(batch_id=987_654_321, campaign_id=uuid4(), priority=Priority.NORMAL)
    body = json.dumps([[], {"message": message.model_dump(mode="json")}, _EMPTY_WORKFLOW]).encode()

    def of_task(task: str) -> dict[str, Any] | None:
        return next((letter for letter in letters(fleet) if letter["task"] == task), None)

    publish(fleet, Queue.CAMPAIGNS, body, SendBatch.task)
    publish(fleet, Queue.CAMPAIGNS, body, "nobodys.task")
    misrouted = until("it is listed", lambda: of_task(SendBatch.task), 120)
    unknown = until("it is listed", lambda: of_task("nobodys.task"), 120)
    assert fleet.client.post(f"/v1/dead-letters/{misrouted['id']}/retry")["retried_at"]
    worker = fleet.processes["push-worker-normal"]
    until("the worker has taken it", lambda: '"batch_id": "987654321"' in worker.log.read_text(), 120)
    for letter_id, status in ((misrouted["id"], 409), (unknown["id"], 422)):
        with pytest.raises(httpx.HTTPStatusError) as refused:
            fleet.client.post(f"/v1/dead-letters/{letter_id}/retry")
        assert refused.value.response.status_code == status, refused.value
    assert len([letter for letter in letters(fleet) if letter["task"] == SendBatch.task]) == 1
