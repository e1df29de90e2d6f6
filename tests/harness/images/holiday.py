"""A folder of holiday photos as a user would upload it, two of them broken: for the demo, and for trying things out.

PYTHONPATH=tests .venv/bin/python -m harness.images.holiday FOLDER
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from harness.images.scenes import scene_jpeg

_DAYS = ("day 1 - arrival", "day 2 - hills", "day 3 - 여행")
_DAY_PHOTOS = 20
# 1.1 to 3 MP, as phones and old cameras write them; the last one is held upright.
_SIZES = ((1280, 853), (1600, 1067), (1920, 1280), (2100, 1400), (1067, 1600))
BROKEN = ("day 1 - arrival/cut-off.jpg", "day 2 - hills/a-text.jpg")
"""The first is cut off in the middle, which only who decodes it finds out; the second is no image at all."""


def holiday() -> Iterator[tuple[str, bytes]]:
    """Relative paths and files: 60 photos, none like another, then `BROKEN`."""
    for day, folder in enumerate(_DAYS):
        for number in range(1, _DAY_PHOTOS + 1):
            yield f"{folder}/photo-{number:02}.jpg", _photo(day * _DAY_PHOTOS + number)
    whole = _photo(0)
    yield BROKEN[0], whole[: len(whole) // 2]
    yield BROKEN[1], b"This is no photo.\n" * 500


def _photo(number: int) -> bytes:
    width, height = _SIZES[number % len(_SIZES)]
    if height > width:
        return scene_jpeg(width, height, seed=number, balloon_at=0.5, orientation=6)
    return scene_jpeg(width, height, seed=number)


def write_holiday(folder: Path) -> None:
    for path, data in holiday():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


if __name__ == "__main__":
    write_holiday(Path(sys.argv[1]))
