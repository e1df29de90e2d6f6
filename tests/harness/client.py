"""A client of the api, as another service of the company would be one."""

from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import orjson

from fanfare_shared.testing.polling import until

FINAL = {"completed", "cancelled", "failed"}
_LINES_A_CHUNK = 2000


class Client:
    """Raises httpx.HTTPStatusError for what the api refuses."""

    def __init__(self, url: str, api_key: str) -> None:
        self.http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=120, trust_env=False
        )

    def create_app(self, credentials: dict[str, Any], quota_per_minute: int = 600_000, name: str = "demo") -> str:
        return str(self.register_app(credentials, quota_per_minute, name)["id"])

    def register_app(
        self, credentials: dict[str, Any], quota_per_minute: int = 600_000, name: str = "demo"
    ) -> dict[str, Any]:
        """The app as it is shown once, with its webhook secret."""
        body = {
            "name": name,
            "firebase_project_id": credentials["project_id"],
            "credentials": credentials,
            "quota_per_minute": quota_per_minute,
        }
        return self._json("POST", "/v1/apps", json=body)

    def with_key(self, *scopes: str, app_ids: Iterable[str]) -> "Client":
        """Another client, whose key has these scopes for these apps only."""
        body = {"name": "limited", "scopes": scopes, "app_ids": list(app_ids)}
        return Client(str(self.http.base_url), self._json("POST", "/v1/api-keys", json=body)["key"])

    def import_devices(self, app_id: str, tokens: Iterable[str]) -> dict[str, Any]:
        """Streams a device a token, of users `user-0`, `user-1`, …"""
        return self._json(
            "POST",
            "/v1/devices/import",
            params={"app_id": app_id},
            content=_ndjson(tokens),
            headers={"Content-Type": "application/x-ndjson"},
            timeout=600,
        )

    def create_campaign(self, app_id: str, **fields: Any) -> str:
        body = {"app_id": app_id, "title": "News", "message": "Something happened", "target": {"all": True}, **fields}
        return str(self._json("POST", "/v1/campaigns", json=body)["id"])

    def act(self, campaign_id: str, action: str, **body: Any) -> dict[str, Any]:
        return self._json("POST", f"/v1/campaigns/{campaign_id}/{action}", json=body)

    def send(self, campaign_id: str, **body: Any) -> dict[str, Any]:
        return self.act(campaign_id, "send", **body)

    def campaign(self, campaign_id: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/campaigns/{campaign_id}")

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self._json("GET", path, params=query)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        return self._json("POST", path, json=body)

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Of every page of a list."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(path, limit=500, **query)
            found += page["items"]
            if not page["next_cursor"]:
                return found
            query["cursor"] = page["next_cursor"]

    def stats(self, campaign_id: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/campaigns/{campaign_id}/stats")

    def wait_for_status(self, campaign_id: str, *statuses: str, seconds: float = 180) -> dict[str, Any]:
        """The stats once the campaign has one of the statuses (none given: a final one)."""
        wanted = set(statuses) or FINAL

        def look() -> dict[str, Any] | None:
            stats = self.stats(campaign_id)
            return stats if stats["status"] in wanted else None

        try:
            stats = until(f"campaign is {' or '.join(sorted(wanted))}", look, seconds, every=0.1)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; stats: {self.stats(campaign_id)}") from None
        return stats

    def wait_for_sent(self, campaign_id: str, count: int, seconds: float = 120) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            stats = self.stats(campaign_id)
            return stats if stats["sent"] >= count else None

        return until(f"{count} sent", look, seconds)

    def _json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        answer = self.http.request(method, path, **request)
        if answer.is_error:
            raise httpx.HTTPStatusError(
                f"{method} {path}: {answer.status_code} {answer.text}", request=answer.request, response=answer
            )
        return dict(answer.json())


def adds_up(stats: dict[str, Any]) -> bool:
    """The account's one equation, with nothing pending."""
    outcomes = ("success", "invalid_token", "failed", "expired", "cancelled", "unknown")
    return bool(stats["pending"] == 0 and stats["total_recipients"] == sum(stats[name] for name in outcomes))


def _ndjson(tokens: Iterable[str]) -> Iterator[bytes]:
    lines: list[bytes] = []
    for number, token in enumerate(tokens):
        lines.append(orjson.dumps({"user_id": f"user-{number}", "token": token, "platform": "android"}))
        if len(lines) == _LINES_A_CHUNK:
            yield b"\n".join(lines) + b"\n"
            lines.clear()
    yield b"\n".join(lines)
