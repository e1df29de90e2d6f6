"""`.run/env`: every setting the stack decides, for shells, tests and tools; and which of them the user decided."""

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from fanfare_native.layout import Layout, write_private

PREFIX = "FANFARE_"
# Written for users and tests; no part of the fleet reads them, so a shell that sourced them must not hand them on.
_RESULTS = frozenset({"FANFARE_API_URL", "FANFARE_API_KEY"})


def given(layout: Layout) -> dict[str, str]:
    """The settings the user gave in the environment.

    A value that the stack itself once wrote to `.run/env` was sourced from there, and so is not the user's.
    """
    own = _own(layout)
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and name not in _RESULTS and value not in own.get(name, [])
    }


def write(layout: Layout, settings: Mapping[str, str], from_user: Mapping[str, str]) -> None:
    """Writes the settings for a shell to source, and remembers which the stack decided itself."""
    own = _own(layout)
    for name, value in settings.items():
        if name not in from_user and value not in own.get(name, []):
            own.setdefault(name, []).append(value)
    write_private(_own_file(layout), json.dumps(own, indent=2) + "\n")
    lines = (f"export {name}={shlex.quote(value)}\n" for name, value in sorted(settings.items()))
    write_private(layout.env_file, "".join(lines))


def read(file: Path) -> dict[str, str]:
    """The settings in a file that `write` wrote; none where there is no file."""
    if not file.is_file():
        return {}
    words = shlex.split(file.read_text(encoding="utf-8"))
    return dict(word.split("=", 1) for word in words if word.startswith(PREFIX))


def _own_file(layout: Layout) -> Path:
    return layout.run / "own.json"


def _own(layout: Layout) -> dict[str, list[str]]:
    file = _own_file(layout)
    return dict(json.loads(file.read_text())) if file.is_file() else {}
