"""FastAPI's own spans of requests, where tracing is on; its metrics and logs are never: ours say the same."""

from collections.abc import MutableMapping
from typing import Any

from fastapi.telemetry import TelemetryConfig

from fanfare_api.settings import ApiSettings
from fanfare_shared import tracing

_UNSEEN = {"/healthz", "/readyz", "/metrics"}
"""Asked for every few seconds, by probes and by Prometheus."""


def telemetry(settings: ApiSettings) -> TelemetryConfig:
    """A span a request, below that of the caller's `traceparent`. Starts this process's tracing."""
    tracer = tracing.start("api", settings)
    config = TelemetryConfig(metrics=False, logs=False, operation_spans=False, auto_configure=False)
    if tracer is None:
        return TelemetryConfig(**config, tracing=False)
    return TelemetryConfig(**config, tracing=True, tracer_provider=tracer.provider, exclude=_is_unseen)


def _is_unseen(scope: MutableMapping[str, Any]) -> bool:
    return scope.get("path") in _UNSEEN
