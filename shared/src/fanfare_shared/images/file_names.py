"""What an image's name may be, and what it becomes where that is taken. Names are data: never a key, never a path on a disk."""

import unicodedata
from pathlib import PurePosixPath

from fanfare_shared.errors import NameInvalidError, NameTooLongError

MAX_NAME_CHARACTERS = 255
_LONGEST_EXTENSION = 32

# Controls, halves of surrogate pairs, line and paragraph separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They make `exe.gpj` out of a name that ends in `.exe`: https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
_DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


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


def stem_and_extension(name: str) -> tuple[str, str]:
    """`photo.jpg` is `photo` and `.jpg`; `.jpg` is all stem, and so is what is too long for an extension."""
    path = PurePosixPath(name)
    return (path.stem, path.suffix) if len(path.suffix) <= _LONGEST_EXTENSION else (name, "")


def numbered(name: str, number: int) -> str:
    """`photo.jpg` and 1 give `photo (1).jpg`, its stem cut where it would be too long."""
    stem, extension = stem_and_extension(name)
    ending = f" ({number}){extension}"
    return stem[: MAX_NAME_CHARACTERS - len(ending)] + ending
