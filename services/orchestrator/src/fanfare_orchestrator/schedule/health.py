"""The daily health check: every server the fleet depends on is asked a real question, within a few seconds each."""

import shutil
import smtplib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from fanfare_orchestrator.notifications.mail import connect
from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.schedule.runs import RunResult
from fanfare_orchestrator.schedule.settings import MaintenanceSettings
from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import FanfareError, UnavailableError
from fanfare_shared.redis_tls import redis_tls
from fanfare_shared.settings import GOOGLE_FCM

_TIMEOUT_SECONDS = 5
_GOOGLE_TOKENS = "https://oauth2.googleapis.com"
# Below this there is no room for a day's images, and PostgreSQL on the same disk would stop.
_LEAST_FREE = 0.1

# What the clients below raise when a server does not answer, or answers that it cannot.
_FAILURES = (FanfareError, OperationalError, redis.RedisError, httpx.HTTPError, smtplib.SMTPException, OSError)


@dataclass(frozen=True, slots=True)
class Dependency:
    """`ask` returns a detail worth reading, or raises what its client raises."""

    name: str
    ask: Callable[[], str]


def check_health(context: RunContext, app: Celery) -> RunResult:
    """`{"postgresql": {"ok": true, "milliseconds": 2, "detail": "…"}, …}`; what is not ok is a problem of the run."""
    found = {dependency.name: _asked(dependency) for dependency in dependencies(context, app)}
    return RunResult(found, [f"{name}: {state['detail']}" for name, state in found.items() if not state["ok"]])


def dependencies(context: RunContext, app: Celery) -> list[Dependency]:
    """What is set is asked: no SMTP server, no question."""
    settings = context.settings
    asked = [
        Dependency("postgresql", lambda: _postgresql(context.ledger)),
        Dependency("rabbitmq", lambda: _rabbitmq(app)),
        Dependency("redis", lambda: _redis(settings)),
        Dependency("fcm", lambda: _https(settings, settings.fcm_endpoint)),
    ]
    if settings.fcm_endpoint == GOOGLE_FCM:
        asked.append(Dependency("token_endpoint", lambda: _https(settings, _GOOGLE_TOKENS)))
    if settings.smtp_url is not None:
        asked.append(Dependency("smtp", lambda: _smtp(settings)))
    asked.append(Dependency("storage", lambda: _storage(context)))
    return asked


def _asked(dependency: Dependency) -> dict[str, Any]:
    started = time.monotonic()
    try:
        ok, detail = True, dependency.ask()
    except _FAILURES as error:
        ok, detail = False, f"{type(error).__name__}: {error}"[:300]
    return {"ok": ok, "milliseconds": round((time.monotonic() - started) * 1000), "detail": detail}


def _postgresql(ledger: Ledger) -> str:
    with ledger.statement() as connection:
        connection.execute("SELECT 1")
        return f"version {connection.info.server_version // 10_000}"


def _rabbitmq(app: Celery) -> str:
    with app.connection_for_read(connect_timeout=_TIMEOUT_SECONDS) as connection:
        connection.ensure_connection(max_retries=1, timeout=_TIMEOUT_SECONDS)
        return f"version {connection.connection.server_properties.get('version')}"


def _redis(settings: MaintenanceSettings) -> str:
    with redis.Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        **redis_tls(settings),
    ) as client:
        client.ping()
    return "answers"


def _https(settings: MaintenanceSettings, url: str) -> str:
    """Any answer will do: whether an app's credentials are right is what its own check says."""
    tls = httpx.create_ssl_context()
    if settings.fcm_ca_file is not None:
        tls.load_verify_locations(settings.fcm_ca_file)
    return f"HTTP {httpx.get(url, timeout=_TIMEOUT_SECONDS, verify=tls).status_code}"


def _smtp(settings: MaintenanceSettings) -> str:
    with connect(settings) as connection:
        code, _ = connection.noop()
    return f"SMTP {code}"


def _storage(context: RunContext) -> str:
    context.open_storage().ensure_ready()
    storage = urlsplit(context.settings.storage_url)
    return _disk(unquote(storage.path)) if storage.scheme == "file" else "answers"


def _disk(path: str) -> str:
    usage = shutil.disk_usage(path)
    free = usage.free / usage.total
    detail = f"{free:.0%} of {usage.total / 1e9:,.0f} GB free"
    if free < _LEAST_FREE:
        raise UnavailableError(detail)
    return detail
