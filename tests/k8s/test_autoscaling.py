"""The autoscalers' numbers follow from the settings, fit the ledger, and are the ones in docs/autoscaling.md."""

import re
from typing import Any

import pytest

from harness.kustomize import ROOT
from k8s import derivation
from k8s.derivation import Limits
from k8s.manifests import Manifest, Manifests, container, memory_bytes, name_of, service_of

PAGE = ROOT / "docs" / "autoscaling.md"
STABILISATION_SECONDS = 300
PERCENT_A_MINUTE = 25


def limits_of(autoscaler: Manifest) -> Limits:
    spec = autoscaler["spec"]
    external = [metric["external"] for metric in spec["metrics"] if metric["type"] == "External"]
    assert {metric["target"]["type"] for metric in external} <= {"AverageValue"}
    return Limits(
        spec["minReplicas"],
        spec["maxReplicas"],
        {
            metric["metric"]["selector"]["matchLabels"]["queue"]: int(metric["target"]["averageValue"])
            for metric in external
        },
    )


@pytest.fixture
def derived(production: Manifests) -> dict[str, Limits]:
    def setting(name: str, deployment: str) -> int:
        return int(production.environment(production.the("Deployment", deployment))[name])

    def concurrency(deployment: str) -> int:
        return setting("FANFARE_WORKER_CONCURRENCY", deployment)

    def push(priority: str, least: int) -> Limits:
        name = f"push-worker-{priority}"
        return derivation.push(
            least,
            concurrency=concurrency(name),
            window=setting("FANFARE_PUSH_WINDOW", name),
            queue=f"push.{priority}",
        )

    heavy = container(production.the("Deployment", "image-worker-heavy"))["resources"]["limits"]["memory"]
    return {
        "push-worker-high": push("high", 2),
        "push-worker-normal": push("normal", 1),
        "push-worker-low": push("low", 1),
        "image-worker-interactive": derivation.interactive(concurrency("image-worker-interactive")),
        "image-worker-bulk": derivation.lane("images.bulk", concurrency=concurrency("image-worker-bulk")),
        "image-worker-heavy": derivation.heavy(memory_bytes(heavy) / 2**30),
        "image-worker-files": derivation.lane(
            "files.bulk", concurrency=concurrency("image-worker-files"), most=derivation.FILE_WRITERS
        ),
        "orchestrator": derivation.orchestrator(concurrency("orchestrator")),
    }


def test_the_numbers_are_the_derived_ones(production: Manifests, derived: dict[str, Limits]) -> None:
    rendered = {name_of(hpa): limits_of(hpa) for hpa in production.kind("HorizontalPodAutoscaler")}
    del rendered["api"]  # by CPU
    assert rendered == derived


def test_the_page_says_the_same(production: Manifests) -> None:
    said: dict[str, tuple[int, int, dict[str, int]]] = {}
    for name, queue, least, most, target in re.findall(
        r"^\| `([a-z-]+)` \| ([^|]+) \| (\d+) \| (\d+) \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE
    ):
        queues = dict(zip(re.findall(r"`([a-z.]+)`", queue), map(int, re.findall(r"\d+", target)), strict=False))
        said.setdefault(name, (int(least), int(most), {}))[2].update(queues)
    rendered = {name_of(hpa): limits_of(hpa) for hpa in production.kind("HorizontalPodAutoscaler")}
    assert {name: Limits(*limits) for name, limits in said.items()} == rendered


def test_the_quotas_share_without_redis_is_that_of_every_sending_process(production: Manifests) -> None:
    most = 0
    shares = set()
    for deployment in production.services:
        if service_of(deployment) == "push-worker":
            environment = production.environment(deployment)
            autoscaler = production.the("HorizontalPodAutoscaler", name_of(deployment))
            most += autoscaler["spec"]["maxReplicas"] * int(environment["FANFARE_WORKER_CONCURRENCY"])
            shares.add(int(environment["FANFARE_PUSH_MAX_WORKERS"]))
    assert shares == {most}


