"""The alert rules and their tests, as they stand in deploy/prometheus."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.fleet import ROOT

RULE_FILES = sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
TEST_FILES = sorted((ROOT / "deploy/prometheus/tests").glob("*.yml"))

_SELECTOR = re.compile(r"\b([a-z][a-z_:0-9]*)\{([^}]*)\}")
_MATCHER = re.compile(r'([a-z_]+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_NAME = re.compile(r"\b(?:fanfare_|rabbitmq_|fanfare:)[a-z_:0-9]+|\bup\b")
_GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")


@dataclass(frozen=True)
class Matcher:
    """`metric{label<operator>"value"}`."""

    metric: str
    label: str
    operator: str
    value: str

    @property
    def words(self) -> list[str]:
        """The values it names; a pattern's alternatives, as far as they are words."""
        if self.operator in {"=", "!="}:
            return [self.value]
        return _alternatives(self.value.replace("\\\\", "\\"))


def _alternatives(pattern: str) -> list[str]:
    """Of `a|b(c|d)`: a, bc, bd. Empty for a pattern with a wildcard."""
    if re.search(r"[*+?\[]|(?<!\\)\.", pattern):
        return []
    found: list[str] = []
    for part in re.split(r"\|(?![^(]*\))", pattern):
        group = re.search(r"\(([^)]*)\)", part)
        filled = [part[: group.start()] + one + part[group.end() :] for one in group[1].split("|")] if group else [part]
        found += [one.replace("\\.", ".") for one in filled]
    return found


@dataclass(frozen=True)
class Rule:
    """An alert (`is_alert`) or a recorded expression."""

    name: str
    expression: str
    is_alert: bool
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def metrics(self) -> set[str]:
        return set(_NAME.findall(self.expression))

    @property
    def matchers(self) -> list[Matcher]:
        return [
            Matcher(metric, *matcher)
            for metric, matchers in _SELECTOR.findall(self.expression)
            for matcher in _MATCHER.findall(matchers)
        ]

    @property
    def grouped_by(self) -> set[str]:
        named = (label.strip() for labels in _GROUPING.findall(self.expression) for label in labels.split(","))
        return {label for label in named if label}


def rules() -> list[Rule]:
    return [
        Rule(
            rule.get("alert") or rule["record"],
            rule["expr"],
            "alert" in rule,
            rule.get("labels", {}),
            rule.get("annotations", {}),
        )
        for _, group in groups()
        for rule in group["rules"]
    ]


def alerts() -> list[Rule]:
    return [rule for rule in rules() if rule.is_alert]


def groups() -> Iterator[tuple[Path, dict[str, Any]]]:
    for file in RULE_FILES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield file, group


def cases() -> Iterator[tuple[str, bool]]:
    """Of each case of the promtool tests: the alert, and whether it is to fire."""
    for file in TEST_FILES:
        for test in yaml.safe_load(file.read_text())["tests"]:
            for case in test.get("alert_rule_test", []):
                yield case["alertname"], bool(case["exp_alerts"])
