"""What libvips and malloc were told, seen from a process that was started with none of it in its environment."""

import os
import subprocess
import sys

import pytest

# Eight threads hold memory at once: by itself glibc gives each an arena of its own. `malloc_stats` prints every arena.
_ARENAS = """
import ctypes, threading
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(8)
def take():
    together.wait()
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=take) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_stats()
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("VIPS_", "MALLOC_"))}
    return subprocess.run(
        [sys.executable, "-c", program], env=plain | environment, check=True, capture_output=True, text=True
    )


@pytest.mark.parametrize(("environment", "threads"), [({}, "1"), ({"VIPS_CONCURRENCY": "3"}, "3")])
def test_an_image_is_worked_on_by_one_thread_unless_the_environment_says_otherwise(
    environment: dict[str, str], threads: str
) -> None:
    found = run("import fanfare_image_worker, pyvips; print(pyvips.concurrency_get())", **environment)
    assert found.stdout.strip() == threads


def test_loaders_that_are_not_for_hostile_files_are_blocked() -> None:
    load = 'pyvips.Image.new_from_buffer(b\'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>\', \'\')'
    assert run(f"import pyvips; {load}").returncode == 0, "libvips reads SVG by itself"
    found = run(
        f"import fanfare_image_worker, pyvips\ntry: {load}\nexcept pyvips.Error as error: print(error)\nelse: print('read')"
    )
    assert "not in a known format" in found.stdout


def test_malloc_has_two_arenas_at_most() -> None:
    assert run(_ARENAS).stderr.count("Arena ") > 2, "glibc makes more by itself"
    assert run(f"import fanfare_image_worker\n{_ARENAS}").stderr.count("Arena ") <= 2
