"""The demo's campaign: imported, sent, and compared with what the simulator saw."""

import json
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from fanfare_native.demo.answers import FINAL, POLL_SECONDS, answer, print_rows
from fanfare_native.errors import StackError
from fanfare_native.progress import Progress
from fcm_simulator.client import SimulatorClient

DEVICES = 100_000
# One device in this many has uninstalled the app: FCM answers UNREGISTERED for its token.
UNINSTALLED_EVERY = 200
_GONE = "uninstalled"
_IMPORT_LINES = 2_000


def run(api: httpx.Client, found: Mapping[str, str]) -> list[str]:
    """`found`: what `.run/env` says. What is wrong with the account, or differs from what the simulator saw.

    Raises StackError where the fleet does not use its own simulator, or refuses a step.
    """
    if "FANFARE_FCM_SERVICE_ACCOUNT_FILE" not in found:
        raise StackError("the demo sends through the FCM simulator only: unset FANFARE_FCM_ENDPOINT, then `make up`")
    with SimulatorClient(found["FANFARE_FCM_ENDPOINT"], Path(found["FANFARE_FCM_CA_FILE"])) as simulator:
        simulator.reset()
        simulator.script(
            latency={"distribution": "lognormal", "ms": 40, "max_ms": 500},
            patterns=[{"contains": _GONE, "outcomes": ["unregistered"]}],
        )
        app_id = _app(api, Path(found["FANFARE_FCM_SERVICE_ACCOUNT_FILE"]))
        _import_devices(api, app_id)
        return _account(_send(api, app_id), simulator)


def token(number: int) -> str:
    """A device's token: as long as FCM's real ones, and telling whether the app was uninstalled."""
    kind = _GONE if number % UNINSTALLED_EVERY == 0 else "installed"
    return f"demo-{kind}-{number:07}:".ljust(163, "A")


def _app(api: httpx.Client, service_account_file: Path) -> str:
    """The demo's app: an earlier demo's, with its credentials renewed, or a new one."""
    credentials: dict[str, Any] = json.loads(service_account_file.read_text())
    project = credentials["project_id"]
    for app in answer(api.get("/v1/apps"))["items"]:
        if app["firebase_project_id"] == project:
            answer(api.patch(f"/v1/apps/{app['id']}", json={"credentials": credentials}))
            return str(app["id"])
    new = {"name": "Demo", "firebase_project_id": project, "credentials": credentials}
    return str(answer(api.post("/v1/apps", json=new))["id"])


def _import_devices(api: httpx.Client, app_id: str) -> None:
    progress = Progress("importing")

    def lines() -> Iterator[bytes]:
        """The devices as NDJSON, made while they are sent, a few thousand lines at a time."""
        for start in range(0, DEVICES, _IMPORT_LINES):
            end = min(start + _IMPORT_LINES, DEVICES)
            yield b"".join(_device(number) for number in range(start, end))
            progress.show(end, DEVICES)

    headers = {"Content-Type": "application/x-ndjson"}
    counts = answer(
        api.post("/v1/devices/import", params={"app_id": app_id}, headers=headers, content=lines(), timeout=300)
    )
    taken = counts["inserted"] + counts["updated"]
    progress.finish(
        taken, DEVICES, f"{counts['inserted']:,} new, {counts['updated']:,} known, {counts['rejected']:,} rejected"
    )


def _device(number: int) -> bytes:
    platform = ("android", "ios", "web")[number % 3]
    device = {"user_id": f"user-{number}", "token": token(number), "platform": platform, "locale": "en"}
    return json.dumps(device).encode() + b"\n"


def _send(api: httpx.Client, app_id: str) -> dict[str, Any]:
    """Creates the campaign, sends it and follows it to its end; its last stats."""
    campaign = {"app_id": app_id, "title": "Hello", "message": "From Fanfare's demo", "target": {"all": True}}
    campaign_id = answer(api.post("/v1/campaigns", json=campaign))["id"]
    answer(api.post(f"/v1/campaigns/{campaign_id}/send"))
    progress = Progress("sending  ")
    while True:
        stats: dict[str, Any] = answer(api.get(f"/v1/campaigns/{campaign_id}/stats"))
        total = stats["total_recipients"] or 0
        done = total - stats["pending"]
        if stats["status"] in FINAL:
            progress.finish(done, total, stats["status"])
            return stats
        progress.show(done, max(total, DEVICES), f"{stats['rate_per_second'] or 0:,.0f}/s")
        if stats["status"] == "paused":
            reason = answer(api.get(f"/v1/campaigns/{campaign_id}"))["pause_reason"]
            raise StackError(f"the campaign was paused: {reason}; GET /v1/campaigns/{campaign_id}")
        time.sleep(POLL_SECONDS)


def _account(stats: Mapping[str, Any], simulator: SimulatorClient) -> list[str]:
    """Prints the account; what in it is wrong, or differs from what the simulator saw."""
    counts, duplicates = simulator.counts(), simulator.duplicates()
    gone = len(range(0, DEVICES, UNINSTALLED_EVERY))
    missed = sum(
        simulator.missing(
            token(number) for number in range(start, start + _IMPORT_LINES) if _GONE not in token(number)
        ).total
        for start in range(0, DEVICES, _IMPORT_LINES)
    )
    seconds = (_seconds(stats["completed_at"]) - _seconds(stats["started_at"])) if stats["completed_at"] else 0.0
    rows = {
        "total": stats["total_recipients"],
        "success": stats["success"],
        "invalid": stats["invalid_token"],
        "failed": stats["failed"],
        "unknown": stats["unknown"],
        "expired": stats["expired"],
        "cancelled": stats["cancelled"],
        "pending": stats["pending"],
        "missed, by the simulator's count": missed,
        "duplicates seen by the simulator": duplicates.tokens,
        "rate, messages a second": round(stats["total_recipients"] / seconds) if seconds else 0,
    }
    print()
    print_rows(rows)
    outcomes = ("success", "invalid_token", "failed", "unknown", "expired", "cancelled", "pending")
    checks = {
        f"the campaign is {stats['status']}, not completed": stats["status"] == "completed",
        "the outcomes do not add up to the total": sum(stats[name] for name in outcomes) == stats["total_recipients"],
        f"the total is not {DEVICES:,}": stats["total_recipients"] == DEVICES,
        f"the invalid are not the {gone:,} that uninstalled the app": stats["invalid_token"] == gone,
        f"the simulator accepted for {counts.accepted_tokens:,} devices": counts.accepted_tokens == stats["success"],
        f"{missed:,} devices got nothing": missed == 0,
        f"{duplicates.tokens:,} devices got it more than once": duplicates.tokens == 0,
    }
    return [problem for problem, is_right in checks.items() if not is_right]


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
