"""The rendered autoscaler and the adapter's rule on a real queue, scraped by a real Prometheus."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kombu import Connection, Producer

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.brokers import BrokerManagement, QueueReader, loaded_vhost, vhost_of
from fanfare_shared.testing.environment import ServerAddresses
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.testing.proxies import SilenceableProxy, silenceable
from harness.fleet import ROOT
from harness.prometheus import Prometheus, prometheus_on
from rehearsal.autoscaler import Autoscaler
from rehearsal.external_metrics import ExternalMetrics
from rehearsal.loop import SYNC_SECONDS
from rehearsal.manifests import Rendered

MESSAGES = 25
AN_HOUR = int(3600 / SYNC_SECONDS)


@dataclass
class Watched:
    """A queue that nobody consumes, and what stands between it and the autoscaler."""

    rendered: Rendered
    broker: BrokerSettings
    scrapes: SilenceableProxy
    prometheus: Prometheus
    metrics: ExternalMetrics
    now: float = 0

    def reading(self, *, queue: str = Queue.PUSH_NORMAL.value, metric: str = "fanfare_queue_messages") -> float | None:
        return self.metrics.total(metric, self.rendered.namespace, {"queue": queue})

    def wait_for_reading(self, reading: float | None) -> None:
        wait_until(lambda: self.reading() == reading, f"the adapter reads {reading}")

    def replicas_after(self, autoscaler: Autoscaler, replicas: int, syncs: int) -> int:
        """Asks for the metric as often as the autoscaler would, at once."""
        for _ in range(syncs):
            self.now += SYNC_SECONDS
            replicas = autoscaler.sync(replicas, [self.reading()], self.now).replicas
        return replicas


@pytest.fixture
def watched(server_addresses: ServerAddresses, tmp_path: Path) -> Iterator[Watched]:
    assert server_addresses.broker_prometheus_url is not None
    management = BrokerManagement(server_addresses.broker_management_url.get_secret_value())
    definitions = ROOT / "deploy" / "rabbitmq" / "definitions.json"
    rendered = Rendered.of("push-worker-normal")
    with (
        loaded_vhost(management, server_addresses.broker_url.get_secret_value(), definitions) as broker,
        silenceable(server_addresses.broker_prometheus_url) as (scrapes, url),
    ):
        through = server_addresses.model_copy(update={"broker_prometheus_url": url})
        with Connection(broker.broker_url.get_secret_value()) as connection:
            producer = Producer(connection)
            for number in range(MESSAGES):
                producer.publish({"number": number}, routing_key=Queue.PUSH_NORMAL.value)
        with prometheus_on(through, tmp_path / "prometheus", vhost=vhost_of(broker)) as prometheus:
            metrics = ExternalMetrics(rendered.rules, prometheus.url)
            yield Watched(rendered, broker, scrapes, prometheus, metrics)
            metrics.close()
    management.close()


def test_the_queues_depth_decides_and_a_failed_scrape_or_a_dead_prometheus_changes_nothing(watched: Watched) -> None:
    spec = watched.rendered.autoscaler
    autoscaler = Autoscaler(spec)
    watched.wait_for_reading(MESSAGES)
    assert watched.reading(queue=Queue.PUSH_HIGH.value) == 0, "each queue has a reading of its own"
    assert watched.reading(metric="other_metric") is None
    assert watched.replicas_after(autoscaler, 1, AN_HOUR) == spec.max_replicas, "the whole cap needs every worker"

    watched.scrapes.refuse()
    watched.wait_for_reading(None)
    assert watched.replicas_after(autoscaler, spec.max_replicas, AN_HOUR) == spec.max_replicas

    with QueueReader(watched.broker) as reader:
        reader.empty(Queue.PUSH_NORMAL)
    watched.scrapes.admit()
    watched.wait_for_reading(0)
    assert watched.replicas_after(autoscaler, spec.max_replicas, AN_HOUR) == spec.min_replicas

    watched.prometheus.process.kill()
    assert watched.reading() is None
    assert watched.replicas_after(autoscaler, 5, AN_HOUR) == 5
