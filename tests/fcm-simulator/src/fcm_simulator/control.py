"""The control API under `/control/`: script it, ask it, reset it. Its README lists every call."""

from collections.abc import Callable, Iterable
from inspect import isawaitable
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson
from pydantic import ValidationError

from fcm_simulator.answers import Answer, error, json_answer
from fcm_simulator.script import Script
from fcm_simulator.service_accounts import UnknownProjectError
from fcm_simulator.simulator import Simulator
from fcm_simulator.traffic import BUCKET_MS

PREFIX = "/control/"
_DEFAULT_LIMIT = 100


class BadControlRequestError(ValueError):
    """A control request that makes no sense; the message says what to send instead."""


class Query:
    """A request's query string and JSON body."""

    def __init__(self, query_string: str, body: bytes) -> None:
        self._values = parse_qs(query_string)
        self._body = body

    def text(self, name: str, default: str) -> str:
        return self._values.get(name, [default])[-1]

    def number(self, name: str, default: int) -> int:
        text = self.text(name, str(default))
        if not text.isdecimal():
            raise BadControlRequestError(f"{name} must be a whole number, not {text!r}")
        return int(text)

    def json(self) -> dict[str, Any]:
        try:
            content = orjson.loads(self._body or b"{}")
        except orjson.JSONDecodeError as reason:
            raise BadControlRequestError(f"the body is not JSON: {reason}") from reason
        if not isinstance(content, dict):
            raise BadControlRequestError("the body must be a JSON object")
        return content


