"""External metrics as prometheus-adapter serves them: `externalRules` become queries, and their answers a total.

After prometheus-adapter 0.12's `pkg/naming` and `pkg/external-provider`, and what kube-controller-manager makes of its
answers: an answer without a value is an error, and an error scales nothing. What no rule of ours uses is an error here.
"""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

_PLACEHOLDER = re.compile(r"<<\s*(.*?)\s*>>")
# The adapter's --metrics-max-age in its Helm chart's default: how far back it looks for the series there are.
_SERIES_AGE_SECONDS = 600.0


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Name(_Part):
    """`matches` is a regular expression on the series' name, `as_` the metric's, with its groups (`$1`, `${1}`)."""

    matches: str = ".*"
    as_: str = Field(default="", alias="as")


class Override(_Part):
    resource: str


class Resources(_Part):
    """`namespaced: false`: the series have no label for the autoscaler's namespace."""

    namespaced: bool = True
    overrides: dict[str, Override] = {}


class Rule(_Part):
    """One of `externalRules`."""

    series_query: str
    metrics_query: str
    name: Name = Name()
    resources: Resources = Resources()

    def metric(self, series: str) -> str | None:
        """What the series is called in the metrics API; None where this rule leaves it out."""
        found = re.search(self.name.matches, series)
        if found is None:
            return None
        as_ = self.name.as_ or ("$1" if found.re.groups == 1 else "$0")
        return found.expand(re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", as_))

    def query(self, series: str, namespace: str, labels: Mapping[str, str]) -> str:
        """PromQL for the metric's values. `labels` are the selector's `matchLabels`. Raises ValueError."""
        wanted = dict(sorted(labels.items()))
        if self.resources.namespaced:
            wanted[self._namespace_label()] = namespace
        fields = {
            ".Series": series,
            ".LabelMatchers": ",".join(f'{name}="{value}"' for name, value in wanted.items()),
            ".GroupBy": "",
        }

        def field(match: re.Match[str]) -> str:
            if match[1] not in fields:
                raise ValueError(f"a template's field that is not rehearsed: {match[0]}")
            return fields[match[1]]

        return _PLACEHOLDER.sub(field, self.metrics_query)

    def _namespace_label(self) -> str:
        for label, override in self.resources.overrides.items():
            if override.resource == "namespace":
                return label
        raise ValueError(f"a namespaced rule that names no label for the namespace: {self.series_query}")


class ExternalMetrics:
    """external.metrics.k8s.io, on one Prometheus."""

    def __init__(self, rules: list[Rule], prometheus_url: str) -> None:
        self._rules = rules
        self._http = httpx.Client(base_url=prometheus_url, timeout=30, trust_env=False)

    def query(self, metric: str, namespace: str, labels: Mapping[str, str]) -> str | None:
        """What Prometheus is asked for it; None where no rule's series are there."""
        found = dict(self._known()).get(metric)
        if found is None:
            return None
        rule, series = found
        return rule.query(series, namespace, labels)

    def total(self, metric: str, namespace: str, labels: Mapping[str, str]) -> float | None:
        """The sum of the metric's values, in thousandths as the API has them; None where it is missing or has no value."""
        query = self.query(metric, namespace, labels)
        values = None if query is None else self._get("query", query=query)
        if values is None or not values["result"]:
            return None
        return sum(int(float(value) * 1000) for value in _samples(values)) / 1000

    def close(self) -> None:
        self._http.close()

    def _known(self) -> Iterator[tuple[str, tuple[Rule, str]]]:
        """Each metric's rule and series; the last rule's, where several give one name."""
        start = time.time() - _SERIES_AGE_SECONDS
        for rule in self._rules:
            listed = self._get("series", **{"match[]": rule.series_query, "start": start}) or []
            for series in sorted({series["__name__"] for series in listed}):
                metric = rule.metric(series)
                if metric is not None:
                    yield metric, (rule, series)

    def _get(self, path: str, **parameters: Any) -> Any:
        """None where Prometheus does not answer."""
        try:
            answer = self._http.get(f"/api/v1/{path}", params=parameters)
        except httpx.TransportError:
            return None
        if answer.is_server_error:
            return None
        return answer.raise_for_status().json()["data"]


def _samples(data: Mapping[str, Any]) -> list[str]:
    if data["resultType"] == "scalar":
        return [data["result"][1]]
    if data["resultType"] == "vector":
        return [sample["value"][1] for sample in data["result"]]
    raise ValueError(f"the adapter takes vectors and scalars, not a {data['resultType']}")
