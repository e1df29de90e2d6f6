"""A worker's child process: its memory limit, and what libvips may do in it."""

import subprocess
import sys
from pathlib import Path

from harness.images.pictures import corners

_RENDER = """
import os, sys
from pathlib import Path
from fanfare_image_worker.engine.process import configure
from fanfare_image_worker.engine.render import render
from fanfare_shared.errors import ImageRejectedError
from fanfare_shared.images.pipeline import DEFAULT_PIPELINE

if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
configure(int(sys.argv[1]))
for path in sys.argv[2:]:
    try:
        for one in render(Path(path), DEFAULT_PIPELINE.variants):
            print(one.width, one.height)
    except ImageRejectedError as error:
        print(error.code)
"""


def render_in_a_child(memory_limit_bytes: int, *paths: Path) -> list[str]:
    """What a forked process says of each file; the engine was imported before the fork, as a worker's parent does."""
    command = [sys.executable, "-c", _RENDER, str(memory_limit_bytes), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


def test_an_image_that_needs_too_much_memory_is_told_and_the_next_one_succeeds(tmp_path: Path) -> None:
    large, small = tmp_path / "large.jpg", tmp_path / "small.jpg"
    # Without chroma subsampling, as above quality 90: 6 bytes of coefficients a pixel, 144 MB.
    large.write_bytes(corners(6_000, 4_000).jpegsave_buffer(Q=95, interlace=True))
    small.write_bytes(corners(1_600, 1_200).jpegsave_buffer())
    assert render_in_a_child(120_000_000, large, small) == ["IMAGE_OUT_OF_MEMORY", "800 600"]
    assert render_in_a_child(0, large) == ["800 533"]
