"""Traces of the work, from an HTTP request through the queues to the send. Off unless `FANFARE_OTLP_ENDPOINT` is set.

Off, every call here does nothing, and nothing of OpenTelemetry is imported. A process that was forked starts its own:
the thread that hands spans to the collector does not survive a fork.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from fanfare_shared.settings import TracingSettings

if TYPE_CHECKING:
    from fanfare_shared.tracing.tracer import Tracer

Value = str | int | float | bool | UUID
Headers = Mapping[str, str]

TRACEPARENT = "traceparent"
"""The header that a message carries its trace in (https://www.w3.org/TR/trace-context/)."""
# The bits of a UUID, version 7, that are random in every implementation: its last 62.
_RANDOM_BITS = 62


class Kind(Enum):
    """What a span is to the spans around it: https://opentelemetry.io/docs/specs/otel/trace/api/#spankind."""

    INTERNAL = auto()
    PRODUCER = auto()
    CONSUMER = auto()


class Span(Protocol):
    """A piece of work. Attributes are counts, ids and words; never a device, a token or a secret."""

    def set(self, **attributes: Value) -> None: ...

    def fail(self, reason: str) -> None: ...

    def end(self) -> None: ...


class _NoSpan:
    def set(self, **attributes: Value) -> None:
        pass

    def fail(self, reason: str) -> None:
        pass

    def end(self) -> None:
        pass


_NO_SPAN = _NoSpan()
_tracer: "Tracer | None" = None


def start(service: str, settings: TracingSettings) -> "Tracer | None":
    """Once in each process that makes spans, after its fork. None where tracing is off."""
    global _tracer  # noqa: PLW0603 - one tracer a process
    _tracer = None
    if settings.otlp_endpoint is not None:
        from fanfare_shared.tracing.tracer import Tracer  # noqa: PLC0415 - costs memory and time, which off must not

        _tracer = Tracer(service, settings.otlp_endpoint, settings.trace_sample_ratio)
    return _tracer


def stop() -> None:
    """Hands over what is left, for a moment at most."""
    if _tracer is not None:
        _tracer.close()


@contextmanager
def span(
    name: str, kind: Kind = Kind.INTERNAL, *, parent: Headers | None = None, **attributes: Value
) -> Iterator[Span]:
    """A span around the work in the block, below the present one or below `parent`'s."""
    if _tracer is None:
        yield _NO_SPAN
        return
    with _tracer.present(name, kind, parent, attributes) as made:
        yield made


def begin(name: str, **attributes: Value) -> Span:
    """A span below the present one, for work that is not one block. Its owner ends it."""
    return _NO_SPAN if _tracer is None else _tracer.begin(name, attributes)


def annotate(**attributes: Value) -> None:
    """Sets attributes of the present span."""
    if _tracer is not None:
        _tracer.annotate(attributes)


def headers() -> dict[str, str]:
    """What a message carries for the spans of whoever takes it; nothing where there is no present span."""
    return {} if _tracer is None else _tracer.headers()


def trace_id() -> str | None:
    """The present trace's, as its viewer shows it."""
    return None if _tracer is None else _tracer.trace_id()


def headers_of_job(job_id: UUID) -> dict[str, str]:
    """The parent of work on a job whose message carries no trace, such as one that the sweep repeated.

    The trace's id is the job's, so all such work is in one trace, without a word between the processes; they also agree
    whether it is sampled.
    """
    if _tracer is None:
        return {}
    tail = job_id.int & ((1 << _RANDOM_BITS) - 1)
    is_sampled = tail < _tracer.ratio * (1 << _RANDOM_BITS)
    return {TRACEPARENT: f"00-{job_id.hex}-{job_id.hex[16:]}-{int(is_sampled):02x}"}
