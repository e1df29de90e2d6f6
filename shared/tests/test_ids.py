"""Ids that order what they name."""

import os
import threading
import time
from uuid import UUID

from fanfare_shared.ids import uuid7, uuid7_time


def test_ids_made_one_after_the_other_are_in_order() -> None:
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_they_are_of_version_7_and_tell_their_time() -> None:
    before = time.time()
    made = uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before - 1 <= uuid7_time(made).timestamp() <= time.time() + 1


def test_threads_never_make_the_same() -> None:
    made: list[list[UUID]] = [[] for _ in range(4)]

    def make(into: list[UUID]) -> None:
        into.extend(uuid7() for _ in range(5_000))

    threads = [threading.Thread(target=make, args=(into,)) for into in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({value for part in made for value in part}) == 20_000


def test_a_forked_process_makes_others_than_its_parent() -> None:
    uuid7()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"".join(uuid7().bytes for _ in range(100)))
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(reader, 1_600)
    os.close(reader)
    os.close(writer)
    theirs = {UUID(bytes=told[at : at + 16]) for at in range(0, len(told), 16)}
    assert len(theirs) == 100
    assert theirs.isdisjoint(uuid7() for _ in range(100))
