"""EXIF's Artist and Copyright, which a variant may keep.

They are read from the raw bytes and written twice, as EXIF and as XMP: libvips has EXIF's texts in ASCII only.
"""

import re
import struct
from html import escape
from typing import Any

import pyvips

_EXIF = "exif-data"
_PREFIX = b"Exif\0\0"
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ASCII = 2
_ARTIST, _COPYRIGHT = "exif-ifd0-Artist", "exif-ifd0-Copyright"
_FIELDS = {0x013B: _ARTIST, 0x8298: _COPYRIGHT}
# XML has no place for them; a zero byte parts Copyright's photographer from its editor.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff]+")
_MAX_LENGTH = 1000
"""Bytes of a text that are kept."""

_TAIL = " ()"
"""libvips drops what follows the last bracket of a field it writes, taking it for its own remark on the type."""

_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">{}</rdf:Description></rdf:RDF></x:xmpmeta>'
)
_XMP_PARTS = {
    _ARTIST: "<dc:creator><rdf:Seq><rdf:li>{}</rdf:li></rdf:Seq></dc:creator>",
    _COPYRIGHT: '<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{}</rdf:li></rdf:Alt></dc:rights>',
}


def copyright_fields(image: pyvips.Image) -> dict[str, str]:
    """The texts by libvips' names of their fields; empty where there are none, or the EXIF is broken."""
    if image.get_typeof(_EXIF) == 0:
        return {}
    raw: object = image.get(_EXIF)
    if not isinstance(raw, bytes):
        return {}
    try:
        return _texts(raw.removeprefix(_PREFIX))
    except (struct.error, IndexError):
        return {}


def with_only(image: pyvips.Image, texts: dict[str, str]) -> pyvips.Image:
    """`image` with these and no other EXIF and XMP: the saver writes EXIF anew from the fields."""
    image = image.copy()
    for field in image.get_fields():
        if field.startswith("exif-") or field == "orientation":
            image.remove(field)
    for field, text in texts.items():
        image.set_type(pyvips.GValue.gstr_type, field, text + _TAIL)
    parts = "".join(_XMP_PARTS[field].format(escape(text)) for field, text in texts.items())
    xmp: Any = _XMP.format(parts).encode()
    image.set_type(pyvips.GValue.blob_type, "xmp-data", xmp)
    return image


def _texts(tiff: bytes) -> dict[str, str]:
    order = _BYTE_ORDERS.get(tiff[:4])
    if order is None:
        return {}
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, directory)
    texts = {}
    for number in range(count):
        entry = directory + 2 + 12 * number
        tag, kind, length = struct.unpack_from(f"{order}HHI", tiff, entry)
        if tag not in _FIELDS or kind != _ASCII:
            continue
        at = entry + 8 if length <= 4 else struct.unpack_from(f"{order}I", tiff, entry + 8)[0]
        text = tiff[at : at + min(length, _MAX_LENGTH)].rstrip(b"\0 ").decode("utf-8", "replace")
        text = _UNPRINTABLE.sub(" ", text)
        if text:
            texts[_FIELDS[tag]] = text
    return texts
