"""docs/images.md shows what the engine makes: every picture is of a request on the page, and is there."""

import re

from fanfare_image_worker.engine.header import inspect
from fanfare_image_worker.engine.limits import Limits
from harness.images.illustrations import FOLDER, PAGE, pictures

_MAX_BYTES = 400_000
"""All of them together: a clone carries them for ever."""


def test_every_picture_is_what_the_request_above_it_makes() -> None:
    """By format and size: other machines' libraries may write other bytes of the same pixels."""
    for name, rendered in pictures():
        kept = inspect((FOLDER / name).read_bytes(), Limits())
        made = (rendered.format, rendered.width, rendered.height, rendered.pages)
        assert (kept.format, kept.width, kept.height, kept.pages) == made, name


def test_every_picture_is_shown_and_none_is_missing() -> None:
    shown = set(re.findall(r"!\[[^\]]+\]\(images/([^)]+)\)", PAGE.read_text(encoding="utf-8")))
    assert shown == {file.name for file in FOLDER.iterdir()}
    assert shown == {name for name, _ in pictures()} | {"sideways.jpg"}
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < _MAX_BYTES
