"""Whatever can be applied is valid for the Kubernetes it is for, and the custom resources for their operators."""

import json
from functools import cache
from pathlib import Path

import pytest
import yaml
from kubernetes_validate.utils import ValidationError, latest_version, validate

from harness import kustomize
from k8s.custom_resources import SPECS
from k8s.manifests import Manifest, Manifests, name_of

VERSIONS = ("1.33", latest_version())
ELSEWHERE = ("components/prometheus-adapter",)
"""Applied by itself, beside the overlays."""


def _entries(kustomization: Path) -> list[str]:
    written = yaml.safe_load(kustomization.read_text())
    return [*written.get("resources", []), *written.get("components", [])]


def is_custom(manifest: Manifest) -> bool:
    group = manifest["apiVersion"].rpartition("/")[0]
    return "." in group and not group.endswith(".k8s.io")


def check(manifests: Manifests, version: str) -> None:
    for manifest in manifests.all:
        if is_custom(manifest):
            model = SPECS[manifest["apiVersion"], manifest["kind"]]
            assert manifest.keys() == {"apiVersion", "kind", "metadata", "spec"}
            model.model_validate(manifest["spec"])
        else:
            check_one(json.dumps(manifest), version)


@cache
def check_one(manifest: str, version: str) -> None:
    """Overlays have much in common, and the schemas are read anew for each manifest."""
    validate(json.loads(manifest), version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_overlay_is_valid(overlay: Manifests, version: str) -> None:
    check(overlay, version)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", ELSEWHERE)
def test_so_is_what_is_applied_beside_them(folder: str, version: str) -> None:
    check(Manifests.of(folder), version)


def test_the_newest_schemas_are_newer_than_the_oldest_kubernetes_that_is_supported() -> None:
    assert len(set(VERSIONS)) == 2


def test_a_misspelt_field_is_found() -> None:
    """Without `strict` the schemas let any field pass."""
    deployment = Manifests.of("base").the("Deployment", "api")
    spoilt = deployment | {"spec": deployment["spec"] | {"replica": 2}}
    with pytest.raises(ValidationError):
        validate(spoilt, VERSIONS[0], strict=True)


def test_the_brokers_pods_are_overridden_validly(overlay: Manifests) -> None:
    """The operator's definition takes the fragment of a StatefulSet; the rest, made whole, is Kubernetes' to check."""
    for cluster in overlay.kind("RabbitmqCluster"):
        template = cluster["spec"]["override"]["statefulSet"]["spec"]["template"]
        labels = {"app.kubernetes.io/name": name_of(cluster)}
        whole = {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": name_of(cluster)},
            "spec": {
                "serviceName": "nodes",
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": template["spec"]},
            },
        }
        validate(whole, VERSIONS[0], strict=True)
        for constraint in template["spec"]["topologySpreadConstraints"]:
            assert constraint["labelSelector"]["matchLabels"] == labels


def test_each_thing_has_one_manifest(overlay: Manifests) -> None:
    things = [
        (manifest["apiVersion"], manifest["kind"], manifest["metadata"].get("namespace"), name_of(manifest))
        for manifest in overlay.all
    ]
    assert len(things) == len(set(things))


def test_each_is_in_the_namespace_but_the_namespace(overlay: Manifests) -> None:
    assert {manifest["metadata"].get("namespace") for manifest in overlay.all if manifest["kind"] != "Namespace"} == {
        "fanfare"
    }


def test_every_folder_under_deploy_k8s_is_rendered_by_something() -> None:
    """A component or base that no overlay uses would be validated by nobody."""
    root = kustomize.MANIFESTS
    folders = {file.parent.relative_to(root) for file in root.rglob("kustomization.yaml")}
    reached = {folder for folder in folders if folder.parts[0] == "overlays" or str(folder) in ELSEWHERE}
    while True:
        more = {
            ((root / folder) / entry).resolve().relative_to(root)
            for folder in reached
            for entry in _entries((root / folder) / "kustomization.yaml")
            if ((root / folder) / entry).is_dir() and ((root / folder) / entry).resolve().is_relative_to(root)
        }
        if more <= reached:
            break
        reached |= more
    assert reached == folders
