"""Services talk through queues alone: the policies leave them no other way."""

import pytest

from k8s.manifests import SERVICES, Manifests
from k8s.network import entrances, internet, is_confined, paths, pods

LEDGER, QUOTA = ("postgresql", 5432), ("redis", 6379)


def servers(broker_port: int) -> set[tuple[str, str, int]]:
    """Exactly what each service needs, and the migration."""
    needed = {
        "api": {LEDGER, QUOTA, ("rabbitmq", broker_port)},
        "orchestrator": {LEDGER, QUOTA, ("rabbitmq", broker_port)},
        "push-worker": {LEDGER, QUOTA, ("rabbitmq", broker_port)},
        "image-worker": {LEDGER, ("rabbitmq", broker_port)},
        "migrate": {LEDGER},
    }
    return {(source, target, port) for source, targets in needed.items() for target, port in targets}


@pytest.mark.parametrize(("folder", "broker_port"), [("production", 5671), ("keda", 5671), ("dev", 5672)])
def test_each_reaches_its_servers_and_nothing_else(folder: str, broker_port: int) -> None:
    assert paths(Manifests.of(f"overlays/{folder}")) == servers(broker_port)


def test_no_service_reaches_another(production: Manifests) -> None:
    assert not {(source, target) for source, target, _ in paths(production) if {source, target} <= set(SERVICES)}


def test_nobody_is_without_a_policy(production: Manifests) -> None:
    assert [pod.name for pod in pods(production) if not is_confined(production, pod)] == []


def test_the_ingress_reaches_the_api_alone(production: Manifests) -> None:
    assert entrances(production, "ingress") == {("api", 8000)}


def test_prometheus_reaches_what_it_scrapes(production: Manifests, dev: Manifests) -> None:
    workers = {("orchestrator", 9400), ("push-worker", 9400), ("image-worker", 9400)}
    assert entrances(production, "monitoring") == {("api", 8000), *workers, ("rabbitmq", 15691), ("postgresql", 9187)}
    assert entrances(dev, "monitoring") == {("api", 8000), *workers, ("rabbitmq", 15692), ("postgresql", 9187)}


def test_only_those_with_business_there_reach_the_internet(production: Manifests, dev: Manifests) -> None:
    """FCM; webhooks and mail; the object store, which is a volume in `dev`."""
    mail_and_webhooks = {443, 465, 587}
    assert internet(production) == {
        "api": {443},
        "orchestrator": mail_and_webhooks,
        "push-worker": {443},
        "image-worker": {443},
    }
    assert internet(dev) == {"orchestrator": mail_and_webhooks, "push-worker": {443}}


def test_a_missing_policy_would_be_found(production: Manifests) -> None:
    """The graph follows the policies: without those of the push-worker it reaches nothing, and nothing is confined by hope."""
    without = Manifests([each for each in production.all if each["metadata"]["name"] != "push-worker"])
    assert not [source for source, _, _ in paths(without) if source == "push-worker"]
    open_to_all = Manifests([*production.all, _allow_everything()])
    assert ("push-worker", "api", 8000) in paths(open_to_all)


def _allow_everything() -> dict[str, object]:
    return {
        "kind": "NetworkPolicy",
        "metadata": {"name": "everything"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]},
    }
