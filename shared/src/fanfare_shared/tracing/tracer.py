"""OpenTelemetry's SDK: spans to a collector, by OTLP over HTTP, from a thread. Imported only where tracing is on."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fanfare_shared.tracing import Headers, Kind, Value

_PATH = "/v1/traces"
"""Of the collector's address: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request."""
_EXPORT_SECONDS = 3.0
"""What one request to the collector may take, repeats included; the work does not wait for it."""
_CLOSE_SECONDS = 5.0
"""What a stop waits for the collector: little of any grace period."""

_KINDS = {
    Kind.INTERNAL: trace.SpanKind.INTERNAL,
    Kind.PRODUCER: trace.SpanKind.PRODUCER,
    Kind.CONSUMER: trace.SpanKind.CONSUMER,
}
_propagator = TraceContextTextMapPropagator()


class Tracer:
    """One a process. When its queue is full, because the collector is away, spans are dropped."""

    def __init__(self, service: str, endpoint: str, ratio: float) -> None:
        # It says of each lost batch that it is lost; the attempts before that are nobody's concern.
        logging.getLogger("opentelemetry").setLevel(logging.ERROR)
        self.ratio = ratio
        # Its own handler at exit would wait for the collector without our bound.
        self.provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=Resource.create({"service.name": service, "service.namespace": "fanfare"}),
            shutdown_on_exit=False,
        )
        self.provider.add_span_processor(_WithoutQueries())
        self.provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}{_PATH}", timeout=_EXPORT_SECONDS))
        )
        self._tracer = self.provider.get_tracer("fanfare")

    @contextmanager
    def present(
        self, name: str, kind: Kind, parent: Headers | None, attributes: Mapping[str, Value]
    ) -> Iterator["Span"]:
        with self._tracer.start_as_current_span(
            name,
            context=None if parent is None else _propagator.extract(parent, context=Context()),
            kind=_KINDS[kind],
            attributes=_plain(attributes),
            record_exception=False,  # a message may hold what no trace may
            set_status_on_exception=False,
        ) as span:
            yield Span(span)

    def begin(self, name: str, attributes: Mapping[str, Value]) -> "Span":
        return Span(self._tracer.start_span(name, attributes=_plain(attributes)))

    def annotate(self, attributes: Mapping[str, Value]) -> None:
        trace.get_current_span().set_attributes(_plain(attributes))

    def headers(self) -> dict[str, str]:
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier

    def trace_id(self) -> str | None:
        context = trace.get_current_span().get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else None

    def close(self) -> None:
        """Returns after `_CLOSE_SECONDS` at most, whatever the collector does."""
        closing = threading.Thread(target=self.provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)


class Span:
    """An OpenTelemetry span as the work sees it."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, **attributes: Value) -> None:
        self._span.set_attributes(_plain(attributes))

    def fail(self, reason: str) -> None:
        self._span.set_status(trace.StatusCode.ERROR, reason)

    def end(self) -> None:
        self._span.end()


class _WithoutQueries(SpanProcessor):
    """FastAPI's spans tell the query of the address, which may hold a signed link's signature or a user's id."""

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's signature
        if span.attributes is not None and "url.query" in span.attributes:
            span.set_attribute("url.query", "REDACTED")


def _plain(attributes: Mapping[str, Value]) -> dict[str, str | int | float | bool]:
    return {
        f"fanfare.{name}": value if isinstance(value, str | int | float | bool) else str(value)
        for name, value in attributes.items()
    }
