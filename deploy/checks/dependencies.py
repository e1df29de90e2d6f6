#!/usr/bin/env python3
"""What the images bring along: every package locked with hashes and from the registry, and under a licence of the list.

It works offline, from `uv.lock` and from what this environment has installed, which `uv sync --locked` made to be the same.
That the lock is that of the `pyproject.toml`s is `uv sync --locked`'s to say, before anything else runs.
"""

import re
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Permissive ones, and those that ask for their own changes only: we ship these libraries as they are, apart from our code.
ALLOWED = {
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",
    "PSF-2.0",
}
# As packages without an SPDX expression call them.
NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}

Lock = dict[str, dict[str, Any]]
"""By name, the package's table in `uv.lock`."""


def unhashed(lock: Lock) -> list[str]:
    """What is wrong with where packages come from."""
    found = []
    for name, package in lock.items():
        source = package["source"]
        if "registry" in source:
            files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
            if not files or any("hash" not in file for file in files):
                found.append(f"{name}: a file of it is locked without a hash")
        elif not {"editable", "virtual"} & source.keys():
            found.append(f"{name}: from {source}, not from the registry")
    return found


def shipped(lock: Lock) -> set[str]:
    """The names of what any service depends on, with the packages of the workspace left out."""
    seen: set[str] = set()
    waiting = [name for name, package in lock.items() if "services/" in package["source"].get("editable", "")]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            package = lock[name]
            extras = [entry for of in package.get("optional-dependencies", {}).values() for entry in of]
            waiting += [entry["name"] for entry in [*package.get("dependencies", []), *extras]]
    return {name for name in seen if "registry" in lock[name]["source"]}


def licence(package: Distribution) -> str:
    """An SPDX expression, as far as the package's own metadata says it."""
    expression = package.metadata["License-Expression"]
    if expression:
        return str(expression)
    classifiers = [value.rpartition(" :: ")[2] for value in package.metadata.get_all("Classifier", [])
                   if value.startswith("License :: ")]  # fmt: skip
    names = classifiers or [(package.metadata["License"] or "none stated").splitlines()[0]]
    return " AND ".join(NAMES.get(name, name) for name in names)


def is_allowed(expression: str) -> bool:
    """Whether each part of the expression is allowed, or one of its alternatives."""
    parts = re.sub(r"[()]", "", expression).split(" AND ")
    return all(any(one.strip() in ALLOWED for one in part.split(" OR ")) for part in parts)


def unlicensed(names: set[str]) -> list[str]:
    """The packages whose licence is not allowed. What is for another platform or Python is not installed, nor looked at."""
    found = []
    for name in sorted(names):
        try:
            expression = licence(distribution(name))
        except PackageNotFoundError:
            continue
        if not is_allowed(expression):
            found.append(f"{name}: its licence is {expression}")
    return found


def main() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    lock = {package["name"]: package for package in packages}
    problems = unhashed(lock) + unlicensed(shipped(lock))
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
