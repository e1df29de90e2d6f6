"""Whether a worker that holds a lease still lives, told by its name."""

import os
import subprocess
import sys

from fanfare_image_worker.worker_name import is_dead, worker_name


def named(pid: int) -> str:
    place, _, started = worker_name().split(":")
    return f"{place}:{pid}:{started}"


def test_a_process_that_lives_is_not_dead() -> None:
    assert not is_dead(worker_name())


def test_a_process_that_is_gone_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    assert is_dead(named(process.pid))


def test_a_process_that_nobody_waited_for_is_dead_too() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(named(process.pid))
    process.wait()


def test_another_process_with_the_same_number_is_not_the_one() -> None:
    place, pid, started = worker_name().split(":")
    assert is_dead(f"{place}:{pid}:{int(started) - 1}")


def test_nothing_is_known_of_other_hosts() -> None:
    _, pid, started = worker_name().split(":")
    assert not is_dead(f"elsewhere/1:{pid}:{started}0")
    assert not is_dead("no name of ours")
