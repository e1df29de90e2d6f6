"""What Flower shows, and what a revoke in it does to a campaign: docs/flower.md says the same."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from chaos.trial import SETTINGS, WINDOW, Trial
from kombu import Connection

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.testing.brokers import BrokerManagement, vhost_of
from fanfare_shared.testing.environment import ServerAddresses
from fanfare_shared.testing.polling import until
from flower.monitor import Monitor
from harness.fleet import ROOT, Fleet, fleet_on

PERMISSIONS: list[dict[str, str]] = json.loads((ROOT / "deploy" / "rabbitmq" / "permissions-flower.json").read_text())[
    "permissions"
]
# A batch of 500 and a smaller one: a window of 100 is answered every 0.8 s.
DEVICES, SLOW_MS = 700, 800
# Just below FANFARE_PUSH_TIMEOUT_SECONDS: whoever waits for this is in nobody's way.
VERY_SLOW_MS = 9_000
MONITORED = {"FANFARE_WORKER_EVENTS": "true", "FANFARE_WORKER_REMOTE_CONTROL": "true"}


@pytest.fixture(scope="module")
def monitored(
    server_addresses: ServerAddresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Fleet, Monitor]]:
    """A fleet and its Flower, each user with the rights of permissions-flower.json and no others."""
    folder = tmp_path_factory.mktemp("flower")
    with ExitStack() as stack:
        fleet = stack.enter_context(fleet_on(server_addresses, folder, **SETTINGS, **MONITORED))
        management = BrokerManagement(server_addresses.broker_management_url.get_secret_value())
        stack.callback(management.close)
        vhost = vhost_of(fleet.broker)
        for permission in PERMISSIONS:
            patterns = {name: permission[name] for name in ("configure", "write", "read")}
            if permission["user"] == "flower":
                user = stack.enter_context(management.user(vhost, **patterns))
                monitor = Monitor(user.settings(fleet.broker).broker_url.get_secret_value(), folder)
                stack.callback(monitor.close)
                monitor.wait_until_it_answers()
            else:
                name = urlsplit(fleet.of_services[permission["user"]]["FANFARE_BROKER_URL"]).username or ""
                management.permit(vhost, name, **patterns)
        fleet.start_all(priorities=("normal",))
        yield fleet, monitor


@pytest.fixture
def fleet(monitored: tuple[Fleet, Monitor]) -> Fleet:
    return monitored[0]


@pytest.fixture
def monitor(monitored: tuple[Fleet, Monitor]) -> Monitor:
    return monitored[1]


def message_of(monitor: Monitor, trial: Trial, state: str) -> dict[str, Any]:
    """A batch's message of this campaign that Flower shows in that state, once there is one."""
    batches = {str(batch) for (batch,) in trial.many("SELECT id FROM batches WHERE campaign_id = %s")}

    def look() -> dict[str, Any] | None:
        return next(
            (
                task
                for task in monitor.tasks(taskname="push.send_batch", state=state).values()
                if any(batch in task["kwargs"] for batch in batches)
            ),
            None,
        )

    return until(f"a batch is {state}", look, 60, every=0.1)


def test_it_shows_workers_states_arguments_and_run_times_and_no_token(fleet: Fleet, monitor: Monitor) -> None:
    trial = Trial(fleet, 200)
    trial.send()
    trial.wait_for_end()

    done = message_of(monitor, trial, "SUCCESS")

    assert done["runtime"] > 0
    assert "batch_id" in done["kwargs"]
    assert done["worker"].startswith("push-worker-normal@")
    names = {"orchestrator", "orchestrator-slow-work", "push-worker-normal"}
    until("every worker answers", lambda: names <= {node.partition("@")[0] for node in monitor.workers()}, 60)
    everything = json.dumps(monitor.tasks()) + monitor.page("/tasks") + monitor.page(f"/task/{done['uuid']}")
    assert trial.project in fleet.simulator.accepted(prefix=trial.project).model_dump_json()
    assert not [token for token in trial.tokens if token in everything]


def test_nobody_looks_without_the_password(monitor: Monitor) -> None:
    for path in ("/", "/workers", "/api/tasks"):
        answer = httpx.get(f"{monitor.url}{path}", timeout=60, trust_env=False)
        assert answer.status_code == httpx.codes.UNAUTHORIZED


@pytest.mark.parametrize(("signal", "repeats"), [("SIGTERM", 0), ("SIGKILL", WINDOW)])
def test_a_batch_revoked_while_it_is_sent_comes_back_and_the_account_is_exact(
    fleet: Fleet, monitor: Monitor, signal: str, repeats: int
) -> None:
    fleet.simulator.change_script(latency={"ms": SLOW_MS})
    trial = Trial(fleet, DEVICES)
    trial.send()
    trial.wait_for_received(WINDOW)
    batch = message_of(monitor, trial, "STARTED")

    monitor.revoke(batch["uuid"], terminate="true", signal=signal)

    account = trial.wait_for_end()
    assert account.accepted == DEVICES
    assert account.missed == 0
    assert account.repeated <= repeats
    assert monitor.tasks()[batch["uuid"]]["state"] == "REVOKED"


def waiting_message(fleet: Fleet, batch: str) -> str:
    """The id of a batch's message that no worker has taken, once there is one. It stays where it is."""

    def look() -> str | None:
        with Connection(fleet.broker.broker_url.get_secret_value()) as connection:
            message = connection.default_channel.basic_get(Queue.PUSH_NORMAL.value)  # given back as the connection ends
            ours = message is not None and batch in str(message.body)
            return str(message.headers["id"]) if ours else None

    return until("the message waits", look, 60)


def test_a_batch_revoked_before_it_began_is_sent_later(fleet: Fleet, monitor: Monitor) -> None:
    fleet.simulator.change_script(latency={"ms": VERY_SLOW_MS})
    first, second = Trial(fleet, 200), Trial(fleet, 100)
    first.send()
    first.wait_for_received(WINDOW)
    second.send()
    second.wait_until("it is planned", lambda: second.many("SELECT id FROM batches WHERE campaign_id = %s"))
    revoked = waiting_message(fleet, second.one("SELECT id::text FROM batches WHERE campaign_id = %s")[0])

    monitor.revoke(revoked)

    log = fleet.processes["push-worker-normal"].log
    until("the worker knows", lambda: f"flagged as revoked: {revoked}" in log.read_text(), 60)
    fleet.simulator.change_script(latency={"ms": 0})
    for trial in (first, second):
        account = trial.wait_for_end()
        assert (account.accepted, account.missed, account.repeated) == (len(trial.tokens), 0, 0)
    until("the revoke is seen", lambda: monitor.tasks().get(revoked, {}).get("state") == "REVOKED", 60)
