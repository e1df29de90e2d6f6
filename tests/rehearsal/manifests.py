"""What is rehearsed, as rendered: one Deployment, its autoscaler, and the rules of the adapter that the autoscaler asks."""

from dataclasses import dataclass
from typing import Any, Self

import yaml

from harness.kustomize import MANIFESTS, render
from rehearsal.container import Container
from rehearsal.external_metrics import Rule
from rehearsal.specification import HorizontalPodAutoscaler

_FLEET = MANIFESTS / "overlays" / "production"
_ADAPTER = MANIFESTS / "components" / "prometheus-adapter"


@dataclass(frozen=True)
class Rendered:
    """`namespace`: the autoscaler's own; `scrape_interval`: how often Prometheus asks RabbitMQ for its queues' depth."""

    namespace: str
    scrape_interval: str
    autoscaler: HorizontalPodAutoscaler
    container: Container
    rules: list[Rule]

    @classmethod
    def of(cls, autoscaler: str) -> Self:
        """Of the HorizontalPodAutoscaler with that name. Raises ValueError for manifests that are not rehearsed."""
        manifests = render(_FLEET)
        hpa = _find(manifests, "HorizontalPodAutoscaler", autoscaler)
        spec = HorizontalPodAutoscaler.of(hpa)
        deployment = _find(manifests, "Deployment", spec.scale_target_ref.name)
        adapter = _find(render(_ADAPTER), "ConfigMap", "adapter-config")
        configuration = yaml.safe_load(adapter["data"]["config.yaml"])
        return cls(
            namespace=hpa["metadata"]["namespace"],
            scrape_interval=_scrape_interval(_find(manifests, "ServiceMonitor", "rabbitmq")),
            autoscaler=spec,
            container=Container.of(deployment, manifests),
            rules=[Rule.model_validate(rule) for rule in configuration["externalRules"]],
        )


def _find(manifests: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def _scrape_interval(monitor: dict[str, Any]) -> str:
    (endpoint,) = [each for each in monitor["spec"]["endpoints"] if each["path"] == "/metrics/detailed"]
    return str(endpoint["interval"])
