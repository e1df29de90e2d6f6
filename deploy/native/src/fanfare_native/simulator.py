"""The FCM simulator, which stands in for Google unless the user names an endpoint."""

import ssl
import subprocess
from pathlib import Path

import httpx

from fanfare_native.context import Context
from fanfare_native.errors import StackError
from fanfare_native.layout import write_private
from fanfare_native.part import Part
from fanfare_native.ports import HOST

ENDPOINT = "FANFARE_FCM_ENDPOINT"
NAME = "fcm-simulator"
# The Firebase project whose service account `.run/env` names, and the one of README's own app.
PROJECT = "fanfare-demo"
README_PROJECT = "my-project"


def parts(context: Context) -> list[Part]:
    """The simulator, or nothing where the user named an endpoint."""
    if ENDPOINT in context.given:
        return []
    port, fault_port = context.ports[NAME], context.ports[f"{NAME}.fault"]
    state = _state(context)
    simulator = Part(
        name=NAME,
        command=[
            context.layout.programs / NAME, "serve", "--host", HOST, "--port", str(port),
            "--fault-port", str(fault_port), "--state", state,
        ],
        directory=context.layout.root,
        ready=lambda _: _ready(context),
        stop_group=True,
        stop_seconds=10,
    )  # fmt: skip
    return [simulator]


def settings(context: Context) -> dict[str, str]:
    """How the fleet reaches it, and a service account that it honours."""
    if ENDPOINT in context.given:
        return {}
    return {
        ENDPOINT: _url(context),
        "FANFARE_FCM_CA_FILE": str(_state(context) / "ca.pem"),
        "FANFARE_FCM_SERVICE_ACCOUNT_FILE": str(_service_account(context)),
    }


def write_service_accounts(context: Context) -> None:
    """Writes the JSON that a user would get from Google's console, for apps of both projects."""
    if ENDPOINT in context.given:
        return
    _write_service_account(context, PROJECT, _service_account(context))
    _write_service_account(context, README_PROJECT, _state(context) / f"{README_PROJECT}.json")


def _write_service_account(context: Context, project: str, file: Path) -> None:
    made = subprocess.run(
        [context.layout.programs / NAME, "credentials", "--state", _state(context), "--project", project,
         "--token-uri", f"{_url(context)}/token"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        raise StackError(f"{made.stderr}\n{NAME} gave no credentials (above)")
    write_private(file, made.stdout)


def _state(context: Context) -> Path:
    return context.layout.run / "simulator"


def _service_account(context: Context) -> Path:
    return _state(context) / "service-account.json"


def _url(context: Context) -> str:
    return f"https://{HOST}:{context.ports[NAME]}"


async def _ready(context: Context) -> bool:
    try:
        tls = ssl.create_default_context(cafile=_state(context) / "ca.pem")
        async with httpx.AsyncClient(verify=tls, timeout=5, trust_env=False) as client:
            return (await client.get(f"{_url(context)}/healthz")).status_code == httpx.codes.OK
    except (OSError, httpx.HTTPError):
        return False
