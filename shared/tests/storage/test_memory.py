"""Bodies far larger than what a process may hold pass through it."""

import os
import subprocess
import sys

import pytest

from fanfare_shared.settings import StorageSettings

MEBIBYTE = 1024 * 1024
LENGTH = 128 * MEBIBYTE
# 19 MiB were the most that was measured, with eight at once on a core, and with a disk that took 200 ms a write: parts
# wait for one another. The bound tells what is held in parts from what is held whole, whatever the allocator keeps.
BOUND = 80 * MEBIBYTE

PROGRAM = """
import asyncio, pathlib, re, sys
from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.opening import open_storage

length, chunk = int(sys.argv[2]), 256 * 1024
storage = open_storage(StorageSettings(storage_url=sys.argv[1]))

def memory(name):
    return int(re.search(rf"{name}:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) * 1024

def source():
    for _ in range(length // chunk):
        yield bytes(chunk)

async def source_async():
    for piece in source():
        yield piece

async def through_async():
    await storage.put_async("async", source_async(), "image/png", durable=False)
    return sum([len(piece) async for piece in storage.stream_async("async")])

def through():
    storage.put("sync", source(), "image/png", durable=False)
    return sum(len(piece) for piece in storage.stream("sync"))

storage.put("warm", b"up", "image/png")
before = memory("VmRSS")
assert (asyncio.run(through_async()) if sys.argv[3] == "async" else through()) == length
print(memory("VmHWM") - before)
"""


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_memory_does_not_grow_with_the_body(storage_settings: StorageSettings, kind: str) -> None:
    command = [sys.executable, "-c", PROGRAM, storage_settings.storage_url, str(LENGTH), kind]
    environment = {**os.environ, "MALLOC_ARENA_MAX": "2"}  # as the workers run
    # No time limit of its own: on a busy disk so many bytes take minutes.
    grown = int(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)
    assert grown < BOUND
