#!/usr/bin/env python3
"""The software bill of materials (SBOM) of one image: `uv export --format cyclonedx1.5 … | python sbom.py PREFIX …`.

Reads what uv.lock holds for a service, as CycloneDX JSON, and prints it without the packages that are for other
platforms and Pythons than this environment's. What the prefixes have installed decides, so that the result is also held
to it: exit status 1 where they have a package that the lock does not name, or lack one that it wants everywhere.
"""

import json
import re
import sys
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

Package = tuple[str, str]
"""Normalised name (PEP 503) and version."""


def installed(prefixes: Iterable[Path]) -> set[Package]:
    folders = [str(folder) for prefix in prefixes for folder in prefix.glob("lib/python*/site-packages")]
    return {(re.sub(r"[-_.]+", "-", found.name).lower(), found.version) for found in distributions(path=folders)}


def reduced(document: dict[str, Any], present: set[Package]) -> dict[str, Any]:
    """The document with the packages that are present. Raises ValueError where these are not what it asks for."""
    root = document["metadata"]["component"]
    components = [component for component in document["components"] if _package(component) in present]
    missing = {
        _package(component)
        for component in document["components"]
        if component not in components and not _is_conditional(component)
    }
    unknown = present - {_package(component) for component in [root, *components]}
    if missing or unknown:
        raise ValueError(f"locked but not installed: {sorted(missing)}; installed but not locked: {sorted(unknown)}")
    references = {component["bom-ref"] for component in [root, *components]}
    dependencies = [
        {**entry, "dependsOn": [reference for reference in entry.get("dependsOn", []) if reference in references]}
        for entry in document["dependencies"]
        if entry["ref"] in references
    ]
    return {**document, "components": components, "dependencies": dependencies}


def _package(component: dict[str, Any]) -> Package:
    return component["name"], component["version"]


def _is_conditional(component: dict[str, Any]) -> bool:
    return any(value["name"] == "uv:package:marker" for value in component.get("properties", []))


def main() -> None:
    try:
        document = reduced(json.load(sys.stdin), installed(Path(prefix) for prefix in sys.argv[1:]))
    except ValueError as error:
        sys.exit(f"sbom: {error}")
    json.dump(document, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
