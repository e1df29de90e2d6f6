"""`POST /v1/projects/{project}/messages:send`: from a request to its answer, counted on the way."""

import random
from typing import NamedTuple

from fcm_simulator import answers
from fcm_simulator.answers import Answer
from fcm_simulator.latency import Draw, sampler
from fcm_simulator.oauth import AccessTokens
from fcm_simulator.payload import PayloadReader, SendRequest
from fcm_simulator.rules import Rulebook
from fcm_simulator.script import Latency, Outcome, OutcomeName, Rules, Script
from fcm_simulator.tally import Tally
from fcm_simulator.traffic import ProjectTraffic

REJECTED = "rejected"
"""The name under which requests with a payload that FCM rejects are counted."""
_ACCEPT = Outcome()
_ACCEPTS = {OutcomeName.ACCEPT, OutcomeName.ACCEPT_THEN_TIME_OUT}
_NEVER_ANSWERED = {OutcomeName.ACCEPT_THEN_TIME_OUT, OutcomeName.TIME_OUT}
_UNAUTHENTICATED = Outcome(outcome=OutcomeName.UNAUTHENTICATED)
_PERMISSION_DENIED = Outcome(outcome=OutcomeName.PERMISSION_DENIED)


class Reply(NamedTuple):
    """What to answer, None for never, after how many seconds."""

    answer: Answer | None
    delay: float


class Sends:
    """Decides every send. The order is FCM's: access token, quota, payload, device."""

    def __init__(self, tally: Tally, tokens: AccessTokens) -> None:
        self._tally = tally
        self._tokens = tokens
        self._reader = PayloadReader()
        self.traffic: dict[str, ProjectTraffic] = {}
        self.apply(Script())

    def apply(self, script: Script) -> None:
        rng = random.Random(script.seed)
        self._rng = rng
        self._quota = script.quota
        self._auth_required = script.oauth.required
        self._rules = Rulebook[Outcome](script, _ACCEPT, rng)
        self._topic_rules = Rulebook[Outcome](Rules[Outcome](tokens={"": script.topic}), _ACCEPT, rng)
        self._latency = sampler(script.latency, rng)
        self._latencies: dict[Latency, Draw] = {}
        self._tally.keep_requests(script.record_requests)

    def read(self, body: bytes) -> SendRequest:
        return self._reader.read(body)

    def receive(self, request: SendRequest) -> float:
        """Counts the request; returns its time in Unix seconds."""
        return self._tally.receive(request.token)

    def reply(self, project: str, authorization: str | None, request: SendRequest, now: float) -> Reply:
        outcome = self._outcome(project, authorization, request, now)
        if isinstance(outcome, Answer):
            self._tally.outcome(REJECTED, now, request.target)
            return Reply(outcome, self._latency())
        name = outcome.outcome
        self._tally.outcome(name, now, request.target)
        delay = self._latency() if outcome.latency is None else self._draw(outcome.latency)
        if name not in _ACCEPTS:
            return Reply(None if name in _NEVER_ANSWERED else answers.of_outcome(outcome), delay)
        if request.validate_only:
            self._tally.validated_total += 1
            answer = answers.validated(project)
        else:
            answer = answers.accepted(project, self._tally.accept(request.token))
        if name in _NEVER_ANSWERED:
            return Reply(None, delay)
        return Reply(answer if outcome.status is None else answers.of_outcome(outcome), delay)

    def _outcome(self, project: str, authorization: str | None, request: SendRequest, now: float) -> Outcome | Answer:
        if self._auth_required:
            granted = self._tokens.project(authorization, now)
            if granted is None:
                return _UNAUTHENTICATED
            if granted != project:
                return _PERMISSION_DENIED
        traffic = self.traffic.get(project)
        if traffic is None:
            traffic = self.traffic[project] = ProjectTraffic()
        quota = self._quota
        if not traffic.admit(now, quota.projects.get(project, quota.per_minute)):
            wait = traffic.seconds_until_room(now) if quota.retry_after is None else quota.retry_after
            return Outcome(outcome=OutcomeName.QUOTA_EXCEEDED, retry_after=wait)
        if request.fault is not None:
            return request.fault
        if request.token:
            return self._rules.choose(request.token)
        return self._topic_rules.choose("")

    def _draw(self, latency: Latency) -> float:
        draw = self._latencies.get(latency)
        if draw is None:
            draw = self._latencies[latency] = sampler(latency, self._rng)
        return draw()
