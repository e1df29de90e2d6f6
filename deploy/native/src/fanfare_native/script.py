"""The script that starts a part: it can be read, and run by hand. A shell's quoting carries any path and any value."""

import shlex
from pathlib import Path

from fanfare_native.layout import Layout, write_private
from fanfare_native.part import Part


def script_path(run: Path, part: str) -> Path:
    return run / "parts" / f"{part}.sh"


def write(layout: Layout, part: Part) -> None:
    """Writes the part's configuration files and its script, all private, since both hold passwords."""
    for file, content in part.files.items():
        if not file.exists() or file.read_text(encoding="utf-8") != content:
            write_private(file, content)
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in part.environment.items())
    command = " ".join(shlex.quote(str(word)) for word in part.command)
    text = f"#!/bin/sh\n{exports}cd {shlex.quote(str(part.directory))} || exit 1\nexec {command}\n"
    write_private(script_path(layout.run, part.name), text)