def connections(production: Manifests, deployment: Manifest) -> int:
    """To the ledger, of one pod: each child process holds one."""
    environment = production.environment(deployment)
    if service_of(deployment) == "api":
        return int(environment["FANFARE_API_DATABASE_CONNECTIONS"])
    children = int(environment["FANFARE_WORKER_CONCURRENCY"])
    return derivation.orchestrators_connections(children) if service_of(deployment) == "orchestrator" else children


def test_the_ledger_has_connections_for_the_largest_fleet_while_it_is_replaced(production: Manifests) -> None:
    """Twice, for during an upgrade each pod that ends may still hold its own while its successor has some."""
    largest = sum(
        production.the("HorizontalPodAutoscaler", name_of(deployment))["spec"]["maxReplicas"]
        * connections(production, deployment)
        for deployment in production.services
    )
    migration = 1
    there = int(production.the("Cluster", "postgresql")["spec"]["postgresql"]["parameters"]["max_connections"])
    assert there >= 2 * largest + migration + derivation.RESERVED_CONNECTIONS
    page = PAGE.read_text()
    assert f"**{largest}**" in page
    assert f"**{there}**" in page


def test_they_go_up_at_once_and_down_slowly(production: Manifests, dev: Manifests) -> None:
    for autoscaler in [*production.kind("HorizontalPodAutoscaler"), *dev.kind("HorizontalPodAutoscaler")]:
        check_behaviour(autoscaler["spec"]["behavior"])


def check_behaviour(behaviour: dict[str, Any]) -> None:
    up, down = behaviour["scaleUp"], behaviour["scaleDown"]
    assert up["stabilizationWindowSeconds"] == 0
    assert {"type": "Percent", "value": 100, "periodSeconds": 15} in up["policies"]
    assert down["stabilizationWindowSeconds"] >= STABILISATION_SECONDS
    assert down["policies"] == [{"type": "Percent", "value": PERCENT_A_MINUTE, "periodSeconds": 60}]


def test_nothing_has_less_than_one_and_the_orchestrator_and_the_api_have_two(production: Manifests) -> None:
    least = {name_of(hpa): hpa["spec"]["minReplicas"] for hpa in production.kind("HorizontalPodAutoscaler")}
    assert min(least.values()) >= 1
    assert least["orchestrator"] >= 2
    assert least["api"] >= 2


def test_keda_does_the_same_and_takes_workers_to_zero(production: Manifests, keda: Manifests) -> None:
    hpas = {name_of(hpa): hpa for hpa in production.kind("HorizontalPodAutoscaler")}
    scaled = {name_of(each): each["spec"] for each in keda.kind("ScaledObject")}
    assert [name_of(hpa) for hpa in keda.kind("HorizontalPodAutoscaler")] == ["api"]
    assert scaled.keys() == hpas.keys() - {"api"}
    for name, spec in scaled.items():
        limits = limits_of(hpas[name])
        assert spec["scaleTargetRef"] == {"name": name}
        assert spec["minReplicaCount"] == (limits.least if name == "orchestrator" else 0)
        assert spec["maxReplicaCount"] == limits.most
        triggers = [trigger["metadata"] for trigger in spec["triggers"]]
        assert {queue_of(trigger["query"]): int(trigger["threshold"]) for trigger in triggers} == limits.target
        assert spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == hpas[name]["spec"]["behavior"]


def test_keda_takes_nothing_away_when_it_gets_no_answer(production: Manifests, keda: Manifests) -> None:
    for scaled in keda.kind("ScaledObject"):
        least = production.the("HorizontalPodAutoscaler", name_of(scaled))["spec"]["minReplicas"]
        fallback = scaled["spec"]["fallback"]
        assert fallback == {"failureThreshold": 3, "replicas": least, "behavior": "currentReplicasIfHigher"}
        for trigger in scaled["spec"]["triggers"]:
            assert trigger["metadata"]["ignoreNullValues"] == "false"


def queue_of(query: str) -> str:
    """The one queue that a query is about."""
    (queue,) = set(re.findall(r'queue="([^"]+)"', query))
    return str(queue)
