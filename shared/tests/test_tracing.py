"""Tracing beside the work: off it is not there, and a collector that is away is nobody's trouble."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from random import Random
from uuid import UUID

import pytest

from fanfare_shared import tracing
from fanfare_shared.settings import TracingSettings
from fanfare_shared.testing.collectors import Collector

WITHIN_A_GRACE = 25.0


@pytest.fixture(autouse=True)
def _off_afterwards() -> Iterator[None]:
    yield
    tracing.stop()
    tracing.start("test", TracingSettings())


@cache
def loaded_with_tracing_off(imports: str) -> frozenset[str]:
    """What of OpenTelemetry a process has loaded that imports this and works through every call of `tracing`."""
    work = f"""
import sys
{imports}
from uuid import uuid4
from fanfare_shared import tracing
from fanfare_shared.settings import TracingSettings
assert tracing.start("test", TracingSettings(otlp_endpoint=None)) is None
with tracing.span("a", tracing.Kind.CONSUMER, parent=tracing.headers_of_job(uuid4()), b=1) as span:
    span.set(c=2)
    span.fail("d")
    tracing.begin("e").end()
    tracing.annotate(f=3)
    assert tracing.headers() == {{}} and tracing.trace_id() is None
tracing.stop()
print(*(name for name in sys.modules if name.startswith("opentelemetry")))
"""
    return frozenset(
        subprocess.run([sys.executable, "-c", work], check=True, capture_output=True, text=True).stdout.split()
    )


@pytest.mark.parametrize(
    ("process", "libraries"),
    [
        ("fanfare_api.main", "fastapi, redis"),
        ("fanfare_orchestrator.main", "redis"),
        ("fanfare_orchestrator.sweep.__main__", "sys"),
        ("fanfare_push_worker.main", "redis"),
        ("fanfare_image_worker.main", "sys"),
    ],
)
def test_off_nothing_of_opentelemetry_is_loaded_but_what_libraries_load_by_themselves(
    process: str, libraries: str
) -> None:
    """FastAPI imports its API, redis-py the SDK's metrics where it is installed: 1.5 MB, shared by the children."""
    loaded = loaded_with_tracing_off(f"import {process}")
    assert loaded - loaded_with_tracing_off(f"import {libraries}") == set()
    assert not any(name.startswith(("opentelemetry.sdk.trace", "opentelemetry.exporter")) for name in loaded)


def span_and_stop(endpoint: str, spans: int) -> tuple[float, float]:
    """Seconds that the spans took, and that the stop took."""
    tracing.start("test", TracingSettings(otlp_endpoint=endpoint))
    began = time.monotonic()
    for number in range(spans):
        with tracing.span("work", number=number):
            pass
    worked = time.monotonic()
    tracing.stop()
    return worked - began, time.monotonic() - worked


def test_what_is_left_is_handed_over_at_the_stop() -> None:
    with Collector() as collector:
        span_and_stop(collector.url, 700)
        assert {span.attributes["fanfare.number"] for span in collector.named("work")} == set(range(700))


def test_a_collector_that_is_not_there_delays_neither_the_work_nor_the_stop() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        worked, stopped = span_and_stop(f"http://127.0.0.1:{bound.getsockname()[1]}", 5000)
    assert worked < WITHIN_A_GRACE
    assert stopped < WITHIN_A_GRACE


def test_a_collector_that_never_answers_delays_neither_the_work_nor_the_stop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        worked, stopped = span_and_stop(f"http://127.0.0.1:{silent.getsockname()[1]}", 5000)
    assert worked < WITHIN_A_GRACE
    assert stopped < WITHIN_A_GRACE


@pytest.mark.parametrize(("ratio", "flag"), [(0.0, "00"), (1.0, "01")])
def test_the_trace_of_a_job_has_its_id_and_the_share_decides_whether_it_is_made(ratio: float, flag: str) -> None:
    tracing.start("test", TracingSettings(otlp_endpoint="http://127.0.0.1:9", trace_sample_ratio=ratio))
    job = UUID("018f0000-0000-7000-8000-0123456789ab")
    assert tracing.headers_of_job(job) == {"traceparent": f"00-{job.hex}-80000123456789ab-{flag}"}


def test_of_many_jobs_about_the_share_is_traced() -> None:
    tracing.start("test", TracingSettings(otlp_endpoint="http://127.0.0.1:9", trace_sample_ratio=0.25))
    dice = Random(7)
    jobs = (UUID(int=dice.getrandbits(128)) for _ in range(2000))
    traced = sum(tracing.headers_of_job(job)["traceparent"].endswith("-01") for job in jobs)
    assert 450 < traced < 550
