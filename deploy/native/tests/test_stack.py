"""The stack as a whole, with real servers."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import redis

from fanfare_native import postgresql, processes, stack
from fanfare_native.errors import StackError
from fanfare_native.layout import Layout
from fanfare_native.supervisor import Supervisor


def test_servers_start_twice_and_leave_nothing_behind(layout: Layout) -> None:
    found = stack.up(layout, only_servers=True)
    before = {name: info["pid"] for name, info in Supervisor(layout).processes().items()}

    again = stack.up(layout, only_servers=True)

    assert again == found
    assert {name: info["pid"] for name, info in Supervisor(layout).processes().items()} == before
    with psycopg.connect(found["FANFARE_DATABASE_URL"]) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    assert redis.Redis.from_url(found["FANFARE_REDIS_URL"]).ping()
    assert layout.env_file.stat().st_mode & 0o777 == 0o600
    _wait(lambda: _queues(found["FANFARE_BROKER_MANAGEMENT_URL"]) == _defined_queues(layout))

    stack.down(layout)

    assert processes.marked(layout) == []
    assert not any(_listens(port) for port in json.loads((layout.run / "ports.json").read_text()).values())
    assert not layout.alias.exists()


def test_data_and_passwords_outlive_down(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANFARE_BROKER_URL", "amqp://fanfare@127.0.0.1:1/fanfare")
    before = stack.up(layout, only_servers=True)
    with psycopg.connect(before["FANFARE_DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    stack.down(layout)

    after = stack.up(layout, only_servers=True)

    assert after == before
    with psycopg.connect(after["FANFARE_DATABASE_URL"]) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_ledger_lies_where_its_account_can_enter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_clone: Callable[[Path], Layout]
) -> None:
    monkeypatch.setenv("FANFARE_BROKER_URL", "amqp://fanfare@127.0.0.1:1/fanfare")
    monkeypatch.setenv("FANFARE_REDIS_URL", "redis://127.0.0.1:1/0")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    closed = make_clone(home / "clone")

    found = stack.up(closed, only_servers=True)

    with psycopg.connect(found["FANFARE_DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    data = (closed.run / "postgresql").resolve()
    assert data.stat().st_mode & 0o777 == 0o700
    assert data.is_relative_to(home) == (os.getuid() != 0)

    stack.remove(closed)

    assert not data.exists()


def test_stale_pid_file_does_not_keep_postgresql_down(tmp_path: Path) -> None:
    own_pid = tmp_path / "postmaster.pid"
    own_pid.write_text(f"{os.getpid()}\n{tmp_path}\n")

    postgresql.forget_stale_pid(tmp_path)

    assert not own_pid.exists()


def test_part_that_does_not_start_is_named_with_its_log_and_nothing_is_left(
    only_redis: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho the disk is on fire\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    with pytest.raises(StackError, match=r"(?s)the disk is on fire.*redis failed to start: it ended 3 times"):
        stack.up(only_redis, only_servers=True)

    assert processes.marked(only_redis) == []
    assert not Supervisor(only_redis).is_running()


def test_part_that_dies_is_started_again(only_redis: Layout) -> None:
    url = stack.up(only_redis, only_servers=True)["FANFARE_REDIS_URL"]
    pid = _pid(only_redis, "redis")

    os.kill(pid, 9)

    _wait(lambda: _pid(only_redis, "redis") not in {0, pid})
    _wait(lambda: _answers(url))


def test_stack_recovers_from_a_killed_process_manager(only_redis: Layout) -> None:
    stack.up(only_redis, only_servers=True)
    orphan = _pid(only_redis, "redis")
    supervisord = int((only_redis.run / "supervisord.pid").read_text())
    os.kill(supervisord, 9)
    assert processes.wait_for_end(supervisord, 60)

    url = stack.up(only_redis, only_servers=True)["FANFARE_REDIS_URL"]

    assert _answers(url)
    assert processes.wait_for_end(orphan, 0)


def test_down_ends_what_a_killed_process_manager_left(only_redis: Layout) -> None:
    stack.up(only_redis, only_servers=True)
    orphan = _pid(only_redis, "redis")
    os.kill(int((only_redis.run / "supervisord.pid").read_text()), 9)

    stack.down(only_redis)

    assert processes.wait_for_end(orphan, 0)


def test_taken_port_is_chosen_anew(only_redis: Layout) -> None:
    before = stack.up(only_redis, only_servers=True)["FANFARE_REDIS_URL"]
    stack.down(only_redis)
    with socket.create_server(("127.0.0.1", urlsplit(before).port or 0)):
        after = stack.up(only_redis, only_servers=True)["FANFARE_REDIS_URL"]

    assert urlsplit(after).port != urlsplit(before).port
    assert _answers(after)


def test_server_named_in_the_environment_is_used_instead(only_redis: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    found = stack.up(only_redis, only_servers=True)
    assert found["FANFARE_DATABASE_URL"] == "postgresql://fanfare@127.0.0.1:1/fanfare"
    for name, value in found.items():  # as a shell does that sourced .run/env
        monkeypatch.setenv(name, value)

    again = stack.up(only_redis, only_servers=True)

    assert again == found
    assert "postgresql" not in Supervisor(only_redis).processes()
    assert "redis" in Supervisor(only_redis).processes()


def test_settings_sourced_from_an_older_env_file_are_not_taken_for_the_users(
    only_redis: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stack.up(only_redis, only_servers=True)["FANFARE_REDIS_URL"]
    stack.down(only_redis)
    with socket.create_server(("127.0.0.1", urlsplit(before).port or 0)):
        stack.up(only_redis, only_servers=True)
        monkeypatch.setenv("FANFARE_REDIS_URL", before)

        after = stack.up(only_redis, only_servers=True)["FANFARE_REDIS_URL"]

    assert after != before
    assert _answers(after)


def test_env_file_can_be_sourced_whatever_the_values(only_redis: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = "smtp://u:p a'\"$x;#%s@host\n"
    monkeypatch.setenv("FANFARE_SMTP_URL", odd)
    stack.up(only_redis, only_servers=True)

    sourced = subprocess.run(
        ["/bin/sh", "-c", '. ./env; printf %s "$FANFARE_SMTP_URL"'],
        cwd=only_redis.run,
        capture_output=True,
        text=True,
        check=True,
    )

    assert sourced.stdout == odd


def _queues(management_url: str) -> set[tuple[str, str, str | None]]:
    listed = httpx.get(f"{management_url}/api/queues/fanfare", timeout=60).raise_for_status().json()
    return {(queue["name"], queue["type"], queue.get("policy")) for queue in listed}


def _defined_queues(layout: Layout) -> set[tuple[str, str, str | None]]:
    defined = json.loads((layout.root / "deploy" / "rabbitmq" / "definitions.json").read_text())
    return {(queue["name"], "quorum", "dead" if queue["name"] == "dead" else "work") for queue in defined["queues"]}


def _pid(layout: Layout, part: str) -> int:
    return int(Supervisor(layout).processes()[part]["pid"])


def _answers(url: str) -> bool:
    try:
        return bool(redis.Redis.from_url(url).ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _wait(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
