"""How a download is named: Content-Disposition (RFC 6266), for any name a client ever gave a file."""

from urllib.parse import quote


def content_disposition(filename: str, kind: str = "attachment") -> str:
    """`attachment` or `inline`, with the name for old clients (ASCII, `_` for what is not) and in full (RFC 8187)."""
    name = "".join(character if character.isprintable() else "_" for character in filename)
    plain = "".join(character if character.isascii() and character not in '"\\%/' else "_" for character in name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
