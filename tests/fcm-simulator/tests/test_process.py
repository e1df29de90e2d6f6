"""The process: command line, start, stop and what lies in the state folder."""

import json
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from fcm_simulator.client import SimulatorClient
from fcm_simulator.process import RunningSimulator, SimulatorStartError, free_ports, running_simulator

COMMAND = [sys.executable, "-m", "fcm_simulator"]


def test_a_taken_port_is_a_clear_error(running: RunningSimulator, tmp_path: Path) -> None:
    taken = running.url.rpartition(":")[2]

    result = subprocess.run(
        [*COMMAND, "serve", "--port", taken, "--state", str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert result.returncode == 1
    assert result.stderr.strip().endswith(f"cannot listen on 127.0.0.1 port {taken}: Address already in use")
    assert "Traceback" not in result.stderr


def test_a_host_without_an_address_is_a_clear_error(tmp_path: Path) -> None:
    result = subprocess.run(
        [*COMMAND, "serve", "--host", "nowhere.invalid", "--state", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    assert "cannot listen on nowhere.invalid" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_host_may_be_a_name(tmp_path: Path) -> None:
    with running_simulator(tmp_path, "--host", "localhost") as simulator:
        assert simulator.client.healthy()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_though_a_send_is_unanswered(tmp_path: Path, number: signal.Signals) -> None:
    with running_simulator(tmp_path) as simulator:
        simulator.client.script(mix={"time_out": 1}, oauth={"required": False})
        context = ssl.create_default_context(cafile=simulator.ca_file)
        url = f"{simulator.url}/v1/projects/demo/messages:send"
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(url, json={"message": {"token": "a"}}, verify=context, timeout=httpx.Timeout(60, read=0.5))

        simulator.process.send_signal(number)

        assert simulator.process.wait(60) == 0


def test_a_second_start_keeps_certificates_and_keys(tmp_path: Path) -> None:
    with running_simulator(tmp_path) as first:
        authority, account = first.ca_file.read_bytes(), first.client.credentials()
    with running_simulator(tmp_path) as second:
        assert second.ca_file.read_bytes() == authority
        assert second.client.credentials()["private_key"] == account["private_key"]


def test_keys_are_readable_by_their_owner_only(running: RunningSimulator) -> None:
    running.client.credentials()
    folder = running.ca_file.parent

    keys = [folder / "server.key", *(folder / "service-accounts").glob("*.pem")]
    assert {oct(key.stat().st_mode & 0o777) for key in keys} == {"0o600"}


def test_the_credentials_command_prints_a_service_account(running: RunningSimulator) -> None:
    options = ["--state", str(running.ca_file.parent), "--project", "printed", "--token-uri", "https://localhost/token"]

    output = subprocess.run([*COMMAND, "credentials", *options], capture_output=True, check=True).stdout

    account = json.loads(output)
    assert account["token_uri"] == "https://localhost/token"
    assert running.client.credentials("printed")["private_key"] == account["private_key"]


def test_it_listens_on_loopback_only(running: RunningSimulator) -> None:
    port = int(running.url.rpartition(":")[2])
    with socket.socket() as probe:
        probe.settimeout(30)
        assert probe.connect_ex(("127.0.0.1", port)) == 0
    with socket.socket() as probe:
        probe.settimeout(30)
        assert probe.connect_ex(("127.0.0.2", port)) != 0


def test_the_certificate_is_good_for_localhost_and_its_address(running: RunningSimulator) -> None:
    port = running.url.rpartition(":")[2]
    with SimulatorClient(f"https://127.0.0.1:{port}", running.ca_file) as by_address:
        assert by_address.healthy()


def test_http2_allows_a_hundred_streams_as_fcm_does(running: RunningSimulator) -> None:
    output = subprocess.run(
        [sys.executable, "-c", _READ_SETTINGS, running.url, str(running.ca_file)], capture_output=True, check=True
    ).stdout

    assert output.strip() == b"100"


def test_a_start_that_fails_says_why(running: RunningSimulator, tmp_path: Path) -> None:
    port = running.url.rpartition(":")[2]
    with (
        pytest.raises(SimulatorStartError, match="Address already in use"),
        running_simulator(tmp_path, "--port", port),
    ):
        pass


def test_free_ports_differ() -> None:
    assert len(set(free_ports(5))) == 5


_READ_SETTINGS = """
import socket, ssl, sys, h2.connection, h2.events
host, port = "localhost", int(sys.argv[1].rpartition(":")[2])
context = ssl.create_default_context(cafile=sys.argv[2])
context.set_alpn_protocols(["h2"])
with context.wrap_socket(socket.create_connection((host, port)), server_hostname=host) as connection:
    http = h2.connection.H2Connection()
    http.initiate_connection()
    connection.sendall(http.data_to_send())
    while not any(isinstance(event, h2.events.RemoteSettingsChanged) for event in http.receive_data(connection.recv(65536))):
        pass
    print(http.remote_settings.max_concurrent_streams)
"""
