import socket
from pathlib import Path

from fanfare_native.ports import Ports, is_free


def test_port_is_kept(tmp_path: Path) -> None:
    chosen = Ports(tmp_path / "ports.json")["redis"]

    assert is_free(chosen)
    assert Ports(tmp_path / "ports.json")["redis"] == chosen


def test_port_of_a_running_part_is_kept_though_it_is_taken(tmp_path: Path) -> None:
    chosen = Ports(tmp_path / "ports.json")["rabbitmq.management"]
    with socket.create_server(("127.0.0.1", chosen)):
        ports = Ports(tmp_path / "ports.json")
        ports.keep("rabbitmq")
        assert ports["rabbitmq.management"] == chosen


def test_port_of_somebody_else_is_chosen_anew(tmp_path: Path) -> None:
    chosen = Ports(tmp_path / "ports.json")["rabbitmq"]
    with socket.create_server(("127.0.0.1", chosen)):
        assert Ports(tmp_path / "ports.json")["rabbitmq"] != chosen


def test_listeners_never_share_a_port(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    names = [f"part{number}" for number in range(50)]

    assert len({ports[name] for name in names}) == len(names)
