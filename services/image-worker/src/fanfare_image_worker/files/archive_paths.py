"""Where an image lies in an archive: a path that every unzip takes, and no other image has."""

import re
from collections.abc import Iterator
from itertools import count

from fanfare_shared.images.file_names import stem_and_extension

_MOST_BYTES = 255
"""Of a name, on the file systems that archives are unpacked to."""

# Control characters, separators, and what Windows takes in no name.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\<>:"|?*]')
_SURROGATES = re.compile(r"[\ud800-\udfff]")


class ArchivePaths:
    """For one archive. Names that differ by case only are the same to Windows and macOS."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def path(self, folder: str | None, name: str) -> str:
        """`folder/name`, a number in it where that is taken."""
        above = ""
        for part in filter(None, (folder or "").split("/")):
            above = self._folder(above, part)
        for one in _tries(_safe(name)):
            path = f"{above}{one}"
            if path.casefold() not in self._files and path.casefold() not in self._folders:
                self._files.add(path.casefold())
                return path
        raise AssertionError("there are more numbers than files")

    def _folder(self, above: str, name: str) -> str:
        """Its path with a `/` behind; another than a file of that name has."""
        for one in _tries(_safe(name)):
            path = f"{above}{one}"
            if path.casefold() not in self._files:
                self._folders.add(path.casefold())
                return f"{path}/"
        raise AssertionError("there are more numbers than folders")


def _safe(name: str) -> str:
    name = _SURROGATES.sub("_", _UNSAFE.sub("_", name)).rstrip(". ")
    return _cut(name, "") if name.strip(". ") else "_"


def _tries(name: str) -> Iterator[str]:
    yield name
    for number in count(1):
        yield _cut(name, f" ({number})")


def _cut(name: str, ending: str) -> str:
    """`name` with `ending` before its extension, at most as long as a name may be."""
    stem, extension = stem_and_extension(name)
    room = _MOST_BYTES - len(ending.encode()) - len(extension.encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + ending + extension
