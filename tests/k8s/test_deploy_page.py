"""docs/deploy.md names only what there is."""

import re

import pytest
from kubernetes_validate.utils import latest_version

from harness.kustomize import MANIFESTS, ROOT
from harness.settings_table import SERVICES
from k8s import test_settings
from k8s.manifests import Manifests, container, name_of, pod_spec, service_of

PAGE = (ROOT / "docs" / "deploy.md").read_text()
COMMANDS = "\n".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


def test_every_path_exists() -> None:
    paths = set(re.findall(r"\b(?:deploy|docs|tests)/[\w./-]*[\w]", PAGE))
    assert paths
    assert {path for path in paths if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize("folder", sorted(set(re.findall(r"apply -k ([\w/.-]*\w)", PAGE))))
def test_everything_that_is_applied_is_rendered(folder: str) -> None:
    assert Manifests.of(ROOT / folder).all


def test_every_overlay_is_explained() -> None:
    for overlay in (MANIFESTS / "overlays").iterdir():
        assert f"`deploy/k8s/overlays/{overlay.name}`" in PAGE


def test_every_object_in_a_command_exists(production: Manifests) -> None:
    kinds = {
        "deployment": "Deployment",
        "job": "Job",
        "service": "Service",
        "cluster": "Cluster",
        "rabbitmqcluster": "RabbitmqCluster",
        "hpa": "HorizontalPodAutoscaler",
    }
    # Both ways of kubectl: kind/name, and a verb with kind and name.
    named = re.findall(rf"\b({'|'.join(kinds)})/([a-z-]+)", PAGE)
    named += re.findall(rf"\bdelete ({'|'.join(kinds)}) ([a-z][a-z-]*)", PAGE)
    assert len(named) > 10
    for kind, name in named:
        assert production.the(kinds[kind], name), (kind, name)


def test_every_secret_in_a_command_is_one_that_is_used(production: Manifests, made_secrets: test_settings.Made) -> None:
    used = {name for manifest in production.all for name in test_settings.secret_names(manifest)}
    named = set(re.findall(r"\bsecret (?:generic )?([a-z][a-z-]*)", COMMANDS))
    assert named
    assert named <= used & (made_secrets[True].keys() | test_settings.BY_OTHERS.keys())


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", COMMANDS)) <= targets
    assert set(re.findall(r"`make ([a-z-]+)`", PAGE)) <= targets


def test_the_keys_of_secrets_that_the_operator_makes_are_those_that_are_read(production: Manifests) -> None:
    (store,) = production.kind("ObjectStore")
    credentials = store["spec"]["configuration"]["s3Credentials"]
    for credential in credentials.values():
        assert f"--from-literal={credential['key']}=" in COMMANDS
    literals = set(re.findall(r"--from-literal=(FANFARE_\w+)=", COMMANDS))
    assert literals <= set().union(*(test_settings.known(settings) for settings in SERVICES.values()))


def test_the_table_of_grace_is_true(production: Manifests) -> None:
    rows = re.findall(r"^\| ([a-z-]+) \| [^|]+ \| (\d*) *\| (\d+) \|$", PAGE, re.MULTILINE)
    assert {name for name, _, _ in rows} == {service_of(each) for each in production.services}
    for name, own, grace in rows:
        for deployment in production.services:
            if service_of(deployment) == name:
                assert pod_spec(deployment)["terminationGracePeriodSeconds"] == int(grace)
                given = production.environment(deployment).get("FANFARE_WORKER_SHUTDOWN_SECONDS", "")
                assert given == own, name_of(deployment)


def test_the_versions_are_those_that_are_deployed_and_validated(production: Manifests) -> None:
    image = container(production.the("Deployment", "api"))["image"]
    assert f'"fanfare/$service:{image.rpartition(":")[2]}"' in PAGE
    assert f"({'.'.join(latest_version().split('.')[:2])})" in PAGE
