"""The fleet's own parts: a line each in `parts`."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import httpx

from fanfare_native import flower, servers, simulator
from fanfare_native.context import Context
from fanfare_native.part import Part
from fanfare_native.ports import HOST

# Each worker's service, its queue and its child processes: two cores are shared with every server.
_WORKERS = {
    "push-worker-high": ("push-worker", "push.high", 1),
    "push-worker-normal": ("push-worker", "push.normal", 2),
    "push-worker-low": ("push-worker", "push.low", 1),
    "image-worker-interactive": ("image-worker", "images.interactive", 1),
    "image-worker-bulk": ("image-worker", "images.bulk", 2),
    "image-worker-heavy": ("image-worker", "images.heavy", 1),
    "image-worker-files": ("image-worker", "files.bulk", 1),
}
_SERVERS = ("postgresql", "rabbitmq", "redis")
# Longer than the soft shutdown in which a worker finishes what it sends.
_WORKER_STOP_SECONDS = 60


def parts(context: Context) -> list[Part]:
    """What the fleet is made of, besides its servers."""
    migrate = Part(
        name="migrate",
        command=[context.layout.programs / "fanfare-migrate"],
        environment=_shared(context),
        directory=context.layout.root,
        after=("postgresql",),
        once=True,
    )
    workers = [
        _worker(context, service, name, queue, _concurrency(context, queue, concurrency))
        for name, (service, queue, concurrency) in _WORKERS.items()
    ]
    return [
        migrate,
        *simulator.parts(context),
        _api(context),
        _worker(context, "orchestrator", "orchestrator"),
        *workers,
        flower.part(context),
    ]


def settings(context: Context) -> dict[str, str]:
    """The settings of the whole stack; what the user gave stands first."""
    return (
        {
            "FANFARE_STORAGE_URL": context.layout.storage.as_uri(),
            "FANFARE_PUBLIC_URL": api_url(context),
            "FANFARE_ENCRYPTION_KEYS": context.credentials.fernet_key("encryption"),
            "FANFARE_SIGNING_KEYS": context.credentials.fernet_key("signing"),
            "FANFARE_BOOTSTRAP_API_KEY": context.credentials.password("bootstrap"),
        }
        | simulator.settings(context)
        | servers.urls(context)
        | context.given
    )


def _shared(context: Context) -> dict[str, str]:
    """The settings that every part is given."""
    return {name: value for name, value in settings(context).items() if name not in servers.NOT_FOR_SERVICES}


def api_url(context: Context) -> str:
    return f"http://{HOST}:{_api_port(context)}"


def _api_port(context: Context) -> str:
    return context.given.get("FANFARE_API_PORT") or str(context.ports["api"])


def _api(context: Context) -> Part:
    return Part(
        name="api",
        command=[context.layout.programs / "fanfare-api"],
        environment={
            "FANFARE_API_HOST": HOST,
            **_shared(context),
            "FANFARE_API_PORT": _api_port(context),
            **servers.urls_of(context, "api"),
        },
        directory=context.layout.root,
        after=("migrate", *_SERVERS),
        ready=lambda _: _answers_ready(api_url(context)),
    )


def _concurrency(context: Context, queue: str, usual: int) -> int:
    """The child processes of the queue's worker: what `FANFARE_PUSH_HIGH_CONCURRENCY` and its like say stands first."""
    return int(context.given.get(f"FANFARE_{queue.replace('.', '_').upper()}_CONCURRENCY", usual))


def _worker(context: Context, service: str, name: str, queue: str = "", concurrency: int = 0) -> Part:
    """A Celery worker. Its children must not get the stop signal: only the parent lets them finish their batch."""
    signs = context.layout.run / "heartbeats"
    signs.mkdir(mode=0o700, exist_ok=True)
    ready = signs / f"{name}.ready"
    own = {
        **servers.urls_of(context, service),
        "FANFARE_WORKER_NAME": name,
        "FANFARE_WORKER_QUEUES": queue,
        "FANFARE_WORKER_CONCURRENCY": str(concurrency or ""),
        "FANFARE_HEARTBEAT_FILE": str(signs / name),
        "FANFARE_READY_FILE": str(ready),
        "FANFARE_METRICS_HOST": HOST,
        "FANFARE_METRICS_PORT": str(context.ports[f"{name}.metrics"]),
        "FANFARE_METRICS_DIR": str(context.layout.run / "metrics" / name),
    }
    return Part(
        name=name,
        command=[context.layout.programs / f"fanfare-{service}"],
        environment=_shared(context) | _stated(own) | flower.settings_of_workers(context),
        directory=context.layout.root,
        after=("migrate", *_SERVERS),
        ready=lambda since: _is_connected(ready, since),
        stop_seconds=_WORKER_STOP_SECONDS,
    )


def _stated(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if value}


async def _answers_ready(url: str) -> bool:
    """Whether the api and every dependency of it are there; while one is not, it may answer and call itself degraded."""
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            answer = await client.get(f"{url}/readyz")
            return answer.status_code == httpx.codes.OK and answer.json()["status"] == "ready"
    except httpx.HTTPError:
        return False


def _touched(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0


async def _is_connected(ready: Path, since: float) -> bool:
    """Whether the ready file is there, and of the process that was started at `since`."""
    return await asyncio.to_thread(_touched, ready) >= since
