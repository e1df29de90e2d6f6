"""Files put together by hand, byte by byte: what no encoder would write."""

import struct
import zlib

_ORIENTATION, _ARTIST, _COPYRIGHT, _MAKE = 0x0112, 0x013B, 0x8298, 0x010F
_ASCII, _SHORT = 2, 3


def exif(*, orientation: int = 1, artist: str = "", copyright_notice: str = "", make: str = "") -> bytes:
    """EXIF's TIFF structure, little-endian, with one directory."""
    texts = {_MAKE: make, _ARTIST: artist, _COPYRIGHT: copyright_notice}
    entries = {tag: text.encode() + b"\0" for tag, text in texts.items() if text}
    count = len(entries) + 1
    heap_at = 8 + 2 + 12 * count + 4
    rows, heap = {_ORIENTATION: struct.pack("<HHIHH", _ORIENTATION, _SHORT, 1, orientation, 0)}, b""
    for tag, text in entries.items():
        value = text.ljust(4, b"\0") if len(text) <= 4 else struct.pack("<I", heap_at + len(heap))
        rows[tag] = struct.pack("<HHI", tag, _ASCII, len(text)) + value
        heap += text if len(text) > 4 else b""
    return b"II*\0" + struct.pack("<IH", 8, count) + b"".join(rows[tag] for tag in sorted(rows)) + b"\0" * 4 + heap


def with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """`jpeg` with a segment after its first two bytes. Markers: 0xE1 EXIF, 0xE2 ICC, 0xFE comment."""
    return jpeg[:2] + bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content + jpeg[2:]


def with_exif(jpeg: bytes, content: bytes) -> bytes:
    return with_segment(jpeg, 0xE1, b"Exif\0\0" + content)


def with_icc(jpeg: bytes, profile: bytes) -> bytes:
    return with_segment(jpeg, 0xE2, b"ICC_PROFILE\0\x01\x01" + profile)


def with_jpeg_sides(jpeg: bytes, width: int, height: int) -> bytes:
    """`jpeg` that claims to be of another size."""
    at = 2
    while jpeg[at + 1] not in {0xC0, 0xC2}:
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return jpeg[: at + 5] + height.to_bytes(2) + width.to_bytes(2) + jpeg[at + 9 :]


def png(width: int, height: int, *, bits: int = 1) -> bytes:
    """A black grey-scale PNG of any size: a thousandth of its pixels in bytes, and it can be decoded."""
    line = b"\0" * (1 + (width * bits + 7) // 8)
    packer = zlib.compressobj(9)
    lines = max(1, 1_000_000 // len(line))
    body = b"".join(packer.compress(line * min(lines, height - at)) for at in range(0, height, lines)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def webp(width: int, height: int) -> bytes:
    """A lossless WebP of one colour, of at most 16,383 pixels a side: under 40 bytes, whatever its size."""
    bits = (width - 1) | (height - 1) << 14
    # No transform, no colour cache, no meta prefix codes; then five prefix codes of one symbol each, 0: no bits a pixel.
    bits |= sum(0b0001 << (35 + 4 * code) for code in range(5))
    content = b"\x2f" + bits.to_bytes(8, "little")
    body = b"WEBPVP8L" + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def gif(width: int, height: int, frames: int) -> bytes:
    """A GIF of `frames` frames of up to 65,535 pixels a side, of which it has the first only: 23 bytes a frame."""
    control = b"\x21\xf9\x04\x00\x0a\x00\x00\x00"
    frame = control + b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\x00"
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\xff\x00\x00\x00\x00\xff"
    return b"GIF89a" + screen + frame * frames + b"\x3b"
