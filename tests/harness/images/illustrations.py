"""The pictures of docs/images.md: its own requests, done by the engine, on photos that are drawn here.

PYTHONPATH=tests .venv/bin/python -m harness.images.illustrations           # writes docs/images/
PYTHONPATH=tests .venv/bin/python -m harness.images.illustrations photos    # the photos its requests upload, into photos/
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pyvips

import fanfare_image_worker.engine
from fanfare_image_worker.engine.process import configure
from fanfare_image_worker.engine.render import Rendered, render
from fanfare_shared.images.formats import FACTS
from fanfare_shared.images.pipeline import Pipeline
from harness.images.scenes import scene, scene_jpeg

_DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE, FOLDER = _DOCS / "images.md", _DOCS / "images"

_FONT = Path(fanfare_image_worker.engine.__file__).parent / "fonts" / "DejaVuSans.ttf"
_LOGO = UUID("0198f6a0-0000-7000-8000-000000000001")
# Of an upload with a pipeline: the file's name, and the pipeline up to the quote that ends its line.
_REQUEST = re.compile(r"-F files=@photos/(\S+)\s+-F pipeline='(.*?)'$", re.DOTALL | re.MULTILINE)
_FRAMES = 8


def _logo() -> bytes:
    """White letters on nothing."""
    letters = pyvips.Image.text("fanfare", font="DejaVu Sans 60", fontfile=str(_FONT), dpi=96)
    letters = letters.embed(16, 12, letters.width + 32, letters.height + 24)
    white = pyvips.Image.black(letters.width, letters.height, bands=3).invert()
    return bytes(white.bandjoin(letters).copy(interpretation="srgb").pngsave_buffer())


def _flight() -> bytes:
    """An animation: the balloon drifts from the left to the right."""
    frames = [
        scene(360, 240, seed=11, grain=0, balloon_at=0.1 + 0.8 * number / (_FRAMES - 1)) for number in range(_FRAMES)
    ]
    roll = pyvips.Image.arrayjoin(frames, across=1).copy()
    roll.set_type(pyvips.GValue.gint_type, "page-height", 240)
    roll.set_type(pyvips.GValue.array_int_type, "delay", [250] * _FRAMES)
    roll.set_type(pyvips.GValue.gint_type, "loop", 0)
    return bytes(roll.gifsave_buffer())


PHOTOS: dict[str, Callable[[], bytes]] = {
    "balloon.jpg": lambda: scene_jpeg(1200, 800, seed=5),
    "phone.jpg": lambda: scene_jpeg(800, 1200, seed=8, balloon_at=0.5, orientation=6),
    "logo.png": _logo,
    "flight.gif": _flight,
}
"""What the page uploads, by name."""


def requests() -> Iterator[tuple[str, Pipeline]]:
    """Each upload on the page that asks for variants: the photo's name and the pipeline."""
    for name, pipeline in _REQUEST.findall(PAGE.read_text(encoding="utf-8")):
        yield name, Pipeline.model_validate(json.loads(pipeline.replace("'$logo'", str(_LOGO))))


def pictures() -> Iterator[tuple[str, Rendered]]:
    """Every variant that the page asks for, with its file's name."""
    logo = PHOTOS["logo.png"]()
    for name, pipeline in requests():
        for rendered in render(PHOTOS[name](), pipeline.variants, watermarks={_LOGO: logo}):
            yield f"{rendered.name}{FACTS[rendered.format].extension}", rendered


def _write_pictures() -> None:
    for name, rendered in pictures():
        (FOLDER / name).write_bytes(rendered.data)
    # What a viewer that knows nothing of orientation shows.
    sideways = pyvips.Image.new_from_buffer(PHOTOS["phone.jpg"](), "").thumbnail_image(360, no_rotate=True)
    sideways.jpegsave(str(FOLDER / "sideways.jpg"), Q=80, keep=0)


def _write_photos(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PHOTOS.items():
        (folder / name).write_bytes(make())


if __name__ == "__main__":
    configure()
    if folders := sys.argv[1:]:
        _write_photos(Path(folders[0]))
    else:
        FOLDER.mkdir(exist_ok=True)
        _write_pictures()
