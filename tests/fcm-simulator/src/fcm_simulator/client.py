"""A client of the control API, for tests in Python."""

import ssl
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from fcm_simulator.script import Script

_TIMEOUT_SECONDS = 30.0


class ProjectCounts(BaseModel):
    """A project's requests: admitted by the quota, refused with 429, the most admitted in any 60 s window."""

    admitted: int
    refused: int
    peak_window: int


class Counts(BaseModel):
    """Totals since the last reset; times are Unix seconds. `outcomes` counts requests by outcome."""

    received: int
    accepted: int
    accepted_tokens: int
    received_tokens: int
    duplicate_tokens: int
    duplicate_accepts: int
    validated: int
    outcomes: dict[str, int]
    token_requests: dict[str, int]
    projects: dict[str, ProjectCounts]
    first_received_at: float | None
    last_received_at: float | None


class Duplicates(BaseModel):
    """Tokens accepted more than once: how many, accepts beyond the first, the most for one; `counts` is limited."""

    tokens: int
    extra_accepts: int
    most: int
    counts: dict[str, int]


class Tokens(BaseModel):
    """`total` tokens, of which the first ones are listed."""

    total: int
    tokens: list[str]


class TokenCounts(BaseModel):
    """One token's requests and accepts."""

    received: int
    accepted: int


class Timeline(BaseModel):
    """One project's traffic; `buckets` are (start in Unix milliseconds, admitted, refused) of `bucket_ms` each."""

    bucket_ms: int
    admitted: int
    refused: int
    refused_share: float
    peak_window: int
    buckets: list[tuple[int, int, int]]


class Request(BaseModel):
    """One recorded request; `at` is Unix seconds when it was read."""

    at: float
    target: str
    outcome: str


class SimulatorClient:
    """Talks to one simulator. Raises httpx.HTTPStatusError for a call that the simulator refuses."""

    def __init__(self, base_url: str, ca_file: Path) -> None:
        self.base_url = base_url.rstrip("/")
        self.ca_file = ca_file
        context = ssl.create_default_context(cafile=ca_file)
        self._http = httpx.Client(base_url=self.base_url, verify=context, timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def healthy(self) -> bool:
        """Whether it answers at all."""
        try:
            return self._http.get("/healthz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def script(self, script: Script | None = None, /, **fields: Any) -> Script:
        """Replaces the whole script by `script`, or by the default with these fields set; returns what is in force.

        `client.script(latency={"ms": 80}, patterns=[{"contains": "invalid", "outcomes": ["unregistered"]}])`
        """
        wanted = script if script is not None else Script.model_validate(fields)
        return Script.model_validate(self._call("PUT", "script", json=wanted.model_dump(mode="json")))

    def change_script(self, **fields: Any) -> Script:
        """Sets some top-level fields of the script and leaves the others."""
        return Script.model_validate(self._call("PATCH", "script", json=fields))

    def counts(self) -> Counts:
        return Counts.model_validate(self._call("GET", "counts"))

    def duplicates(self, limit: int = 100) -> Duplicates:
        return Duplicates.model_validate(self._call("GET", "duplicates", params={"limit": limit}))

    def accepted(self, prefix: str = "", limit: int = 100) -> Tokens:
        """The tokens with that prefix that a message was accepted for."""
        return Tokens.model_validate(self._call("GET", "accepted", params={"prefix": prefix, "limit": limit}))

    def missing(self, tokens: Iterable[str], limit: int = 100) -> Tokens:
        """Those of `tokens` that no message was accepted for."""
        content = {"tokens": list(tokens)}
        return Tokens.model_validate(self._call("POST", "missing", params={"limit": limit}, json=content))

    def token(self, token: str) -> TokenCounts:
        return TokenCounts.model_validate(self._call("GET", f"tokens/{quote(token, safe='')}"))

    def timeline(self, project: str) -> Timeline:
        return Timeline.model_validate(self._call("GET", "timeline", params={"project": project}))

    def requests(self, limit: int = 1000, offset: int = 0) -> list[Request]:
        """The latest requests, oldest first; the script's `record_requests` says how many are kept."""
        content = self._call("GET", "requests", params={"limit": limit, "offset": offset})
        return [Request.model_validate(item) for item in content["requests"]]

    def reset(self, *, script: bool = True) -> None:
        """Forgets all counts and, unless told otherwise, the script. Access tokens stay good."""
        self._call("POST", "reset", json={"script": script})

    def credentials(self, project: str = "demo", listener: str = "plain") -> dict[str, str]:
        """A service account's JSON whose `token_uri` is on the `plain` or the `fault` listener."""
        content: dict[str, str] = self._call("GET", "credentials", params={"project": project, "listener": listener})
        return content

    def access_token(self, project: str = "demo", expires_in: float = 3600) -> str:
        """An access token without the OAuth flow, good for `expires_in` seconds."""
        content = self._call("POST", "access-tokens", json={"project": project, "expires_in": expires_in})
        return str(content["access_token"])

    def revoke_access_tokens(self) -> None:
        """Makes every access token issued so far a 401."""
        self._call("DELETE", "access-tokens")

    def _call(self, method: str, name: str, **arguments: Any) -> Any:
        response = self._http.request(method, f"/control/{name}", **arguments)
        if response.is_client_error:
            raise httpx.HTTPStatusError(response.text, request=response.request, response=response)
        return response.raise_for_status().json()
