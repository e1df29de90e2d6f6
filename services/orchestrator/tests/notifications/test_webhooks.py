"""Webhooks against a real HTTPS server: signed, checked, retried, given up."""

import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fanfare_orchestrator.notifications.signing import sign


def test_a_webhook_is_a_signed_json_post_over_https(desk: Any, receiver: Any, webhook_secret: str) -> None:
    notification_id = desk.notification("webhook", receiver.url(), title="Läuft")
    row = desk.deliver(notification_id)
    assert (row["status"], row["attempts"], row["due_at"], row["last_error"]) == ("SUCCESS", 1, None, None)
    assert row["delivered_at"] is not None
    ((path, headers, body),) = receiver.requests
    assert path == "/hook?from=fanfare"
    assert json.loads(body) == desk.payload(notification_id)
    assert headers["Host"] == f"localhost:{receiver.port}"
    assert headers["Content-Type"] == "application/json"
    assert headers["Fanfare-Event"] == "campaign.completed"
    assert headers["Fanfare-Delivery"] == str(notification_id)
    timestamp = int(headers["Fanfare-Signature"].removeprefix("t=").split(",")[0])
    assert abs(timestamp - time.time()) < 60
    assert headers["Fanfare-Signature"] == sign(webhook_secret, body, timestamp)


def test_a_webhook_that_fails_and_recovers_is_tried_again_and_delivered(desk: Any, office: Any, receiver: Any) -> None:
    receiver.answers = [(503, {}, b"<html>" + b"x" * 5000), (200, {}, b"thanks")]
    notification_id = desk.notification("webhook", receiver.url())
    before = datetime.now(UTC)
    failed = desk.deliver(notification_id)
    assert (failed["status"], failed["attempts"]) == ("RETRY", 1)
    assert failed["last_error"].startswith("HTTP 503 <html>x")
    assert len(failed["last_error"]) < 300
    assert before + timedelta(seconds=5) < failed["due_at"] < datetime.now(UTC) + timedelta(seconds=13)
    recovered = desk.deliver(notification_id)
    assert (recovered["status"], recovered["attempts"], recovered["last_error"]) == ("SUCCESS", 2, None)
    assert not desk.dead_letters()


def test_a_webhook_that_failed_for_a_day_is_a_failure_and_a_dead_letter(desk: Any, office: Any, receiver: Any) -> None:
    receiver.answers = [(500, {}, b"no\x00pe")]
    notification_id = desk.notification("webhook", receiver.url())
    office.execute("UPDATE notifications SET created_at = now() - interval '1 day'")
    row = desk.deliver(notification_id)
    assert (row["status"], row["due_at"], row["last_error"]) == ("FAILURE", None, "HTTP 500 nope")
    (letter,) = desk.dead_letters()
    assert (letter["source"], letter["source_id"], letter["reason"]) == (
        "notification",
        str(notification_id),
        "HTTP 500 nope",
    )
    assert desk.deliver(notification_id)["attempts"] == 1


def test_a_redirect_is_not_followed(desk: Any, receiver: Any, plain_receiver: Any) -> None:
    receiver.answers = [(307, {"Location": plain_receiver.url("127.0.0.1")}, b"")]
    row = desk.deliver(desk.notification("webhook", receiver.url()), webhook_allow="localhost,127.0.0.1")
    assert (row["status"], row["last_error"]) == ("RETRY", "HTTP 307")
    assert len(receiver.requests) == 1
    assert not plain_receiver.requests


def test_a_certificate_of_an_unknown_authority_is_refused(desk: Any, receiver: Any) -> None:
    row = desk.deliver(desk.notification("webhook", receiver.url()), webhook_ca_file=None)
    assert row["status"] == "RETRY"
    assert "certificate verify failed" in row["last_error"]
    assert not receiver.requests


def test_a_certificate_for_another_name_is_refused(desk: Any, receiver: Any) -> None:
    row = desk.deliver(desk.notification("webhook", receiver.url("127.0.0.1")), webhook_allow="127.0.0.1")
    assert "certificate verify failed" in row["last_error"]
    assert not receiver.requests


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]"])
def test_a_private_address_is_refused_unless_the_allow_list_names_it(desk: Any, receiver: Any, host: str) -> None:
    row = desk.deliver(desk.notification("webhook", receiver.url(host)), webhook_allow="other.example")
    assert row["status"] == "RETRY"
    assert "has no public address" in row["last_error"]
    assert not receiver.requests


def test_plain_http_is_given_up_at_once_unless_the_allow_list_names_it(desk: Any, plain_receiver: Any) -> None:
    refused = desk.deliver(desk.notification("webhook", plain_receiver.url()), webhook_allow="")
    assert (refused["status"], len(desk.dead_letters())) == ("FAILURE", 1)
    assert "https" in refused["last_error"]
    allowed = f"localhost:{plain_receiver.port}"
    assert (
        desk.deliver(desk.notification("webhook", plain_receiver.url()), webhook_allow=allowed)["status"] == "SUCCESS"
    )
    other_port = f"localhost:{plain_receiver.port + 1}"
    assert (
        desk.deliver(desk.notification("webhook", plain_receiver.url()), webhook_allow=other_port)["status"]
        == "FAILURE"
    )


def test_a_name_that_rebinds_is_connected_to_at_the_address_that_was_checked(
    desk: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["93.184.215.14", "127.0.0.1", "127.0.0.1"]
    connected: list[Any] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    def refuse(address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", resolve)
        patched.setattr(socket, "create_connection", refuse)
        row = desk.deliver(desk.notification("webhook", receiver.url("rebinding.example")), webhook_allow="")
    assert row["status"] == "RETRY"
    assert connected == [("93.184.215.14", receiver.port)]
    assert len(answers) == 2
    assert not receiver.requests


def test_an_answer_that_drips_is_cut_off_at_the_time_out(desk: Any, plain_receiver: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                while not stop.wait(0.1):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        dripping = threading.Thread(target=drip)
        dripping.start()
        target = f"http://127.0.0.1:{server.getsockname()[1]}/"
        row = desk.deliver(desk.notification("webhook", target), webhook_allow="127.0.0.1", webhook_timeout_seconds=1.0)
        stop.set()
        dripping.join()
    assert row["status"] == "RETRY"


def test_a_secret_that_no_key_decrypts_is_a_failed_attempt(desk: Any, office: Any, receiver: Any) -> None:
    notification_id = desk.notification("webhook", receiver.url())
    office.execute("UPDATE apps SET webhook_secret_encrypted = 'nonsense'")
    row = desk.deliver(notification_id)
    assert (row["status"], row["last_error"]) == ("RETRY", "No key in FANFARE_ENCRYPTION_KEYS decrypts this secret")
    assert not receiver.requests


def test_a_bad_allow_list_is_refused_when_settings_are_read(desk: Any, ca_file: Path) -> None:
    with pytest.raises(ValueError, match="host:port"):
        desk.notifier(webhook_allow="localhost:http")
