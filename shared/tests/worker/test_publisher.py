"""Publishing: confirmed, mandatory, bounded in time whatever the broker does."""

import socket
import threading
import time
from collections import Counter
from uuid import uuid4

import pytest
from celery import Celery
from pydantic import SecretStr

from fanfare_shared import metrics
from fanfare_shared.contracts.messages import PlanCampaign, SettleCampaign
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.errors import BrokerUnavailableError, MessageUnroutableError
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.brokers import BrokerManagement, QueueReader, vhost_of
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.testing.proxies import silenceable
from fanfare_shared.worker.app import CONFIRM_TIMEOUT_SECONDS, make_app
from fanfare_shared.worker.publisher import Publisher


def app_for(url: str) -> Celery:
    return make_app("publisher-test", BrokerSettings(broker_url=SecretStr(url)))


def counted() -> Counter[tuple[str, str]]:
    """Hints so far, by task and outcome."""
    samples = (
        sample for family in metrics.hints.collect() for sample in family.samples if sample.name[-6:] == "_total"
    )
    return Counter({(sample.labels["task"], sample.labels["outcome"]): int(sample.value) for sample in samples})


def test_a_published_message_is_on_its_queue_as_json(clean_broker: BrokerSettings) -> None:
    message = PlanCampaign(campaign_id=uuid4(), request_id="request-1")
    Publisher(make_app("t", clean_broker)).publish(message)
    with QueueReader(clean_broker) as reader:
        taken = reader.take(Queue.CAMPAIGNS)
    assert taken.content_type == "application/json"
    assert taken.headers["task"] == "campaigns.plan"
    assert taken.payload[1] == {"message": message.model_dump(mode="json")}


def test_publishing_needs_no_permission_but_to_write_to_the_default_exchange(
    clean_broker: BrokerSettings, broker_management: BrokerManagement
) -> None:
    with broker_management.user(
        vhost_of(clean_broker), configure="^$", write=r"^amq\.default$", read="^$"
    ) as credentials:
        Publisher(make_app("t", credentials.settings(clean_broker))).publish(PlanCampaign(campaign_id=uuid4()))


def test_a_message_without_a_queue_is_an_error_and_the_next_one_is_not(
    broker_management: BrokerManagement, clean_broker: BrokerSettings
) -> None:
    with broker_management.bare_vhost(clean_broker.broker_url.get_secret_value()) as settings:
        broker_management.declare_queue(vhost_of(settings), Queue.CAMPAIGNS)
        publisher = Publisher(make_app("t", settings))
        with pytest.raises(MessageUnroutableError, match=r"push\.results"):
            publisher.publish(SettleCampaign(campaign_id=uuid4()))
        publisher.publish(PlanCampaign(campaign_id=uuid4()))
        before = counted()
        assert publisher.hint([SettleCampaign(campaign_id=uuid4()), PlanCampaign(campaign_id=uuid4())]) == 1
        assert counted() - before == {("campaigns.settle", "unroutable"): 1, ("campaigns.plan", "published"): 1}


def test_a_hint_that_the_broker_does_not_take_is_counted_as_unpublished() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        before = counted()
        publisher = Publisher(app_for(f"amqp://127.0.0.1:{bound.getsockname()[1]}//"))
        assert publisher.hint([PlanCampaign(campaign_id=uuid4()), PlanCampaign(campaign_id=uuid4())]) == 0
        assert counted() - before == {("campaigns.plan", "unpublished"): 1}


def test_a_port_where_nobody_listens_is_an_error() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(BrokerUnavailableError):
            Publisher(app_for(f"amqp://127.0.0.1:{bound.getsockname()[1]}//")).publish(
                PlanCampaign(campaign_id=uuid4())
            )


def test_a_broker_that_accepts_and_never_answers_is_an_error_and_not_a_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(BrokerUnavailableError):
        Publisher(app_for(f"amqp://127.0.0.1:{silent.getsockname()[1]}//")).publish(PlanCampaign(campaign_id=uuid4()))


def test_a_confirm_that_never_comes_is_an_error_after_the_time_out_and_the_next_publish_works(
    clean_broker: BrokerSettings,
) -> None:
    with silenceable(clean_broker.broker_url.get_secret_value()) as (proxy, url):
        publisher = Publisher(app_for(url))
        publisher.publish(PlanCampaign(campaign_id=uuid4()))
        proxy.silence()
        started = time.monotonic()
        with pytest.raises(BrokerUnavailableError):
            publisher.publish(PlanCampaign(campaign_id=uuid4()))
        assert time.monotonic() - started > CONFIRM_TIMEOUT_SECONDS - 1
        proxy.speak()
        wait_until(lambda: publisher.hint([PlanCampaign(campaign_id=uuid4())]) == 1, "the next one is published")


def test_a_kept_connection_that_the_broker_closed_is_replaced_without_an_error(
    clean_broker: BrokerSettings, broker_management: BrokerManagement
) -> None:
    publisher = Publisher(make_app("t", clean_broker))
    publisher.publish(PlanCampaign(campaign_id=uuid4()))
    wait_until(lambda: broker_management.close_connections(vhost_of(clean_broker)) > 0, "the connection is listed")
    publisher.publish(PlanCampaign(campaign_id=uuid4()))
    with QueueReader(clean_broker) as reader:
        assert len(reader.take_all(Queue.CAMPAIGNS)) == 2


def test_threads_share_a_publisher(clean_broker: BrokerSettings) -> None:
    publisher = Publisher(make_app("t", clean_broker))
    published: list[int] = []

    def publish() -> None:
        published.append(publisher.hint(PlanCampaign(campaign_id=uuid4()) for _ in range(5)))

    threads = [threading.Thread(target=publish) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(published) == 100
    with QueueReader(clean_broker) as reader:
        assert len(reader.take_all(Queue.CAMPAIGNS)) == 100
