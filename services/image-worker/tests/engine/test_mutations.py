"""Files damaged at random, always in the same way: each is an image still, or is refused; nothing else comes out."""

from contextlib import suppress
from random import Random

import pytest

from fanfare_image_worker.engine.limits import Limits
from fanfare_image_worker.engine.render import render
from fanfare_shared.errors import ImageRejectedError
from fanfare_shared.images.pipeline import Variant
from harness.images.corpus import HARMLESS

VARIANTS = [
    Variant.model_validate({"name": "still", "resize": {"max_width": 40}, "format": "jpeg", "metadata": "copyright"}),
    Variant.model_validate({"name": "same", "thumbnail": 20}),
]
LIMITS = Limits(max_pixels=2_000_000)
ROUNDS = 20


def mutated(data: bytes, random: Random) -> bytes:
    """With some bytes changed, taken out or put in, mostly near the front, where the structure is."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 2, 5, 20))):
        at = int(len(changed) * random.random() ** 2)
        kind = random.choice(("change", "change", "take out", "put in"))
        if kind == "change":
            changed[at] = random.randrange(256)
        elif kind == "take out":
            del changed[at : at + random.randrange(1, 20)]
        else:
            changed[at:at] = random.randbytes(random.randrange(1, 20))
    return bytes(changed)


@pytest.mark.parametrize(
    "name",
    [
        "jpeg",
        "jpeg-progressive",
        "jpeg-p3",
        "png",
        "webp",
        "avif",
        "heic",
        "tiff-16-bit",
        "gif-animated",
        "webp-animated",
    ],
)
def test_a_damaged_file_is_an_image_or_is_refused(name: str) -> None:
    random = Random(name)
    for _ in range(ROUNDS):
        with suppress(ImageRejectedError):
            for one in render(mutated(HARMLESS[name].data, random), VARIANTS, LIMITS):
                assert one.data
