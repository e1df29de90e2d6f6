"""Storage and fork(2): a mistake is an error at once, the right way works."""

import subprocess
import sys

import pytest

from fanfare_shared.settings import StorageSettings

PREAMBLE = """
import asyncio, os, sys
from fanfare_shared.errors import StorageMisusedError
from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.opening import open_storage
from fanfare_shared.worker.children import per_child

settings = StorageSettings(storage_url=sys.argv[1])

def in_a_child(act):
    pid = os.fork()
    if pid == 0:
        try:
            act()
        except StorageMisusedError as error:
            os.write(1, f"misused: {error}\\n".encode())
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""

# Each is what a child does after the parent has used storage; not one may hang.
MISTAKES = {
    "put": 'storage.put("b", b"bytes", "image/png")',
    "get": 'storage.get("a")',
    "stream": 'list(storage.stream("a", 0, 5))',
    "list": "list(storage.list())",
    "delete": 'storage.delete(["a"])',
    "async": 'asyncio.run(storage.get_async("a"))',
    "another store": 'open_storage(settings).get("a")',
}


def run(program: str, settings: StorageSettings) -> str:
    command = [sys.executable, "-c", PREAMBLE + program, settings.storage_url]
    return subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout


def test_storage_that_was_used_before_a_fork_is_an_error_after_it(storage_settings: StorageSettings) -> None:
    acts = "\n".join(f"in_a_child(lambda: {act})" for act in MISTAKES.values())
    said = run(f'storage = open_storage(settings); storage.put("a", b"bytes", "image/png")\n{acts}', storage_settings)
    lines = said.splitlines()
    assert len(lines) == len(MISTAKES)
    assert all("open it in the child" in line for line in lines)


def test_storage_that_was_only_opened_before_a_fork_is_an_error_too(storage_settings: StorageSettings) -> None:
    said = run('storage = open_storage(settings)\nin_a_child(lambda: storage.get("a"))', storage_settings)
    assert "open it in the child" in said


@pytest.mark.parametrize("children", [2])
def test_each_child_opens_its_own(storage_settings: StorageSettings, children: int) -> None:
    program = f"""
storage = per_child(lambda: open_storage(settings))
def act():
    storage().put("a", b"bytes", "image/png")
    os.write(1, asyncio.run(storage().get_async("a")) + b"\\n")
for _ in range({children}):
    in_a_child(act)
"""
    assert run(program, storage_settings) == "bytes\n" * children
