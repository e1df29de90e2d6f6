"""One fleet for all end-to-end tests, started once; a fresh app, a reset simulator and its own tokens for each test.

Its webhooks and e-mails go to servers of the tests' own.
"""

import ssl
from collections.abc import Iterator
from itertools import count
from urllib.parse import quote

import pytest
import trustme

from fanfare_shared.testing.environment import ServerAddresses
from harness.company import Company
from harness.fleet import Fleet, fleet_on
from harness.receivers import MailServer, Receiver, running_mail_server

_numbers = count()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def _mail() -> Iterator[tuple[MailServer, int]]:
    with running_mail_server(auth=True) as running:
        yield running


@pytest.fixture(scope="session")
def mails(_mail: tuple[MailServer, int]) -> MailServer:
    return _mail[0]


@pytest.fixture
def receiver(authority: trustme.CA) -> Iterator[Receiver]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    receiver = Receiver(tls)
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def fleet(
    server_addresses: ServerAddresses,
    authority: trustme.CA,
    _mail: tuple[MailServer, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    ca_file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with fleet_on(
        server_addresses,
        tmp_path_factory.mktemp("fleet"),
        FANFARE_LOG_LEVEL="DEBUG",  # what may never be logged is not logged at any level
        FANFARE_WEBHOOK_ALLOW="localhost,127.0.0.1",
        FANFARE_WEBHOOK_CA_FILE=str(ca_file),
        FANFARE_SMTP_URL=f"smtp://fanfare:{quote(MailServer.PASSWORD)}@127.0.0.1:{_mail[1]}",
    ) as fleet:
        fleet.with_metrics = True
        yield fleet.start_all()


@pytest.fixture
def company(fleet: Fleet) -> Company:
    number = next(_numbers)
    fleet.simulator.reset()
    project = f"project-{number}"
    app = fleet.client.register_app(fleet.simulator.credentials(project), name=project)
    return Company(fleet, app["id"], f"test{number}", app["webhook_secret"])
