#!/usr/bin/env python3
"""Writes the alert rules of deploy/prometheus/rules as the Prometheus Operator's PrometheusRule.

.venv/bin/python deploy/k8s/make_prometheusrule.py > deploy/k8s/components/monitoring/prometheusrule.yaml
"""

import sys
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).parents[1] / "prometheus" / "rules"


class _Dumper(yaml.SafeDumper):
    """Expressions of several lines stay as they are."""


def _string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _string)


def rule() -> dict[str, Any]:
    """All groups, file by file in the order of their names."""
    files = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(RULES.glob("*.yml"))]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "fanfare"},
        "spec": {"groups": [group for file in files for group in file["groups"]]},
    }


def main() -> None:
    sys.stdout.write("# Made by deploy/k8s/make_prometheusrule.py from deploy/prometheus/rules: change those.\n")
    yaml.dump(rule(), sys.stdout, _Dumper, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    main()
