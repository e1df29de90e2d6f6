"""The rendered manifests of one kustomization, and what is asked of them again and again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from harness import kustomize

Manifest = dict[str, Any]

OVERLAYS = sorted(file.parent for file in (kustomize.MANIFESTS / "overlays").rglob("kustomization.yaml"))
"""Every folder below overlays/ that can be applied."""
NAME, INSTANCE = "app.kubernetes.io/name", "app.kubernetes.io/instance"
SERVICES = ("api", "orchestrator", "push-worker", "image-worker")


@dataclass(frozen=True)
class Manifests:
    all: list[Manifest]

    @classmethod
    def of(cls, folder: str | Path) -> Self:
        """`folder`: below deploy/k8s."""
        return cls(kustomize.render(kustomize.MANIFESTS / folder))

    def kind(self, kind: str) -> list[Manifest]:
        return [manifest for manifest in self.all if manifest["kind"] == kind]

    def the(self, kind: str, name: str) -> Manifest:
        (found,) = [manifest for manifest in self.kind(kind) if name_of(manifest) == name]
        return found

    @property
    def workloads(self) -> list[Manifest]:
        """What has a pod template: Deployments and the Job."""
        return [*self.kind("Deployment"), *self.kind("Job")]

    @property
    def services(self) -> list[Manifest]:
        """The Deployments of Fanfare's own services."""
        return [deployment for deployment in self.kind("Deployment") if service_of(deployment) in SERVICES]

    def environment(self, workload: Manifest) -> dict[str, str]:
        """What the container's ConfigMaps and `env` give it. Its Secrets are not here."""
        given: dict[str, str] = {}
        only = container(workload)
        for source in only.get("envFrom", []):
            if "configMapRef" in source:
                given |= self.the("ConfigMap", source["configMapRef"]["name"])["data"]
        return given | {variable["name"]: variable["value"] for variable in only.get("env", [])}


def name_of(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])


def service_of(workload: Manifest) -> str:
    return str(pod_labels(workload)[NAME])


def pod_labels(workload: Manifest) -> dict[str, str]:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def pod_spec(workload: Manifest) -> Manifest:
    spec: Manifest = workload["spec"]["template"]["spec"]
    return spec


def container(workload: Manifest) -> Manifest:
    """The pod's only container."""
    (only,) = pod_spec(workload)["containers"]
    found: Manifest = only
    return found


def env_secrets(workload: Manifest) -> list[Manifest]:
    """The `secretRef`s of the container's `envFrom`."""
    return [source["secretRef"] for source in container(workload).get("envFrom", []) if "secretRef" in source]


def matches(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a label selector, of matchLabels and matchExpressions with In, selects these labels."""
    unknown = selector.keys() - {"matchLabels", "matchExpressions"}
    assert not unknown, unknown
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", expression
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def memory_bytes(quantity: str) -> int:
    for suffix, factor in (("Ki", 2**10), ("Mi", 2**20), ("Gi", 2**30)):
        if quantity.endswith(suffix):
            return int(quantity[:-2]) * factor
    return int(quantity)
