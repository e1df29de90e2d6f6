"""The hard time limit: it ends the process, in C code too, and counts only what is an image's."""

import signal
import subprocess
import sys

from fanfare_image_worker.time_limit import TimeLimit

# As billiard leaves a child: with a handler of its own. libc's sleep holds the interpreter's lock, as no Python code does.
_STUCK = """
import ctypes, signal
from fanfare_image_worker.time_limit import TimeLimit, let_alarms_kill
signal.signal(signal.SIGALRM, lambda *_: None)
let_alarms_kill()
with TimeLimit(0.2):
    while True:
        ctypes.PyDLL(None).sleep(600)
"""


def test_a_process_that_is_stuck_in_c_is_killed() -> None:
    assert subprocess.run([sys.executable, "-c", _STUCK], check=False, timeout=120).returncode == -signal.SIGALRM


def test_nothing_is_armed_afterwards_and_time_is_taken_from_what_is_left() -> None:
    limit = TimeLimit(600)
    with limit:
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert limit.left < 600


def test_what_is_done_between_two_values_takes_none_of_it() -> None:
    limit = TimeLimit(600)
    armed = [(value, signal.getitimer(signal.ITIMER_REAL)) for value in limit.over(iter([1, 2]))]
    assert armed == [(1, (0, 0)), (2, (0, 0))]
