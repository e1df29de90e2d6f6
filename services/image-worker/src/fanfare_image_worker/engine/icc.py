"""Whether an ICC profile is sRGB's, by its numbers: a name can be anything."""

import struct

_TAG_TABLE_AT = 128
_ENTRY_BYTES = 12
_MAX_TAGS = 100

_PRIMARIES = {
    b"rXYZ": (0.4360, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
"""sRGB's red, green and blue, adapted to D50 (IEC 61966-2-1)."""
_PRIMARY_TOLERANCE = 0.002

_GAMMA = 2.4
_MIDDLE = 0.2140
"""The light that half the signal stands for."""
_CURVE_TOLERANCE = 0.01

_FIXED = 65_536
"""ICC's s15Fixed16Number: one."""


def is_srgb(profile: bytes) -> bool:
    """False for any other profile, and for one that cannot be read."""
    try:
        tags = _tags(profile)
        return all(_is_near(_xyz(tags[name]), primary) for name, primary in _PRIMARIES.items()) and all(
            _is_srgb_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")
        )
    except (struct.error, KeyError):
        return False


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, _TAG_TABLE_AT)
    tags = {}
    for number in range(min(count, _MAX_TAGS)):
        name, at, size = struct.unpack_from(">4sII", profile, _TAG_TABLE_AT + 4 + _ENTRY_BYTES * number)
        tags[name] = profile[at : at + size]
    return tags


def _xyz(tag: bytes) -> tuple[float, ...]:
    return tuple(value / _FIXED for value in struct.unpack_from(">3i", tag, 8))


def _is_near(found: tuple[float, ...], wanted: tuple[float, ...]) -> bool:
    return all(abs(one - other) < _PRIMARY_TOLERANCE for one, other in zip(found, wanted, strict=True))


def _is_srgb_curve(tag: bytes) -> bool:
    if tag[:4] == b"para":
        kind, _, gamma = struct.unpack_from(">HHi", tag, 8)
        # Kinds 3 and 4 have a straight part near black, as sRGB has.
        return bool(kind in {3, 4} and abs(gamma / _FIXED - _GAMMA) < _CURVE_TOLERANCE)
    (count,) = struct.unpack_from(">I", tag, 8)
    if tag[:4] != b"curv" or count < 2:
        return False
    (middle,) = struct.unpack_from(">H", tag, 12 + 2 * (count // 2))
    return bool(abs(middle / 65_535 - _MIDDLE) < _CURVE_TOLERANCE)
