"""Structured logs: a JSON object a line, with what the work at hand has bound (campaign, batch, epoch, request).

Device tokens and secrets are never passed to a logger; as a second net, fields with such names are masked.
"""

import logging
import sys
import traceback
from typing import Any, cast

import structlog

from fanfare_shared import tracing

_SECRET_FIELDS = frozenset(
    {"token", "tokens", "access_token", "authorization", "password", "secret", "credentials", "api_key"}
)

_MESSAGE_LENGTH = 300


def configure_logging(service: str, level: str = "INFO") -> None:
    """Sends structlog's and the standard library's records through one JSON pipeline to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Service(service),
        _add_trace,
        _mask_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(_traceback),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)


def get_logger(name: str = "fanfare") -> structlog.stdlib.BoundLogger:
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger(name))


class _Service:
    """Names the service in every record, whichever thread wrote it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, _logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        return {"service": self._name} | event


def _traceback(exc_info: Any) -> str:
    """The stacks of an exception and of what caused it. Of each message only the first line is kept: PostgreSQL's
    and pydantic's further lines hold the values themselves.
    """
    error: BaseException | None = exc_info[1]
    parts: list[str] = []
    while error is not None:
        first_line = str(error).partition("\n")[0][:_MESSAGE_LENGTH]
        stack = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"{stack}{type(error).__qualname__}: {first_line}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\ncaused by:\n".join(parts)


def _add_trace(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    trace_id = tracing.trace_id()
    return event if trace_id is None else event | {"trace_id": trace_id}


def _mask_secrets(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    for field in _SECRET_FIELDS & event.keys():
        event[field] = "***"
    return event
