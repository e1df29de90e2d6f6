"""What libvips does not say about a GIF: that it ends too early. It shows the frames before that, as if they were all."""

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_HEADER_BYTES, _DESCRIPTOR_BYTES = 13, 10


def is_whole(gif: bytes) -> bool:
    """Whether the blocks of `gif` are all there. What follows its end does not matter, nor does a missing end mark."""
    try:
        at = _HEADER_BYTES + _table_bytes(gif[10])
        while at < len(gif) and gif[at] != _TRAILER:
            if gif[at] == _EXTENSION:
                at += 2
            elif gif[at] == _IMAGE:
                at += _DESCRIPTOR_BYTES + _table_bytes(gif[at + 9]) + 1
            else:
                return True  # No block that is known: decoders stop here too.
            while length := gif[at]:
                at += length + 1
            at += 1
    except IndexError:
        return False
    return at <= len(gif)


def _table_bytes(flags: int) -> int:
    """Of the colour table that `flags` announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
