"""Photos that weigh on a decoder as a camera's do: soft shapes, edges, and fine noise. The same seed, the same bytes."""

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pyvips

_OCTAVES = ((64, 55), (16, 25), (4, 10))
"""Pixels a cell of noise covers, a quarter of the photo's, and how strong it is."""
_COARSE = 4
_TILE = 512


def photo(width: int, height: int, *, seed: int = 1, noise: float = 6.0) -> pyvips.Image:
    """sRGB, in memory. `noise`: the grain's standard deviation, of 255."""
    wide, high = width // _COARSE + 2, height // _COARSE + 2
    coarse = pyvips.Image.black(wide, high, bands=3) + 128
    for cell, strength in _OCTAVES:
        bands = [
            pyvips.Image.gaussnoise(
                wide // cell + 2, high // cell + 2, mean=0, sigma=strength, seed=seed * 1000 + cell + band
            )
            for band in range(3)
        ]
        layer = bands[0].bandjoin(bands[1]).bandjoin(bands[2])
        coarse += layer.resize(wide / layer.width, vscale=high / layer.height, kernel="cubic")
    soft = coarse.cast("uchar").copy_memory().resize(width / wide, vscale=height / high, kernel="cubic")
    grain = pyvips.Image.gaussnoise(_TILE, _TILE, mean=0, sigma=noise, seed=seed).copy_memory()
    grain = grain.replicate(-(-width // _TILE), -(-height // _TILE)).crop(0, 0, width, height)
    return (soft + grain).cast("uchar").copy(interpretation="srgb").copy_memory()


def jpeg(
    width: int, height: int, *, size: int | None = None, seed: int = 1, quality: int = 85, progressive: bool = False
) -> bytes:
    """A photo as JPEG. `size`: about that many bytes instead of `quality`, as near as the quality lets it."""
    image = photo(width, height, seed=seed)
    if size is None:
        return image.jpegsave_buffer(Q=quality, interlace=progressive, keep=0)
    low, high = 20, 97
    while low < high:
        middle = (low + high) // 2
        if len(image.jpegsave_buffer(Q=middle, keep=0)) < size:
            low = middle + 1
        else:
            high = middle
    return image.jpegsave_buffer(Q=low, interlace=progressive, keep=0)


def distinct(photo_jpeg: bytes, number: int) -> bytes:
    """The same picture with another checksum: a comment is put in front, at no cost to speak of."""
    comment = f"photo {number}".encode()
    return photo_jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + photo_jpeg[2:]


def photos(count: int, *, width: int = 1600, height: int = 1200, different: int = 8) -> Iterator[bytes]:
    """`count` JPEGs, none equal to another, of `different` pictures."""
    pictures = [jpeg(width, height, seed=seed) for seed in range(1, min(count, different) + 1)]
    for number, picture in enumerate(islice(cycle(pictures), count)):
        yield distinct(picture, number)


def write_folder(folder: Path, count: int, *, width: int = 1600, height: int = 1200) -> list[Path]:
    """`photos` as `photo-00001.jpg` and so on; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, data in enumerate(photos(count, width=width, height=height), start=1):
        path = folder / f"photo-{number:05}.jpg"
        path.write_bytes(data)
        paths.append(path)
    return paths
