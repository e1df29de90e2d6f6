"""What the port promises of every storage: a local folder and an S3 server, through the same tests."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from fanfare_shared.errors import ObjectMissingError
from fanfare_shared.storage.port import Buffer, Storage

MEBIBYTE = 1024 * 1024
# Over one part of a multipart upload, and not a whole number of parts or pieces.
LONG = bytes(range(256)) * (36 * 1024) + b"end"


def in_pieces(data: bytes, size: int = 100_000) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def in_async_pieces(data: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for piece in in_pieces(data, size):
        yield piece


def keys(storage: Storage, prefix: str = "") -> list[str]:
    return sorted(stored.key for stored in storage.list(prefix))


@pytest.mark.parametrize("data", [b"bytes", bytearray(b"bytes"), memoryview(b"bytes"), b"", LONG], ids=type)
async def test_what_is_put_is_what_is_got(storage: Storage, data: Buffer) -> None:
    storage.put("sync", data, "image/png")
    await storage.put_async("async", data, "image/png")
    assert storage.get("sync") == data
    assert await storage.get_async("async") == data


@pytest.mark.parametrize("data", [b"", b"short", LONG], ids=["empty", "short", "long"])
async def test_a_stream_of_any_length_is_put_whole(storage: Storage, data: bytes) -> None:
    storage.put("sync", in_pieces(data), "image/png")
    await storage.put_async("async", in_async_pieces(data), "image/png")
    assert storage.get("sync") == data
    assert await storage.get_async("async") == data


def test_a_source_may_use_its_buffer_again(storage: Storage) -> None:
    def source() -> Iterator[bytearray]:
        buffer = bytearray(1000)
        for number in range(3):
            buffer[:] = bytes([number]) * 1000
            yield buffer

    storage.put("a", source(), "image/png")
    assert storage.get("a") == b"".join(bytes([number]) * 1000 for number in range(3))


async def test_an_object_is_streamed_whole_or_in_part(storage: Storage) -> None:
    storage.put("a", LONG, "image/png")
    pieces = list(storage.stream("a"))
    assert max(map(len, pieces)) <= MEBIBYTE
    assert b"".join(pieces) == LONG
    assert b"".join([piece async for piece in storage.stream_async("a")]) == LONG
    start, end = MEBIBYTE - 7, 3 * MEBIBYTE + 5
    assert b"".join(storage.stream("a", start, end)) == LONG[start:end]
    assert b"".join([piece async for piece in storage.stream_async("a", start, end)]) == LONG[start:end]


async def test_a_range_ends_where_the_object_does(storage: Storage) -> None:
    storage.put("a", b"0123456789", "image/png")
    storage.put("empty", b"", "image/png")
    for start, end, expected in [(0, 4, b"0123"), (6, 10, b"6789"), (6, 99, b"6789"), (10, 12, b""), (50, 60, b"")]:
        assert storage.get_range("a", start, end) == expected
        assert await storage.get_range_async("a", start, end) == expected
    assert storage.get_range("empty", 0, 5) == b""
    assert await storage.get_range_async("empty", 0, 5) == b""
    assert list(storage.stream("empty")) == []


def test_data_may_itself_come_from_storage(storage: Storage) -> None:
    storage.put("a", LONG, "image/png")
    storage.put("b", b"bytes", "image/png")
    storage.put("archive", (piece for key in ("a", "b") for piece in storage.stream(key)), "application/zip")
    assert storage.get("archive") == LONG + b"bytes"


async def test_async_data_may_itself_come_from_storage(storage: Storage) -> None:
    await storage.put_async("a", LONG, "image/png")
    await storage.put_async("archive", storage.stream_async("a"), "application/zip")
    assert await storage.get_async("archive") == LONG


async def test_what_a_source_raises_is_raised_and_nothing_is_stored(storage: Storage) -> None:
    def broken() -> Iterator[bytes]:
        yield LONG
        raise LookupError("the source")

    async def broken_async() -> AsyncIterator[bytes]:
        yield LONG
        raise LookupError("the source")

    with pytest.raises(LookupError, match="the source"):
        storage.put("sync", broken(), "image/png")
    with pytest.raises(LookupError, match="the source"):
        await storage.put_async("async", broken_async(), "image/png")
    assert keys(storage) == []


async def test_an_upload_that_fails_leaves_what_was_there(storage: Storage) -> None:
    def broken() -> Iterator[bytes]:
        yield LONG
        raise LookupError("the source")

    storage.put("a", b"before", "image/png")
    with pytest.raises(LookupError):
        storage.put("a", broken(), "image/png")
    assert storage.get("a") == b"before"


async def test_an_upload_that_is_cancelled_leaves_nothing(storage: Storage) -> None:
    waiting, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        try:
            yield LONG
            waiting.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    upload = asyncio.create_task(storage.put_async("a", slow(), "image/png"))
    await waiting.wait()
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert ended.is_set()
    assert keys(storage) == []


async def test_what_is_being_uploaded_is_not_seen_before_it_is_whole(storage: Storage) -> None:
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield LONG
        waiting.set()
        await go_on.wait()
        yield b"more"

    upload = asyncio.create_task(storage.put_async("a", slow(), "image/png"))
    await waiting.wait()
    assert keys(storage) == []
    with pytest.raises(ObjectMissingError):
        await storage.head_async("a")
    go_on.set()
    await upload
    assert await storage.get_async("a") == LONG + b"more"


def test_one_of_the_bodies_put_at_once_is_stored_whole(storage: Storage) -> None:
    bodies = [bytes([number]) * 200_000 for number in range(8)]
    with ThreadPoolExecutor(len(bodies)) as threads:
        list(threads.map(lambda body: storage.put("a", body, "image/png"), bodies))
    assert storage.get("a") in bodies
    assert keys(storage) == ["a"]


@pytest.mark.parametrize(
    "key",
    [
        "a b",
        "한글/사진.jpg",
        "é/😀",
        "100%",
        "a%2Fb%20c",
        "a+b&c=d;e,f",
        "who?",
        'it\'s "quoted"',
        "(a)[b]{c}<d>|^`~*!@$",
        ".hidden/..a/b..",
        "a:b",
        "n" * 240,
    ],
)
async def test_a_key_may_hold_what_a_name_may(storage: Storage, key: str) -> None:
    storage.put(key, b"bytes", "image/png")
    assert storage.get(key) == b"bytes"
    assert (await storage.head_async(key)).key == key
    assert keys(storage) == [key]
    storage.copy(key, f"copy/{key}")
    assert storage.get_range(f"copy/{key}", 1, 3) == b"yt"
    storage.delete([key, f"copy/{key}"])
    assert keys(storage) == []


async def test_head_says_size_etag_and_time(storage: Storage) -> None:
    storage.put("a", b"bytes", "image/png")
    stored = storage.head("a")
    assert (stored.key, stored.size) == ("a", 5)
    assert stored.etag
    assert '"' not in stored.etag
    # A day apart at most, in whichever zone the storage's clock is set.
    assert abs(stored.last_modified - datetime.now(UTC)) < timedelta(days=1)
    assert stored.last_modified.utcoffset() == timedelta(0)
    assert await storage.head_async("a") == stored
    assert list(storage.list()) == [stored]
    storage.put("a", b"other bytes", "image/png")
    assert storage.head("a").etag != stored.etag


async def test_what_is_not_there_is_missing(storage: Storage) -> None:
    for look in (
        lambda: storage.get("a"),
        lambda: storage.get_range("a", 0, 5),
        lambda: list(storage.stream("a")),
        lambda: list(storage.stream("a", 0, 5)),
        lambda: storage.head("a"),
        lambda: storage.copy("a", "b"),
        lambda: storage.rename("a", "b"),
    ):
        with pytest.raises(ObjectMissingError, match="no object a"):
            look()
    for looking in (
        storage.get_async("a"),
        storage.get_range_async("a", 0, 5),
        anext(storage.stream_async("a")),
        storage.head_async("a"),
        storage.copy_async("a", "b"),
        storage.rename_async("a", "b"),
    ):
        with pytest.raises(ObjectMissingError, match="no object a"):
            await looking
    assert keys(storage) == []


async def test_deleting_is_for_many_and_for_what_is_gone_already(storage: Storage) -> None:
    for number in range(12):
        storage.put(f"some/{number}", b"bytes", "image/png", durable=False)
    storage.delete(key for key in ["gone", "some/0", "gone/too", "some/1", "some/1"])
    await storage.delete_async(["gone", *(f"some/{number}" for number in range(2, 11)), "gone/too"])
    assert keys(storage) == ["some/11"]
    storage.delete([])
    await storage.delete_async([])
    assert keys(storage) == ["some/11"]


def test_a_list_is_of_what_is_below_a_folder(storage: Storage) -> None:
    for key in ("a", "b/1", "b/2/3", "bc/4"):
        storage.put(key, b"bytes", "image/png", durable=False)
    assert keys(storage) == ["a", "b/1", "b/2/3", "bc/4"]
    assert keys(storage, "b") == ["b/1", "b/2/3"]
    assert keys(storage, "b/") == ["b/1", "b/2/3"]
    assert keys(storage, "none") == []


def test_a_list_goes_over_pages(storage: Storage) -> None:
    put = {f"many/{number % 7}/{number}" for number in range(1100)}
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda key: storage.put(key, b"", "image/png", durable=False), put))
    listed = keys(storage, "many")
    assert len(listed) == len(put)
    assert set(listed) == put
    storage.delete(listed)
    assert keys(storage) == []


async def test_copying_keeps_and_renaming_moves(storage: Storage) -> None:
    storage.put("a", b"bytes", "image/png")
    storage.put("target", b"what was there before", "image/png")
    storage.copy("a", "target")
    await storage.copy_async("a", "deep/er/b")
    assert keys(storage) == ["a", "deep/er/b", "target"]
    assert storage.get("target") == storage.get("deep/er/b") == b"bytes"
    storage.rename("a", "target")
    await storage.rename_async("deep/er/b", "c")
    assert keys(storage) == ["c", "target"]
    assert storage.get("target") == storage.get("c") == b"bytes"


def test_a_copy_made_again_or_onto_itself_is_a_copy(storage: Storage) -> None:
    storage.put("a", b"bytes", "image/png")
    storage.copy("a", "b")
    storage.copy("a", "b")
    storage.copy("a", "a")
    assert keys(storage) == ["a", "b"]
    storage.rename("a", "a")
    assert keys(storage) == ["a", "b"]
    storage.rename("a", "b")
    assert keys(storage) == ["b"]
    assert storage.get("b") == b"bytes"


def test_a_copy_is_not_changed_with_its_source(storage: Storage) -> None:
    storage.put("a", b"bytes", "image/png")
    storage.copy("a", "b")
    storage.put("a", b"other bytes", "image/png")
    storage.delete(["a"])
    assert storage.get("b") == b"bytes"


async def test_a_storage_that_is_there_is_ready(storage: Storage) -> None:
    storage.ensure_ready()
    await storage.ensure_ready_async()
    assert keys(storage) == []
