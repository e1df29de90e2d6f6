"""What is rehearsed, as rendered: one Deployment, its autoscaler, and the rules of the adapter that the autoscaler asks."""

from dataclasses import dataclass
from typing import Self

import yaml

from k8s.manifests import Manifest, Manifests
from rehearsal.container import Container
from rehearsal.external_metrics import Rule
from rehearsal.specification import HorizontalPodAutoscaler

_FLEET = "overlays/production"
_ADAPTER = "components/prometheus-adapter"


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
        fleet = Manifests.of(_FLEET)
        hpa = fleet.the("HorizontalPodAutoscaler", autoscaler)
        spec = HorizontalPodAutoscaler.of(hpa)
        deployment = fleet.the("Deployment", spec.scale_target_ref.name)
        adapter = Manifests.of(_ADAPTER).the("ConfigMap", "adapter-config")
        configuration = yaml.safe_load(adapter["data"]["config.yaml"])
        return cls(
            namespace=hpa["metadata"]["namespace"],
            scrape_interval=_scrape_interval(fleet.the("ServiceMonitor", "rabbitmq")),
            autoscaler=spec,
            container=Container.of(deployment, fleet),
            rules=[Rule.model_validate(rule) for rule in configuration["externalRules"]],
        )


def _scrape_interval(monitor: Manifest) -> str:
    (endpoint,) = [each for each in monitor["spec"]["endpoints"] if each["path"] == "/metrics/detailed"]
    return str(endpoint["interval"])
