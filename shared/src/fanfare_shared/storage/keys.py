"""What a key may be. Keys are made by us, from ids and hashes; this catches the day when a client's name gets into one."""

from fanfare_shared.errors import StorageMisusedError

# S3's and GCS's limit of a key, in bytes of UTF-8; a part is a file's name in a local folder, which file systems limit.
_KEY_BYTES = 1024
_PART_BYTES = 240
# Unfinished files of a local folder are named `<key>#<number>`; a backslash is a separator to some S3 servers.
_REFUSED = frozenset("#\\")


def checked(key: str) -> str:
    """The key. Raises StorageMisusedError where it is absolute, has an empty part, `.` or `..`, a control character,
    a `#` or a backslash, or is too long.
    """
    parts = key.split("/")
    if (
        not key.isprintable()
        or _REFUSED & set(key)
        or any(part in {"", ".", ".."} for part in parts)
        or len(key.encode()) > _KEY_BYTES
        or any(len(part.encode()) > _PART_BYTES for part in parts)
    ):
        raise StorageMisusedError(f"Not a storage key: {key[:200]!r}")
    return key


def checked_prefix(prefix: str) -> str | None:
    """The prefix as a folder; None for all."""
    return checked(prefix.rstrip("/")) + "/" if prefix else None
