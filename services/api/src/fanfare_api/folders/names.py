"""What a name may be. Names are data: they are never a key of storage, and never a path on a disk."""

import unicodedata
from dataclasses import dataclass

from fanfare_shared.errors import NameInvalidError, NameTooLongError

MAX_NAME_CHARACTERS = 255
# What fits into an entry of PostgreSQL's indexes (2,704 bytes), which hold the path.
MAX_PATH_BYTES = 2400

# Controls, halves of surrogate pairs, line and paragraph separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They make `exe.gpj` out of a name that ends in `.exe`: https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
_DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class FilePath:
    """A file's place: its folder's path (empty: the top) and its name."""

    folder: str
    name: str


def checked_name(name: str) -> str:
    """The name in NFC. Raises NameInvalidError or NameTooLongError."""
    if len(name) > MAX_NAME_CHARACTERS:
        raise NameTooLongError(f"A name has at most {MAX_NAME_CHARACTERS} characters, not {len(name):,}")
    if not name.strip():
        raise NameInvalidError("A name must not be empty: give the file or folder a name")
    if name in {".", ".."}:
        raise NameInvalidError(f"{name} is no name: paths cannot go up")
    if "/" in name or "\\" in name:
        raise NameInvalidError("A name must not hold / or \\; folders are separated by / in a path")
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in name):
        raise NameInvalidError("A name must not hold control characters")
    if _DIRECTION_OVERRIDES & set(name):
        raise NameInvalidError("A name must not hold characters that turn the direction of text")
    return unicodedata.normalize("NFC", name)[:MAX_NAME_CHARACTERS]


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
