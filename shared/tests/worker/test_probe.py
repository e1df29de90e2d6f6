"""`fanfare-probe`, as a container's runtime calls it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fanfare_shared.settings import DatabaseSettings
from fanfare_shared.testing.ports import free_port
from fanfare_shared.worker.probe import STALE_SECONDS

PROBE = Path(sys.executable).with_name("fanfare-probe")
Probe = Callable[..., tuple[int, str]]


@pytest.fixture
def heartbeat(tmp_path: Path) -> Path:
    file = tmp_path / "heartbeat"
    file.touch()
    return file


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    file = tmp_path / "ready"
    file.touch()
    return file


@pytest.fixture
def probe(heartbeat: Path, ready: Path, database_settings: DatabaseSettings) -> Probe:
    def run(*words: str, **settings: str) -> tuple[int, str]:
        environment = os.environ | {
            "FANFARE_HEARTBEAT_FILE": str(heartbeat),
            "FANFARE_READY_FILE": str(ready),
            "FANFARE_DATABASE_URL": database_settings.database_url.get_secret_value(),
            **settings,
        }
        ended = subprocess.run([PROBE, *words], env=environment, capture_output=True, text=True, check=False)
        return ended.returncode, ended.stderr

    return run


def test_a_worker_that_beats_is_live_and_one_that_is_connected_is_ready(probe: Probe) -> None:
    assert probe("live") == (0, "")
    assert probe("ready") == (0, "")


def test_a_worker_that_is_not_connected_is_live_and_not_ready(probe: Probe, ready: Path) -> None:
    ready.unlink()
    assert probe("live") == (0, "")
    assert probe("ready") == (1, "it is not connected to its broker\n")


def test_a_worker_that_stopped_beating_is_neither(probe: Probe, heartbeat: Path) -> None:
    long_ago = time.time() - STALE_SECONDS - 60
    os.utime(heartbeat, (long_ago, long_ago))
    for question in ("live", "ready"):
        status, reason = probe(question)
        assert status == 1
        assert "the last heartbeat is" in reason


def test_a_worker_that_never_beat_is_neither(probe: Probe, heartbeat: Path) -> None:
    heartbeat.unlink()
    assert probe("live") == (1, "there is no heartbeat file\n")
    assert probe("ready") == (1, "there is no heartbeat file\n")


def test_without_postgresql_a_worker_is_live_and_not_ready(probe: Probe) -> None:
    away = f"postgresql://nobody:secret@127.0.0.1:{free_port()}/nothing"
    assert probe("live", FANFARE_DATABASE_URL=away) == (0, "")
    assert probe("ready", FANFARE_DATABASE_URL=away) == (1, "PostgreSQL does not answer: ConnectionRefusedError\n")


@pytest.mark.parametrize("words", [(), ("well",), ("live", "ready")])
def test_another_question_is_answered_with_the_usage(probe: Probe, words: tuple[str, ...]) -> None:
    status, said = probe(*words)
    assert status == 1
    assert said.startswith("usage:")
