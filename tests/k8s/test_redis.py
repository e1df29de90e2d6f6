"""A real Redis starts with the configuration and the users that the pod gets, and lets in whoever has the secret's address."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import trustme

from fanfare_native import programs
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.testing.ports import free_port
from harness.processes import Process
from k8s.manifests import Manifests, name_of
from k8s.test_settings import Made

HOST = "localhost"


@pytest.fixture(params=["dev", "production"])
def server(request: pytest.FixtureRequest, tmp_path: Path, made_secrets: Made) -> Iterator[tuple[str, dict[str, str]]]:
    """Its address, as the api's Secret has it but for host and port, and what a client needs for TLS."""
    programs.ensure(programs.REDIS)
    tls = request.param == "production"
    (config,) = [
        each
        for each in Manifests.of(f"overlays/{request.param}").kind("ConfigMap")
        if name_of(each).startswith("redis-")
    ]
    (tmp_path / "users.acl").write_text(made_secrets[tls]["redis-users"]["stringData"]["users.acl"])
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    certificate = authority.issue_cert(HOST)
    certificate.private_key_pem.write_to_path(str(tmp_path / "tls.key"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "tls.crt"))

    port = free_port()
    text = re.sub(r"/etc/redis-(users|tls)", str(tmp_path), config["data"]["redis.conf"])
    text = text.replace("tls-port 6379", f"tls-port {port}") if tls else f"{text}port {port}\n"
    (tmp_path / "redis.conf").write_text(f"{text}bind 127.0.0.1\ndir {tmp_path}\n")
    command = [str(programs.program(programs.REDIS, "redis-server")), str(tmp_path / "redis.conf")]
    process = Process("redis", command, {}, tmp_path)
    address = made_secrets[tls]["fanfare-api"]["stringData"]["FANFARE_REDIS_URL"].replace(
        "redis:6379", f"{HOST}:{port}"
    )
    options = {"ssl_ca_certs": str(tmp_path / "ca.crt")} if tls else {}
    try:
        wait_until(lambda: not process.alive or answers(address, options), "Redis answers")
        assert process.alive, process.tail()
        yield address, options
    finally:
        process.kill()


def answers(address: str, options: dict[str, str]) -> bool:
    try:
        with redis.Redis.from_url(address, **options) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_the_address_in_the_secret_lets_in(server: tuple[str, dict[str, str]]) -> None:
    address, options = server
    with redis.Redis.from_url(address, **options) as client:
        assert client.eval("return redis.call('SET', KEYS[1], ARGV[1])", 1, "bucket", "1") == b"OK"


def test_another_password_does_not(server: tuple[str, dict[str, str]]) -> None:
    address, options = server
    stranger = re.sub(r"//:[^@]*@", "//:guessed@", address)
    with redis.Redis.from_url(stranger, **options) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


@pytest.mark.parametrize("server", ["production"], indirect=True)
def test_production_speaks_nothing_but_tls(server: tuple[str, dict[str, str]]) -> None:
    address, _ = server
    assert not answers(address.replace("rediss://", "redis://"), {})
