"""Servers with TLS, started when a test first asks."""

from collections.abc import Iterator

import pytest

from security.certificates import Authority
from security.tls_servers import TlsServers, tls_servers


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The deployment's."""
    return Authority(tmp_path_factory.mktemp("authority") / "files")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One that neither servers nor clients trust."""
    return Authority(tmp_path_factory.mktemp("stranger") / "files")


@pytest.fixture(scope="session")
def servers(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServers]:
    with tls_servers(authority, tmp_path_factory.mktemp("tls-servers")) as running:
        yield running
