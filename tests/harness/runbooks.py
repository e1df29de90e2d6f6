"""The runbooks as Markdown: their headings, links, and blocks of shell, which tests run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from harness.fleet import ROOT

PAGES = sorted((ROOT / "docs/runbooks").glob("*.md"))

_BLOCK = re.compile(r"^( *)```(\w+)(?: (\w+))?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block. `name` is the word after its language: a test runs that one by itself."""

    page: str
    line: int
    language: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(language: str) -> list[Block]:
    return [block for page in PAGES for block in _blocks(page) if block.language == language]


def block(page: str, name: str) -> str:
    """The text of the named block of a page."""
    (found,) = [block for block in _blocks(ROOT / "docs/runbooks" / page) if block.name == name]
    return found.text


def inline_code(page: Path) -> list[str]:
    """What stands between single backticks, outside of blocks."""
    return _INLINE.findall(_BLOCK.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = _HEADING.findall(_BLOCK.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The file and the anchor of each link to a file."""
    for target in _LINK.findall(_BLOCK.sub("", page.read_text())):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            yield ((page.parent / file).resolve() if file else page), anchor


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page.name, line, match[2], match[3] or "", dedent(match[4]))