class ControlApi:
    """Routes control requests. Every answer is JSON; a bad request gets a 400 in Google's error format."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._routes: dict[tuple[str, str], Callable[[Query], Any]] = {
            ("GET", "script"): lambda _: simulator.script.model_dump(mode="json"),
            ("PUT", "script"): self._replace_script,
            ("PATCH", "script"): self._change_script,
            ("DELETE", "script"): lambda _: self._apply(Script()),
            ("GET", "counts"): lambda _: self._counts(),
            ("GET", "duplicates"): self._duplicates,
            ("GET", "accepted"): self._accepted,
            ("POST", "missing"): self._missing,
            ("GET", "timeline"): self._timeline,
            ("GET", "requests"): self._requests,
            ("POST", "reset"): self._reset,
            ("GET", "credentials"): self._credentials,
            ("POST", "access-tokens"): self._issue_access_token,
            ("DELETE", "access-tokens"): self._revoke_access_tokens,
        }

    async def answer(self, method: str, path: str, query_string: str, body: bytes) -> Answer:
        name = path.removeprefix(PREFIX)
        query = Query(query_string, body)
        try:
            if method == "GET" and name.startswith("tokens/"):
                return json_answer(200, self._token(unquote(name.removeprefix("tokens/"))))
            route = self._routes.get((method, name))
            if route is None:
                return error(404, "NOT_FOUND", f"no such control call: {method} {path}")
            content = route(query)
            return json_answer(200, await content if isawaitable(content) else content)
        except (BadControlRequestError, UnknownProjectError, ValidationError) as reason:
            return error(400, "INVALID_ARGUMENT", str(reason))

    async def _apply(self, script: Script) -> Any:
        await self._simulator.apply(script)
        return script.model_dump(mode="json")

    async def _replace_script(self, query: Query) -> Any:
        return await self._apply(Script.model_validate(query.json()))

    async def _change_script(self, query: Query) -> Any:
        present = self._simulator.script.model_dump(mode="json")
        return await self._apply(Script.model_validate(present | query.json()))

    def _counts(self) -> dict[str, Any]:
        tally, sends = self._simulator.tally, self._simulator.sends
        return {
            "received": tally.received_total,
            "accepted": tally.accepted_total,
            "accepted_tokens": len(tally.accepted),
            "received_tokens": len(tally.received),
            "duplicate_tokens": len(tally.accepted_more_than_once),
            "duplicate_accepts": sum(tally.accepted_more_than_once.values()) - len(tally.accepted_more_than_once),
            "validated": tally.validated_total,
            "outcomes": {str(name): count for name, count in tally.outcomes.items()},
            "token_requests": {str(name): count for name, count in self._simulator.token_endpoint.outcomes.items()},
            "projects": {
                project: {"admitted": traffic.admitted, "refused": traffic.refused, "peak_window": traffic.peak_window}
                for project, traffic in sends.traffic.items()
            },
            "first_received_at": tally.first_received_at,
            "last_received_at": tally.last_received_at,
        }

    def _duplicates(self, query: Query) -> dict[str, Any]:
        tally = self._simulator.tally
        counts = tally.accepted_more_than_once
        return {
            "tokens": len(counts),
            "extra_accepts": sum(counts.values()) - len(counts),
            "most": max(counts.values(), default=0),
            "counts": tally.duplicates(query.number("limit", _DEFAULT_LIMIT)),
        }

    def _accepted(self, query: Query) -> dict[str, Any]:
        return _listed(self._simulator.tally.accepted_with_prefix(query.text("prefix", "")), query)

    def _missing(self, query: Query) -> dict[str, Any]:
        tokens = query.json().get("tokens")
        if not isinstance(tokens, list):
            raise BadControlRequestError('the body must be {"tokens": ["...", ...]}')
        return _listed(self._simulator.tally.missing(tokens), query)

    def _token(self, token: str) -> dict[str, Any]:
        tally = self._simulator.tally
        return {"received": tally.received.get(token, 0), "accepted": tally.accepted.get(token, 0)}

    def _timeline(self, query: Query) -> dict[str, Any]:
        traffic = self._simulator.sends.traffic.get(query.text("project", ""))
        if traffic is None:
            raise BadControlRequestError("nothing was sent to that project: add ?project=...")
        total = traffic.admitted + traffic.refused
        return {
            "bucket_ms": BUCKET_MS,
            "admitted": traffic.admitted,
            "refused": traffic.refused,
            "refused_share": traffic.refused / total if total else 0.0,
            "peak_window": traffic.peak_window,
            "buckets": traffic.timeline(),
        }

    def _requests(self, query: Query) -> dict[str, Any]:
        kept = self._simulator.tally.requests
        skipped = query.number("offset", 0)
        page = islice(kept, skipped, skipped + query.number("limit", 1000))
        return {"kept": len(kept), "requests": [request._asdict() for request in page]}

    async def _reset(self, query: Query) -> dict[str, Any]:
        self._simulator.reset()
        if query.json().get("script", True):
            await self._simulator.apply(Script())
        return {}

    def _credentials(self, query: Query) -> dict[str, str]:
        listener = query.text("listener", "plain")
        if listener not in {"plain", "fault"}:
            raise BadControlRequestError(f"listener must be plain or fault, not {listener!r}")
        return self._simulator.credentials(query.text("project", "demo"), on_fault_listener=listener == "fault")

    def _issue_access_token(self, query: Query) -> dict[str, Any]:
        content = query.json()
        project, expires_in = content.get("project", "demo"), content.get("expires_in", 3600)
        if not isinstance(project, str) or not isinstance(expires_in, int | float):
            raise BadControlRequestError('the body must be {"project": "...", "expires_in": seconds}')
        return {"access_token": self._simulator.access_tokens.issue(project, expires_in), "expires_in": expires_in}

    def _revoke_access_tokens(self, _: Query) -> dict[str, Any]:
        self._simulator.access_tokens.revoke_all()
        return {}


def _listed(tokens: Iterable[str], query: Query) -> dict[str, Any]:
    """`{"total", "tokens"}`: all are counted, the first `limit` are listed."""
    limit = query.number("limit", _DEFAULT_LIMIT)
    iterator = iter(tokens)
    listed = list(islice(iterator, limit))
    return {"total": len(listed) + sum(1 for _ in iterator), "tokens": listed}
