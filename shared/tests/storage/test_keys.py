"""Keys that are refused, before any storage is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfare_shared.errors import StorageMisusedError
from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.keys import checked
from fanfare_shared.storage.opening import open_storage

REFUSED = [
    "",
    "/",
    "/etc/passwd",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/..",
    "./a",
    "a/./b",
    "a\0b",
    "a\nb",
    "a\x7fb",
    "a\u202eb",
    "a\ud800b",
    "a\\b",
    "..\\a",
    "a#1",
    "n" * 241,
    "한" * 81,
    "/".join("abcdefgh" * 20 for _ in range(7)),
]


@pytest.mark.parametrize("key", REFUSED, ids=lambda key: ascii(key)[:20])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(StorageMisusedError, match="Not a storage key"):
        checked(key)


def test_every_operation_refuses(storage_settings: StorageSettings) -> None:
    storage = open_storage(storage_settings)
    storage.put("a", b"bytes", "image/png")
    for act in (
        lambda: storage.put("../b", b"bytes", "image/png"),
        lambda: storage.put("../b", iter([b"bytes"]), "image/png"),
        lambda: storage.get("../b"),
        lambda: storage.get_range("../b", 0, 5),
        lambda: list(storage.stream("../b", 0, 5)),
        lambda: storage.head("../b"),
        lambda: storage.delete(["a", "../b"]),
        lambda: list(storage.list("../b")),
        lambda: storage.copy("a", "../b"),
        lambda: storage.copy("../b", "a"),
        lambda: storage.rename("a", "../b"),
        lambda: storage.rename("../b", "a"),
        lambda: storage.upload_link("../b", 60, size=5, media_type="image/png"),
        lambda: storage.download_link("../b", 60, filename="b", media_type="image/png"),
    ):
        with pytest.raises(StorageMisusedError):
            act()
    assert storage.get("a") == b"bytes"


@given(st.text(max_size=300))
def test_a_key_that_is_taken_stays_below_its_folder(key: str) -> None:
    try:
        checked(key)
    except StorageMisusedError:
        return
    assert not {"", ".", ".."} & set(key.split("/"))
