"""A body's bytes as lines: the same lines however the bytes arrive, and never more of them in memory than one."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfare_api.devices.lines import MAX_LINE_BYTES, Gunzip, LineSplitter
from fanfare_shared.errors import MalformedBodyError, PayloadTooLargeError


def _split(chunks: list[bytes]) -> list[tuple[int, bytes | None]]:
    splitter = LineSplitter(10_000_000)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    last = splitter.finish()
    return lines if last is None else [*lines, last]


@given(st.lists(st.binary(max_size=20).map(lambda part: part.replace(b"\0", b"\n"))))
def test_lines_are_those_of_the_whole_body_however_it_is_cut(chunks: list[bytes]) -> None:
    whole = b"".join(chunks).split(b"\n")
    if whole[-1] == b"":
        whole.pop()
    assert _split(chunks) == list(enumerate(whole, start=1))


@pytest.mark.parametrize("size", [1000, MAX_LINE_BYTES, 1_000_000])
def test_a_line_that_is_too_long_is_left_out_and_the_next_one_read(size: int) -> None:
    body = b"a\n" + b"x" * (MAX_LINE_BYTES + 1) + b"\nb\n" + b"y" * MAX_LINE_BYTES
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    assert _split(chunks) == [(1, b"a"), (2, None), (3, b"b"), (4, b"y" * MAX_LINE_BYTES)]


def test_more_than_the_limit_is_refused() -> None:
    splitter = LineSplitter(10)
    list(splitter.feed(b"12345\n789\n"))
    with pytest.raises(PayloadTooLargeError):
        list(splitter.feed(b"\n"))


@given(st.lists(st.binary(max_size=200), min_size=1), st.integers(min_value=1, max_value=50))
def test_gzip_gives_what_was_packed_however_it_is_cut(members: list[bytes], size: int) -> None:
    packed = b"".join(gzip.compress(member) for member in members)
    gunzip = Gunzip()
    pieces = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert b"".join(part for piece in pieces for part in gunzip.feed(piece)) == b"".join(members)
    gunzip.finish()


def test_a_small_body_that_unpacks_to_a_huge_one_comes_in_bounded_steps() -> None:
    packed = gzip.compress(bytes(50_000_000))
    sizes = [len(part) for part in Gunzip().feed(packed)]
    assert sum(sizes) == 50_000_000
    assert max(sizes) <= 262_144


@given(st.binary(min_size=1, max_size=100), st.integers(min_value=1))
def test_a_gzip_body_that_is_cut_off_is_noticed(content: bytes, cut: int) -> None:
    packed = gzip.compress(content)
    gunzip = Gunzip()
    list(gunzip.feed(packed[: -(cut % len(packed)) or -1]))
    with pytest.raises(MalformedBodyError):
        gunzip.finish()


def test_what_is_not_gzip_is_refused() -> None:
    with pytest.raises(MalformedBodyError):
        list(Gunzip().feed(zlib.compress(b"x")))
