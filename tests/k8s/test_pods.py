"""How the pods run: within the restricted profile, with limits, with probes that tell dead from disconnected."""

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from fanfare_image_worker.process import _BESIDE_THE_IMAGE_SECONDS
from fanfare_image_worker.settings import ImageWorkerSettings
from fanfare_orchestrator.settings import OrchestratorSettings
from fanfare_push_worker.settings import PushWorkerSettings
from harness.kustomize import ROOT
from k8s.manifests import (
    INSTANCE,
    NAME,
    Manifest,
    Manifests,
    container,
    matches,
    memory_bytes,
    name_of,
    pod_labels,
    pod_spec,
    service_of,
)

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
"""The kinds that the restricted profile lets a pod mount."""
MARGIN_SECONDS = 30
"""Between a worker's own limit and the kubelet's: a cold shutdown, and the orchestrator's companions, ten seconds each."""


def violations(spec: Manifest) -> list[str]:
    """What Kubernetes' Pod Security Standard `restricted` forbids in this pod."""
    pod = spec.get("securityContext", {})
    found = [f"{field} is set" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    for volume in spec.get("volumes", []):
        found += [f"volume {kind}" for kind in volume.keys() - {"name"} - VOLUMES]
    for each in [*spec["containers"], *spec.get("initContainers", [])]:
        own = each.get("securityContext", {})
        both = pod | own
        found += ["may escalate"] if own.get("allowPrivilegeEscalation") is not False else []
        found += ["privileged"] if own.get("privileged") else []
        found += ["keeps capabilities"] if own.get("capabilities") != {"drop": ["ALL"]} else []
        found += ["may run as root"] if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0 else []
        found += ["no seccomp profile"] if both.get("seccompProfile", {}).get("type") != "RuntimeDefault" else []
        found += ["host port" for port in each.get("ports", []) if "hostPort" in port]
        found += ["other /proc"] if own.get("procMount", "Default") != "Default" else []
    return found


def test_no_pod_violates_the_restricted_profile(overlay: Manifests) -> None:
    assert {name_of(workload): violations(pod_spec(workload)) for workload in overlay.workloads} == {
        name_of(workload): [] for workload in overlay.workloads
    }


def test_the_check_finds_what_the_profile_forbids(production: Manifests) -> None:
    spec = pod_spec(production.the("Deployment", "api"))
    bare = {"containers": [{"name": "api"}]}
    assert set(violations(bare)) == {"may escalate", "keeps capabilities", "may run as root", "no seccomp profile"}
    assert violations(spec | {"hostNetwork": True}) == ["hostNetwork is set"]
    assert violations(spec | {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}) == ["volume hostPath"]


def test_the_namespace_enforces_it(overlay: Manifests) -> None:
    for namespace in overlay.kind("Namespace"):
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_root_filesystem_can_be_written_and_no_pod_has_the_kubernetes_api(overlay: Manifests) -> None:
    for workload in overlay.workloads:
        assert container(workload)["securityContext"]["readOnlyRootFilesystem"] is True, name_of(workload)
        assert pod_spec(workload)["automountServiceAccountToken"] is False, name_of(workload)


def test_every_container_has_requests_and_a_limit_of_memory(overlay: Manifests) -> None:
    for workload in overlay.workloads:
        resources = container(workload)["resources"]
        assert resources["requests"].keys() == {"cpu", "memory"}, name_of(workload)
        assert memory_bytes(resources["limits"]["memory"]) >= memory_bytes(resources["requests"]["memory"])


def test_a_heavy_images_worker_may_take_what_an_image_may_take(production: Manifests) -> None:
    heavy = production.the("Deployment", "image-worker-heavy")
    most = ImageWorkerSettings.model_fields["image_memory_limit_bytes"].default
    assert production.environment(heavy)["FANFARE_WORKER_CONCURRENCY"] == "1"
    assert memory_bytes(container(heavy)["resources"]["limits"]["memory"]) >= most + 512 * 2**20


def test_every_image_has_the_projects_version_and_none_is_latest(overlay: Manifests) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = [container(workload)["image"] for workload in overlay.workloads]
    images += [cluster["spec"]["image"] for cluster in overlay.kind("RabbitmqCluster")]
    images += [cluster["spec"]["imageName"] for cluster in overlay.kind("Cluster")]
    for image in images:
        name, _, tag = image.rpartition(":")
        assert re.fullmatch(r"\d+\.\d+(\.\d+)?(-[a-z-]+)?", tag), image
        if name.startswith("fanfare/"):
            assert tag == version, image
            assert (ROOT / "services" / name.removeprefix("fanfare/") / "Dockerfile").exists()


def test_a_registry_that_is_named_once_is_that_of_every_image_of_ours(tmp_path: Path) -> None:
    """Of the migration too, which is applied by itself before the fleet and then with it, as the same Job."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
    named = tmp_path / "deploy/k8s/components/images/kustomization.yaml"
    named.write_text(named.read_text().replace("newName: ", "newName: registry.example.com:5000/"))
    overlays = tmp_path / "deploy/k8s/overlays"
    for folder in ("production/migrate", "production", "keda"):
        images = {container(workload)["image"] for workload in Manifests.of(overlays / folder).workloads}
        ours = {image for image in images if "fanfare/" in image}
        assert ours
        assert all(image.startswith("registry.example.com:5000/fanfare/") for image in ours), ours


def test_the_servers_are_those_of_compose(production: Manifests) -> None:
    """Whoever tries it with Compose has tried the same RabbitMQ and Redis, and the same version of PostgreSQL."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    rabbitmq = production.the("RabbitmqCluster", "rabbitmq")["spec"]["image"]
    postgresql = production.the("Cluster", "postgresql")["spec"]["imageName"]
    assert rabbitmq == compose["rabbitmq"]["image"]
    assert container(production.the("Deployment", "redis"))["image"] == compose["redis"]["image"]
    version = compose["postgresql"]["image"].rpartition(":")[2].partition("-")[0]
    assert postgresql.rpartition(":")[2].partition("-")[0] == version


def test_a_worker_is_live_without_its_broker_and_ready_with_it(production: Manifests) -> None:
    for deployment in production.services:
        probes = {kind: container(deployment)[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")}
        if service_of(deployment) == "api":
            asked: dict[str, Any] = {kind: probe["httpGet"]["path"] for kind, probe in probes.items()}
            assert asked == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
        else:
            asked = {kind: probe["exec"]["command"] for kind, probe in probes.items()}
            live = ["fanfare-probe", "live"]
            assert asked == {"startup": live, "liveness": live, "readiness": ["fanfare-probe", "ready"]}


def test_every_long_running_container_has_the_three_probes(overlay: Manifests) -> None:
    for deployment in overlay.kind("Deployment"):
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container(deployment).keys(), name_of(deployment)


def test_a_worker_gets_longer_than_it_gives_itself(production: Manifests) -> None:
    for deployment in production.services:
        grace = pod_spec(deployment)["terminationGracePeriodSeconds"]
        environment = production.environment(deployment)
        if service_of(deployment) == "api":
            pause = container(deployment)["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert grace >= pause + int(environment["FANFARE_API_DRAIN_SECONDS"]) + 10
        else:
            assert grace >= float(environment["FANFARE_WORKER_SHUTDOWN_SECONDS"]) + MARGIN_SECONDS, name_of(deployment)


@pytest.mark.parametrize("service", ["push-worker", "image-worker", "orchestrator"])
def test_a_worker_gives_itself_longer_than_the_longest_it_cannot_interrupt(production: Manifests, service: str) -> None:
    """Asked to stop, a worker begins nothing new: what remains is a chunk of requests, an image, a webhook."""
    longest = {
        # A request's time-out twice: one for what is in flight, one for what a settling 400 asks (`probes/`).
        "push-worker": 2 * PushWorkerSettings.model_fields["push_timeout_seconds"].default,
        # What a lease, renewed with every image, outlasts.
        "image-worker": ImageWorkerSettings.model_fields["image_time_limit_seconds"].default
        + _BESIDE_THE_IMAGE_SECONDS,
        "orchestrator": 2 * OrchestratorSettings.model_fields["webhook_timeout_seconds"].default,
    }[service]
    for deployment in production.services:
        if service_of(deployment) == service:
            assert float(production.environment(deployment)["FANFARE_WORKER_SHUTDOWN_SECONDS"]) >= longest


def test_selectors_select_their_own_pods_and_no_others(overlay: Manifests) -> None:
    for deployment in overlay.kind("Deployment"):
        selected = [
            name_of(other) for other in overlay.workloads if matches(deployment["spec"]["selector"], pod_labels(other))
        ]
        assert selected == [name_of(deployment)]
        for constraint in pod_spec(deployment).get("topologySpreadConstraints", []):
            assert constraint["labelSelector"] == deployment["spec"]["selector"], name_of(deployment)


def test_labels_say_service_and_deployment(production: Manifests) -> None:
    for deployment in production.services:
        labels = pod_labels(deployment)
        assert labels[INSTANCE] == name_of(deployment)
        assert name_of(deployment).startswith(labels[NAME])
        assert labels["app.kubernetes.io/part-of"] == "fanfare"


def test_every_service_is_spread_and_may_lose_a_pod_but_not_all(production: Manifests) -> None:
    """`minAvailable` with a single replica would stop every drain of a node."""
    for deployment in production.services:
        keys = {constraint["topologyKey"] for constraint in pod_spec(deployment)["topologySpreadConstraints"]}
        assert keys == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
        budget = production.the("PodDisruptionBudget", name_of(deployment))
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["selector"] == deployment["spec"]["selector"]


def test_every_pod_has_an_account_of_its_service(overlay: Manifests) -> None:
    accounts = {name_of(account): account for account in overlay.kind("ServiceAccount")}
    for workload in overlay.workloads:
        name = pod_spec(workload)["serviceAccountName"]
        assert name == service_of(workload)
        assert accounts[name]["automountServiceAccountToken"] is False


def test_services_point_at_ports_that_there_are(overlay: Manifests) -> None:
    for service in overlay.kind("Service"):
        pods = [w for w in overlay.workloads if matches({"matchLabels": service["spec"]["selector"]}, pod_labels(w))]
        assert pods
        for pod in pods:
            named = {port["name"] for port in container(pod)["ports"]}
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= named, name_of(service)


def test_the_migration_is_a_job_beside_running_workers(overlay: Manifests) -> None:
    """No hook, no scaling down: it waits for the ledger, runs as its owner, and its pods are told from the workers'."""
    for job in overlay.kind("Job"):
        assert container(job)["command"] == ["fanfare-migrate"]
        assert job["spec"]["backoffLimit"] > 0
        assert pod_spec(job)["restartPolicy"] == "Never"
