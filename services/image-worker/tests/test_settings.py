"""The settings of an image's limits reach the engine, whose own defaults are theirs."""

import pytest

from fanfare_image_worker.engine.limits import Limits
from fanfare_image_worker.settings import ImageWorkerSettings


@pytest.fixture(autouse=True)
def _only_servers_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANFARE_DATABASE_URL", "postgresql://ledger/fanfare")
    monkeypatch.setenv("FANFARE_BROKER_URL", "amqp://broker/fanfare")
    for name in ("MAX_BYTES", "MAX_PIXELS", "MAX_FRAMES"):
        monkeypatch.delenv(f"FANFARE_IMAGE_{name}", raising=False)


def test_the_limits_are_the_engine_s_own_where_nothing_is_set() -> None:
    assert ImageWorkerSettings().limits == Limits()


def test_the_limits_are_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANFARE_IMAGE_MAX_BYTES", "10000")
    monkeypatch.setenv("FANFARE_IMAGE_MAX_PIXELS", "20000")
    monkeypatch.setenv("FANFARE_IMAGE_MAX_FRAMES", "3")
    assert ImageWorkerSettings().limits == Limits(max_bytes=10_000, max_pixels=20_000, max_frames=3)
