"""What is rehearsed, as rendered: one Deployment, its autoscaler, and the rules of the adapter that the autoscaler asks."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from harness.fleet import ROOT
from rehearsal.container import Container
from rehearsal.external_metrics import Rule
from rehearsal.specification import HorizontalPodAutoscaler

_BASE = ROOT / "deploy" / "k8s" / "base"
_ADAPTER = ROOT / "deploy" / "k8s" / "components" / "prometheus-adapter"


@dataclass(frozen=True)
class Rendered:
    """`namespace`: the autoscaler's own."""

    namespace: str
    autoscaler: HorizontalPodAutoscaler
    container: Container
    rules: list[Rule]

    @classmethod
    def of(cls, autoscaler: str) -> Self:
        """Of the HorizontalPodAutoscaler with that name. Raises ValueError for manifests that are not rehearsed."""
        manifests = _render(_BASE)
        hpa = _find(manifests, "HorizontalPodAutoscaler", autoscaler)
        spec = HorizontalPodAutoscaler.of(hpa)
        deployment = _find(manifests, "Deployment", spec.scale_target_ref.name)
        adapter = _find(_render(_ADAPTER), "ConfigMap", "adapter-config")
        configuration = yaml.safe_load(adapter["data"]["config.yaml"])
        return cls(
            namespace=hpa["metadata"]["namespace"],
            autoscaler=spec,
            container=Container.of(deployment, manifests),
            rules=[Rule.model_validate(rule) for rule in configuration["externalRules"]],
        )


def _render(folder: Path) -> list[dict[str, Any]]:
    rendered = subprocess.run(["kubectl", "kustomize", str(folder)], check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(rendered))


def _find(manifests: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name]
    return found
