"""Which Deployment consumes which queue, and that it is scaled on that one."""

from collections import Counter

import yaml

from fanfare_image_worker.main import QUEUES as IMAGE_WORKER_QUEUES
from fanfare_orchestrator.app import QUEUES as ORCHESTRATOR_QUEUES
from fanfare_orchestrator.app import SLOW_QUEUES
from fanfare_push_worker.main import QUEUES as PUSH_WORKER_QUEUES
from fanfare_shared.contracts.queues import Queue
from k8s.manifests import Manifest, Manifests, name_of, service_of

OWN = {
    "api": set(),
    "push-worker": set(PUSH_WORKER_QUEUES),
    "image-worker": set(IMAGE_WORKER_QUEUES),
    "orchestrator": {*ORCHESTRATOR_QUEUES, *SLOW_QUEUES, Queue.DEAD},
}
UNSCALED = {Queue.MAINTENANCE, Queue.DEAD}
"""The daily work is a message a day each, and dead letters are written down by one process of each orchestrator."""
METRIC = "fanfare_queue_messages"


def consumed(manifests: Manifests, deployment: Manifest) -> set[Queue]:
    named = manifests.environment(deployment).get("FANFARE_WORKER_QUEUES", "")
    return {Queue(queue) for queue in named.split(",") if queue} or OWN[service_of(deployment)]


def scaled_on(autoscaler: Manifest) -> list[Queue]:
    """The queues whose depth an autoscaler reads."""
    metrics = [metric["external"]["metric"] for metric in autoscaler["spec"]["metrics"] if metric["type"] == "External"]
    assert {metric["name"] for metric in metrics} <= {METRIC}
    assert all(metric["selector"].keys() == {"matchLabels"} for metric in metrics)
    assert all(metric["selector"]["matchLabels"].keys() == {"queue"} for metric in metrics)
    return [Queue(metric["selector"]["matchLabels"]["queue"]) for metric in metrics]


def test_every_queue_is_consumed_by_exactly_one_deployment(production: Manifests) -> None:
    consumers = Counter(queue for deployment in production.services for queue in consumed(production, deployment))
    assert consumers == Counter(Queue)


def test_a_worker_consumes_only_what_its_service_has_code_for(production: Manifests) -> None:
    for deployment in production.services:
        assert consumed(production, deployment) <= OWN[service_of(deployment)], name_of(deployment)


def test_every_deployment_is_scaled_on_the_queues_that_it_consumes(production: Manifests) -> None:
    for deployment in production.services:
        autoscaler = production.the("HorizontalPodAutoscaler", name_of(deployment))
        queues = scaled_on(autoscaler)
        assert len(queues) == len(set(queues))
        assert set(queues) == consumed(production, deployment) - UNSCALED, name_of(deployment)


def test_an_autoscaler_scales_the_deployment_of_its_name_and_no_other_does(production: Manifests) -> None:
    targets = [hpa["spec"]["scaleTargetRef"] for hpa in production.kind("HorizontalPodAutoscaler")]
    assert [target["name"] for target in targets] == [
        name_of(hpa) for hpa in production.kind("HorizontalPodAutoscaler")
    ]
    assert Counter(target["name"] for target in targets) == Counter(name_of(each) for each in production.services)
    assert {(target["apiVersion"], target["kind"]) for target in targets} == {("apps/v1", "Deployment")}
    assert all("replicas" not in deployment["spec"] for deployment in production.services)


def test_a_worker_is_named_as_its_deployment_is(production: Manifests) -> None:
    for deployment in production.services:
        if "FANFARE_WORKER_QUEUES" in production.environment(deployment):
            assert production.environment(deployment)["FANFARE_WORKER_NAME"] == name_of(deployment)


def test_the_adapter_has_the_metric_that_autoscalers_ask_for() -> None:
    adapter = Manifests.of("components/prometheus-adapter")
    (rule,) = yaml.safe_load(adapter.the("ConfigMap", "adapter-config")["data"]["config.yaml"])["externalRules"]
    assert rule["name"] == {"as": METRIC}
    assert rule["resources"] == {"namespaced": False}
    assert "or vector(" not in rule["metricsQuery"]
    (role,) = adapter.kind("ClusterRole")
    assert METRIC in role["rules"][0]["resources"]
