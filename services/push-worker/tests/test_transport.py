"""The transport: one request a call whatever the wire does, and the truth about whether it began."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from fanfare_push_worker.transport import ABORTED, Target, Transport
from fanfare_shared import metrics
from fanfare_shared.contracts.words import Priority
from fanfare_shared.fcm.message import PushMessage, encode
from fcm_simulator.process import RunningSimulator
from fcm_simulator.script import WireOutcomeName

MESSAGE = encode(PushMessage("title", "body", "c", Priority.NORMAL, 60), 0)
FAULTS = [name for name in WireOutcomeName if name is not WireOutcomeName.NONE]


@dataclass
class Answers:
    """A receiver that keeps what it gets, by tag."""

    statuses: dict[int, int] = field(default_factory=dict)
    bodies: dict[int, bytes] = field(default_factory=dict)
    retry_after: dict[int, int] = field(default_factory=dict)
    generations: dict[int, int] = field(default_factory=dict)
    failures: dict[int, tuple[int, bool]] = field(default_factory=dict)

    def answered(self, tag: int, status: int, body: bytes, retry_after: int, generation: int) -> None:
        self.statuses[tag] = status
        self.bodies[tag] = body
        self.retry_after[tag] = retry_after
        self.generations[tag] = generation

    def failed(self, tag: int, code: int, *, began: bool) -> None:
        self.failures[tag] = (code, began)


@pytest.fixture
def transport(simulator: RunningSimulator) -> Iterator[Transport]:
    transport = Transport(2, 60.0, simulator.ca_file, metrics.push_request_duration)
    yield transport
    transport.close_all()


@pytest.fixture
def impatient_transport(simulator: RunningSimulator) -> Iterator[Transport]:
    """Its requests time out soon."""
    transport = Transport(2, 3.0, simulator.ca_file, metrics.push_request_duration)
    yield transport
    transport.close_all()


def target(simulator: RunningSimulator, url: str, generation: int = 1) -> Target:
    token = simulator.client.access_token()
    return Target(f"{url}/v1/projects/demo/messages:send", f"Bearer {token}", generation)


def turn_until_idle(transport: Transport, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while transport.in_flight:
        assert time.monotonic() < deadline, f"{transport.in_flight} still in flight"
        transport.turn(0.1)


def test_many_requests_share_few_connections_and_each_gets_its_own_answer(
    transport: Transport, simulator: RunningSimulator
) -> None:
    simulator.client.script(
        tokens={"token-7": ["unregistered"], "token-8": [{"outcome": "unavailable", "retry_after": 7}]}
    )
    answers, where = Answers(), target(simulator, simulator.url)
    for number in range(150):
        transport.start(where, MESSAGE.to(f"token-{number}"), answers, number)
    turn_until_idle(transport)
    assert {tag for tag, status in answers.statuses.items() if status != 200} == {7, 8}
    assert (answers.statuses[7], answers.statuses[8], answers.retry_after[8]) == (404, 503, 7)
    assert b'"name"' in answers.bodies[0]
    assert simulator.client.counts().received == 150


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_the_wire_is_ambiguous_and_the_server_saw_one_request(
    transport: Transport, simulator: RunningSimulator, fault: WireOutcomeName, accepted: bool
) -> None:
    simulator.client.script(wire={"tokens": {"token-bad": [{"outcome": fault, "accepted": accepted}]}})
    answers, where = Answers(), target(simulator, simulator.fault_url)
    transport.start(where, MESSAGE.to("token-good"), answers, 0)
    turn_until_idle(transport)
    transport.start(where, MESSAGE.to("token-bad"), answers, 1)
    turn_until_idle(transport)
    assert answers.statuses == {0: 200}
    code, began = answers.failures[1]
    assert began, f"error {code} is said to have happened before the request"
    assert simulator.client.token("token-bad").received == 1
    assert simulator.client.counts().received == 2


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_and_a_rest_the_next_request_goes_through(
    transport: Transport, simulator: RunningSimulator, fault: WireOutcomeName
) -> None:
    simulator.client.script(wire={"tokens": {"token-bad": [fault]}})
    answers, where = Answers(), target(simulator, simulator.fault_url)
    for number, token in enumerate(["token-bad", "token-good"]):
        transport.start(where, MESSAGE.to(token), answers, number)
        turn_until_idle(transport)
        while transport.rest:
            transport.turn(transport.rest)
    assert answers.statuses == {1: 200}, answers.failures


def test_requests_beside_a_dropped_one_are_ambiguous_and_seen_once(
    transport: Transport, simulator: RunningSimulator
) -> None:
    simulator.client.script(latency={"ms": 300}, wire={"tokens": {"token-9": [WireOutcomeName.DROP]}})
    answers, where = Answers(), target(simulator, simulator.fault_url)
    for number in range(10):
        transport.start(where, MESSAGE.to(f"token-{number}"), answers, number)
    turn_until_idle(transport)
    assert all(began for _, began in answers.failures.values())
    assert len(answers.failures) + len(answers.statuses) == 10
    counts = simulator.client.counts()
    assert (counts.received, counts.received_tokens) == (10, 10)


def test_a_refused_connection_means_not_sent(transport: Transport, simulator: RunningSimulator) -> None:
    with socket.socket() as bound:  # and not listening
        bound.bind(("127.0.0.1", 0))
        answers, where = Answers(), target(simulator, f"https://localhost:{bound.getsockname()[1]}")
        transport.start(where, MESSAGE.to("token"), answers, 0)
        turn_until_idle(transport)
    assert answers.failures[0][1] is False


def test_a_server_that_never_answers_the_handshake_means_not_sent(
    impatient_transport: Transport, simulator: RunningSimulator
) -> None:
    transport = impatient_transport
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answers, where = Answers(), target(simulator, f"https://127.0.0.1:{silent.getsockname()[1]}")
        transport.start(where, MESSAGE.to("token"), answers, 0)
        turn_until_idle(transport)
    assert answers.failures[0][1] is False


def test_a_certificate_that_is_not_trusted_means_not_sent(simulator: RunningSimulator) -> None:
    transport = Transport(1, 60.0, None, metrics.push_request_duration)
    answers = Answers()
    transport.start(target(simulator, simulator.url), MESSAGE.to("token"), answers, 0)
    turn_until_idle(transport)
    transport.close_all()
    assert answers.failures[0][1] is False
    assert simulator.client.counts().received == 0


def test_an_accept_without_an_answer_times_out_ambiguously(
    impatient_transport: Transport, simulator: RunningSimulator
) -> None:
    transport = impatient_transport
    simulator.client.script(mix=["accept_then_time_out"])
    answers = Answers()
    transport.start(target(simulator, simulator.url), MESSAGE.to("token"), answers, 0)
    turn_until_idle(transport)
    assert answers.failures[0][1] is True
    assert simulator.client.token("token").accepted == 1


def test_closing_all_ends_what_is_in_flight_at_once_and_the_transport_works_again(
    transport: Transport, simulator: RunningSimulator
) -> None:
    simulator.client.script(latency={"ms": 60_000})
    answers, where = Answers(), target(simulator, simulator.url)
    for number in range(20):
        transport.start(where, MESSAGE.to(f"token-{number}"), answers, number)
    deadline = time.monotonic() + 50
    while simulator.client.counts().received < 20:
        assert time.monotonic() < deadline
        transport.turn(0.05)
    transport.close_all()
    assert transport.in_flight == 0
    assert answers.failures == dict.fromkeys(range(20), (ABORTED, True))
    simulator.client.script()
    transport.start(where, MESSAGE.to("token-20"), answers, 20)
    turn_until_idle(transport)
    assert answers.statuses == {20: 200}


def test_what_was_never_turned_is_aborted_as_not_begun(transport: Transport, simulator: RunningSimulator) -> None:
    answers = Answers()
    transport.start(target(simulator, simulator.url), MESSAGE.to("token"), answers, 0)
    transport.close_all()
    assert answers.failures == {0: (ABORTED, False)}
    assert simulator.client.counts().received == 0


def test_what_has_not_begun_can_be_withdrawn_and_the_others_go_on(
    transport: Transport, simulator: RunningSimulator
) -> None:
    withdrawn, kept = Answers(), Answers()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = target(simulator, f"https://localhost:{silent.getsockname()[1]}")
        for number in range(5):
            transport.start(where, MESSAGE.to(f"token-{number}"), withdrawn, number)
        transport.start(target(simulator, simulator.url), MESSAGE.to("token-5"), kept, 5)
        transport.turn(0.1)
        transport.withdraw(withdrawn)
    assert withdrawn.failures == dict.fromkeys(range(5), (ABORTED, False))
    turn_until_idle(transport)
    assert kept.statuses == {5: 200}


def test_what_has_begun_is_not_withdrawn(transport: Transport, simulator: RunningSimulator) -> None:
    simulator.client.script(latency={"ms": 1_000})
    answers = Answers()
    transport.start(target(simulator, simulator.url), MESSAGE.to("token"), answers, 0)
    deadline = time.monotonic() + 60
    while not simulator.client.counts().received:
        assert time.monotonic() < deadline
        transport.turn(0.05)
    transport.withdraw(answers)
    turn_until_idle(transport)
    assert (answers.statuses, answers.failures) == ({0: 200}, {})


def test_a_new_target_takes_over_from_the_next_request_on(transport: Transport, simulator: RunningSimulator) -> None:
    old, answers = target(simulator, simulator.url, 1), Answers()
    transport.start(old, MESSAGE.to("token-0"), answers, 0)
    turn_until_idle(transport)
    simulator.client.revoke_access_tokens()
    transport.start(old, MESSAGE.to("token-1"), answers, 1)
    turn_until_idle(transport)
    transport.start(target(simulator, simulator.url, 2), MESSAGE.to("token-2"), answers, 2)
    turn_until_idle(transport)
    assert answers.statuses == {0: 200, 1: 401, 2: 200}
    assert answers.generations == {0: 1, 1: 1, 2: 2}
