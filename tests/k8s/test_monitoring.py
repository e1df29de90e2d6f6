"""Prometheus gets every service and the broker with the labels that alerts, dashboards and autoscalers go by."""

import subprocess
import sys
from urllib.parse import urlencode

import yaml

from harness.kustomize import MANIFESTS, ROOT
from k8s.manifests import SERVICES, Manifests, matches, name_of, pod_labels

WORKLOAD = {"sourceLabels": ["__meta_kubernetes_pod_label_app_kubernetes_io_instance"], "targetLabel": "workload"}


def test_the_rules_are_those_of_deploy_prometheus(production: Manifests) -> None:
    """Where this fails: `make manifests` writes them anew."""
    program = MANIFESTS / "make_prometheusrule.py"
    made = subprocess.run([sys.executable, str(program)], check=True, capture_output=True, text=True).stdout
    assert (MANIFESTS / "components/monitoring/prometheusrule.yaml").read_text() == made
    files = sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    assert production.the("PrometheusRule", "fanfare")["spec"]["groups"] == groups


def test_every_service_is_scraped_with_job_and_workload(production: Manifests) -> None:
    for service in SERVICES:
        monitor = production.the("ServiceMonitor", service)["spec"]
        assert monitor["jobLabel"] == "app.kubernetes.io/name"
        (found,) = [
            each for each in production.kind("Service") if matches(monitor["selector"], each["metadata"]["labels"])
        ]
        assert found["metadata"]["labels"]["app.kubernetes.io/name"] == service
        (endpoint,) = monitor["endpoints"]
        assert endpoint["relabelings"] == [WORKLOAD]
        assert endpoint["port"] in {port["name"] for port in found["spec"]["ports"]}
        deployments = [
            name_of(each)
            for each in production.services
            if matches({"matchLabels": found["spec"]["selector"]}, pod_labels(each))
        ]
        assert deployments == [name_of(each) for each in production.services if name_of(each).startswith(service)]


def test_the_broker_is_scraped_twice(production: Manifests) -> None:
    node, queues = production.the("ServiceMonitor", "rabbitmq")["spec"]["endpoints"]
    assert (node["path"], node["relabelings"]) == ("/metrics", [{"targetLabel": "job", "replacement": "rabbitmq"}])
    assert queues["relabelings"] == [{"targetLabel": "job", "replacement": "rabbitmq-queues"}]
    assert f"{queues['path']}?{urlencode(queues['params'], doseq=True)}" == (
        "/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count&vhost=fanfare"
    )
