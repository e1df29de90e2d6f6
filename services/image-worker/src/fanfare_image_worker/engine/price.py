"""What decoding an image costs, by its header."""

from fanfare_shared.images.formats import ImageFormat

_BASELINE_JPEG_SHRINK = 8
"""A baseline JPEG is shrunk while it is loaded, row by row: a pixel takes about an eighth of the time others do (measured)."""

_PROGRESSIVE_JPEG_FACTOR = 2
"""All coefficients are held, 2 bytes each: 100 MP take 680 MiB without chroma subsampling, half of that with it (measured)."""

_WEBP_PIXEL_BYTES = 4
"""libwebp is asked for a whole frame, with alpha."""

_PLANES = {ImageFormat.AVIF: 5, ImageFormat.HEIC: 2}
"""How many times the decoded pixels are held, as planes, tiles and lines between them (12 MP: 180 MB and 65 MB, measured)."""


def price_of(image_format: ImageFormat, size: int, pixels: int, pixel_bytes: int, *, is_progressive: bool) -> int:
    """Bytes: the memory decoding holds, or for a decoder that goes row by row all it turns out, which stands for its time.

    `size`: the file's bytes. `pixels`: of all frames. `pixel_bytes`: of one decoded pixel.
    """
    decoded = pixels * pixel_bytes
    if image_format is ImageFormat.JPEG:
        return size + (decoded * _PROGRESSIVE_JPEG_FACTOR if is_progressive else decoded // _BASELINE_JPEG_SHRINK)
    if image_format is ImageFormat.WEBP:
        return size + pixels * _WEBP_PIXEL_BYTES
    return size + decoded * _PLANES.get(image_format, 1)
