"""TLS to each server, both ways: who is not whom the client asked for is refused, and so is a client without a certificate."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from fanfare_shared.settings import BrokerSettings, DatabaseSettings, RedisSettings
from fanfare_shared.testing.environment import ServerAddresses
from security.certificates import Authority
from security.clients import CLIENTS, Connect
from security.tls_servers import OWNER, TlsServers

_ALL = [pytest.param(server, connect, id=connect.__name__) for server, of in CLIENTS.items() for connect in of]
every_client = pytest.mark.parametrize(("server", "connect"), _ALL)
_SCHEMES = {"database": "postgresql", "broker": "amqps", "redis": "rediss"}
# What the libraries say of a certificate that nobody trusted vouches for, and of one for another host.
_NOT_VOUCHED_FOR = r"certificate verify failed|self.signed certificate|unable to get local issuer"
_FOR_ANOTHER_HOST = r"[Hh]ostname mismatch|IP address mismatch|does not match host name"


def settings_of(servers: TlsServers, server: str) -> dict[str, str]:
    """Whole ones, with which everybody connects."""
    return {"database": servers.database(OWNER), "broker": servers.broker("api"), "redis": servers.redis()}[server]


def refusal(connect: Connect, settings: dict[str, str]) -> str:
    """What the client said, the error's whole chain: each library has errors of its own."""
    try:
        connect(settings)
    except Exception as error:  # noqa: BLE001 - its words are looked at
        return "\n".join(f"{type(one).__name__}: {one}" for one in chain(error))
    pytest.fail("it connected")


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def with_host(settings: dict[str, str], server: str, host: str) -> dict[str, str]:
    url = settings[f"{server}_url"].replace("@localhost:", f"@{host}:")
    assert host in url
    return settings | {f"{server}_url": url}


@every_client
def test_a_client_connects_with_the_deployments_authority_and_its_own_certificate(
    servers: TlsServers, server: str, connect: Connect
) -> None:
    connect(settings_of(servers, server))


@every_client
def test_a_server_that_another_authority_vouches_for_is_refused(
    servers: TlsServers, stranger: Authority, server: str, connect: Connect
) -> None:
    said = refusal(connect, settings_of(servers, server) | {f"{server}_ca_file": str(stranger.ca_file)})
    assert re.search(_NOT_VOUCHED_FOR, said), said


@every_client
def test_a_server_whose_certificate_is_for_another_host_is_refused(
    servers: TlsServers, server: str, connect: Connect
) -> None:
    said = refusal(connect, with_host(settings_of(servers, server), server, "127.0.0.1"))
    assert re.search(_FOR_ANOTHER_HOST, said), said


@every_client
def test_a_client_without_a_certificate_is_refused_by_the_server(
    servers: TlsServers, server: str, connect: Connect
) -> None:
    settings = settings_of(servers, server)
    refusal(connect, {name: value for name, value in settings.items() if name.endswith(("_url", "_ca_file"))})


@every_client
def test_a_client_whose_certificate_another_authority_made_is_refused_by_the_server(
    servers: TlsServers, stranger: Authority, server: str, connect: Connect
) -> None:
    pair = stranger.client(OWNER)
    files = {f"{server}_cert_file": str(pair.cert), f"{server}_key_file": str(pair.key)}
    refusal(connect, settings_of(servers, server) | files)


@every_client
def test_a_server_without_tls_is_refused_where_tls_is_asked_for(
    server_addresses: ServerAddresses, authority: Authority, server: str, connect: Connect
) -> None:
    address = urlsplit(getattr(server_addresses, f"{server}_url").get_secret_value())
    # Redis takes a greeting in TLS for the beginning of a long command, and waits for its end.
    patience = "socket_timeout=1&socket_connect_timeout=1" if server == "redis" else ""
    url = address._replace(scheme=_SCHEMES[server], query=patience).geturl()
    refusal(connect, {f"{server}_url": url, f"{server}_ca_file": str(authority.ca_file)})


@every_client
def test_without_a_ca_file_the_systems_authorities_are_asked(
    servers: TlsServers,
    authority: Authority,
    stranger: Authority,
    monkeypatch: pytest.MonkeyPatch,
    server: str,
    connect: Connect,
) -> None:
    settings = settings_of(servers, server)
    del settings[f"{server}_ca_file"]
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    connect(settings)
    said = refusal(connect, with_host(settings, server, "127.0.0.1"))
    assert re.search(_FOR_ANOTHER_HOST, said), said
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger.ca_file))
    said = refusal(connect, settings)
    assert re.search(_NOT_VOUCHED_FOR, said), said


@pytest.mark.parametrize("connect", CLIENTS["database"])
def test_an_address_that_says_verify_full_is_verified_without_any_file(
    server_addresses: ServerAddresses, servers: TlsServers, authority: Authority, connect: Connect
) -> None:
    settings = settings_of(servers, "database")
    url = f"{settings['database_url']}?sslmode=verify-full"
    said = refusal(connect, {"database_url": url})
    assert re.search(_NOT_VOUCHED_FOR, said), said
    refusal(connect, {"database_url": f"{server_addresses.database_url.get_secret_value()}?sslmode=verify-full"})


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (BrokerSettings, "amqp://fanfare@localhost/fanfare"),
        (RedisSettings, "redis://localhost/0"),
    ],
)
def test_files_for_tls_with_an_address_without_it_are_refused(settings: type[BaseSettings], url: str) -> None:
    server = settings.__name__.removesuffix("Settings").lower()
    with pytest.raises(ValidationError, match="files for TLS are given"):
        settings.model_validate({f"{server}_url": url, f"{server}_ca_file": "/etc/ca.pem"})


@pytest.mark.parametrize("settings", [BrokerSettings, DatabaseSettings, RedisSettings])
def test_a_certificate_without_its_key_is_refused(settings: type[BaseSettings]) -> None:
    server = settings.__name__.removesuffix("Settings").lower()
    url = f"{_SCHEMES[server]}://localhost/fanfare"
    with pytest.raises(ValidationError, match="both the client certificate and its key"):
        settings.model_validate({f"{server}_url": url, f"{server}_cert_file": "/etc/client.pem"})
