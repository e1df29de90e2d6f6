"""The whole fleet on servers that speak TLS only, each service with a certificate, a role and a user of its own."""

import ssl
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import trustme

from fanfare_native.rabbitmq import ADMIN
from fanfare_shared.db.migrate import migrate
from fanfare_shared.settings import BrokerSettings, DatabaseSettings
from fanfare_shared.testing.polling import until
from harness.album import Album
from harness.company import Company
from harness.fleet import Fleet
from harness.receivers import Receiver
from security.tls_servers import OWNER, ROLES, TlsServers

# Where each service's connections may lead, and nowhere else. The daily health check asks FCM whether it answers.
ALLOWED = {
    "api": {"postgresql", "rabbitmq", "redis"},
    "orchestrator": {"postgresql", "rabbitmq", "redis", "fcm", "webhook"},
    "push-worker": {"postgresql", "rabbitmq", "redis", "fcm"},
    "image-worker": {"postgresql", "rabbitmq"},
}
SERVICES = tuple(ALLOWED)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Receiver, str]]:
    """A webhook's receiver, and the CA file that vouches for it."""
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    ca_file = tmp_path_factory.mktemp("receiver") / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    receiver = Receiver(tls)
    yield receiver, str(ca_file)
    receiver.close()


@pytest.fixture(scope="module")
def fleet(
    servers: TlsServers, receiver: tuple[Receiver, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    database = DatabaseSettings.model_validate(servers.database(OWNER))
    assert migrate(database) == list(ROLES.values())
    with Fleet(
        database,
        BrokerSettings.model_validate(servers.broker(ADMIN)),
        servers.redis()["redis_url"],
        tmp_path_factory.mktemp("fleet"),
        {"FANFARE_WEBHOOK_ALLOW": "localhost", "FANFARE_WEBHOOK_CA_FILE": receiver[1]},
        of_services={service: settings_of(servers, service) for service in SERVICES},
        with_metrics=True,
    ) as fleet:
        fleet.start_simulator()
        fleet.start_api()
        fleet.start_orchestrator()
        fleet.start_push_worker(name="push-worker")
        fleet.start_image_worker(name="image-worker")
        yield fleet


def settings_of(servers: TlsServers, service: str) -> dict[str, str]:
    settings = servers.database(ROLES[service]) | servers.broker(service)
    if "redis" in ALLOWED[service]:
        settings |= servers.redis()
    return {f"FANFARE_{name.upper()}": value for name, value in settings.items()}


def company_of(fleet: Fleet) -> Company:
    app = fleet.client.register_app(fleet.simulator.credentials("tls"), name="tls")
    return Company(fleet, app["id"], "tls", app["webhook_secret"])


def sockets(fleet: Fleet, service: str) -> Iterator[Any]:
    for pid in fleet.processes[service].pids:
        try:
            yield from psutil.Process(pid).net_connections("inet")
        except psutil.NoSuchProcess:
            continue


class Look:
    """What the services' sockets were seen to lead to, and where they were seen to listen, over some time."""

    def __init__(self, fleet: Fleet, names: dict[int, str]) -> None:
        self._fleet = fleet
        self._names = names
        self.leads_to: set[tuple[str, str]] = set()
        self.listens: set[tuple[str, int]] = set()

    def again(self) -> None:
        for service in SERVICES:
            found = list(sockets(self._fleet, service))
            own = {one.laddr.port for one in found if one.status == psutil.CONN_LISTEN}
            self.listens |= {(service, port) for port in own}
            peers = {one.raddr.port for one in found if one.raddr and one.laddr.port not in own}
            self.leads_to |= {(service, self._names.get(port, f"port {port}")) for port in peers}


def test_it_sends_a_campaign_and_makes_images_and_no_service_is_connected_to_another(
    fleet: Fleet, servers: TlsServers, receiver: tuple[Receiver, str]
) -> None:
    company, album = company_of(fleet), Album(fleet, 0)
    ports = servers.context.ports
    names = {ports[name]: name for name in ("postgresql", "rabbitmq", "redis")}
    names |= {int(fleet.fcm_url.rpartition(":")[2]): "fcm", receiver[0].port: "webhook"}
    look = Look(fleet, names)
    company.add_devices(300)
    campaign = company.send(rate_per_second=60, webhook_url=receiver[0].url())
    job = album.upload(album.photos(40))["job_id"]
    while company.client.stats(campaign)["status"] == "processing":
        look.again()
    assert company.finish(campaign)["success"] == 300
    assert album.finish(job)["succeeded"] == 40
    until("the webhook is called", lambda: bool(receiver[0].requests), 120)

    served = {(target.workload, int(target.address.rpartition(":")[2])) for target in fleet.scrape_targets}
    assert look.listens == served
    strays = {(service, where) for service, where in look.leads_to if where not in ALLOWED[service]}
    assert strays == set()
    assert {(service, server) for service in SERVICES for server in ("postgresql", "rabbitmq")} <= look.leads_to
    assert {("push-worker", "fcm"), ("push-worker", "redis")} <= look.leads_to
