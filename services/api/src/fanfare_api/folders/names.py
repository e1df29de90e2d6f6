"""What a path may be, of folders or of a file: names with / between them."""

from dataclasses import dataclass

from fanfare_shared.errors import NameInvalidError, NameTooLongError
from fanfare_shared.images.file_names import MAX_NAME_CHARACTERS, checked_name

# What fits into an entry of PostgreSQL's indexes (2,704 bytes), which hold the path.
MAX_PATH_BYTES = 2400


@dataclass(frozen=True)
class FilePath:
    """A file's place: its folder's path (empty: the top) and its name."""

    folder: str
    name: str


def checked_path(path: str) -> str:
    """The path of a folder, `holiday/2026`, in NFC; empty for the top. Raises NameInvalidError or NameTooLongError."""
    if not path:
        return ""
    if len(path.encode("utf-8", "replace")) > MAX_PATH_BYTES:
        raise NameTooLongError(f"A path has at most {MAX_PATH_BYTES:,} bytes of UTF-8")
    if path.startswith("/"):
        raise NameInvalidError("A path begins with a name, not with /")
    clean = "/".join(checked_name(name) for name in path.removesuffix("/").split("/"))
    if len(clean.encode()) > MAX_PATH_BYTES:
        raise NameTooLongError(f"A path has at most {MAX_PATH_BYTES:,} bytes of UTF-8")
    return clean


def join(folder: str, below: str) -> str:
    """`below` in `folder`, either of which may be the top. Raises NameTooLongError."""
    path = "/".join(part for part in (folder, below) if part)
    if len(path.encode()) > MAX_PATH_BYTES:
        raise NameTooLongError(f"A path has at most {MAX_PATH_BYTES:,} bytes of UTF-8")
    return path


def checked_file_path(path: str) -> FilePath:
    """A file's path, `holiday/2026/a.jpg`. Raises NameInvalidError or NameTooLongError."""
    folder, _, name = path.rpartition("/")
    if path.startswith("/") or folder.endswith("/"):
        raise NameInvalidError("A path is names with one / between them")
    return FilePath(checked_path(folder), checked_name(name))


def shown(name: str) -> str:
    """A name that may be none, fit to be repeated in an answer."""
    printable = "".join(character if character.isprintable() else "\ufffd" for character in name)
    return printable if len(printable) <= MAX_NAME_CHARACTERS else printable[: MAX_NAME_CHARACTERS - 1] + "…"
