"""What decoding an image costs, by its header. The factors were measured; a test holds them to what decoding really takes."""

from fanfare_shared.images.formats import ImageFormat

_BASELINE_JPEG_SHRINK = 8
"""A baseline JPEG is shrunk while it is loaded, row by row: its time is about an eighth of what others take a pixel."""

_PROGRESSIVE_JPEG_FACTOR = 3
"""All coefficients are held, 2 bytes each, and their scans' bookkeeping: 6.5 to 7 bytes a pixel (24 and 100 MP)."""

_AVIF_FACTOR = 2
"""The planes and the pixels made of them are held at once."""


def price_of(image_format: ImageFormat, size: int, pixels: int, pixel_bytes: int, *, is_progressive: bool) -> int:
    """Bytes: the memory decoding holds, or for a decoder that goes row by row all it turns out, which stands for its time.

    `size`: the file's bytes. `pixels`: of all frames. `pixel_bytes`: of one decoded pixel.
    """
    decoded = pixels * pixel_bytes
    if image_format is ImageFormat.JPEG:
        return size + (decoded * _PROGRESSIVE_JPEG_FACTOR if is_progressive else decoded // _BASELINE_JPEG_SHRINK)
    if image_format is ImageFormat.AVIF:
        return size + decoded * _AVIF_FACTOR
    return size + decoded
