"""The queues of the code, of definitions.json and of a broker that loaded it are the same ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.brokers import BrokerManagement, vhost_of
from fanfare_shared.testing.polling import wait_until

NAMES = {queue.value for queue in Queue}


@pytest.fixture
def declared(broker_settings: BrokerSettings, broker_management: BrokerManagement) -> list[dict[str, Any]]:
    """The broker's queues. It tells their policies with its next statistics, some seconds after declaring them."""

    def queues() -> list[dict[str, Any]]:
        return broker_management.queues(vhost_of(broker_settings))

    wait_until(lambda: all("effective_policy_definition" in queue for queue in queues()), "every queue has its policy")
    return queues()


def test_the_definitions_hold_exactly_the_queues_of_the_code(broker_definitions: Path) -> None:
    queues = json.loads(broker_definitions.read_text())["queues"]
    assert sorted(queue["name"] for queue in queues) == sorted(NAMES)


def test_the_broker_has_exactly_these_queues_each_a_durable_quorum_queue_under_a_policy(
    declared: list[dict[str, Any]],
) -> None:
    assert {queue["name"] for queue in declared} == NAMES
    assert {queue["type"] for queue in declared} == {"quorum"}
    assert all(queue["durable"] for queue in declared)
    assert all(queue["policy"] for queue in declared)


def test_every_queue_but_dead_dead_letters_into_dead_at_least_once_and_limits_deliveries(
    declared: list[dict[str, Any]],
) -> None:
    for queue in declared:
        policy = queue["effective_policy_definition"]
        assert policy["overflow"] == "reject-publish", queue["name"]
        assert policy["delivery-limit"] > 0, queue["name"]
        if queue["name"] == Queue.DEAD:
            assert "dead-letter-exchange" not in policy, "a dead letter would circle or vanish"
        else:
            assert policy["dead-letter-exchange"] == "", queue["name"]
            assert policy["dead-letter-routing-key"] == Queue.DEAD, queue["name"]
            assert policy["dead-letter-strategy"] == "at-least-once", queue["name"]
