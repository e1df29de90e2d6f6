"""E-mails against a real SMTP server."""

import ssl
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfare_orchestrator.notifications.errors import UndeliverableError
from fanfare_orchestrator.notifications.mail import address_of
from fanfare_shared.bulk.notifications import JobEvent

RECIPIENT = "owner@example.com"


def test_an_email_tells_the_account_in_plain_text(desk: Any, mail_server: Any) -> None:
    notification_id = desk.notification(
        "email", RECIPIENT, title="Frühling 🌷", accepted=12_000, invalid_token=300, failed=45, unknown=0
    )
    with mail_server() as (server, port):
        row = desk.deliver(
            notification_id, smtp_url=f"smtp://127.0.0.1:{port}", smtp_from="Fanfare <fanfare@example.com>"
        )
    assert (row["status"], row["attempts"]) == ("SUCCESS", 1)
    assert server.envelopes == [("fanfare@example.com", [RECIPIENT])]
    (message,) = server.messages
    assert message["Subject"] == "Campaign “Frühling 🌷” is completed"
    assert message["To"] == RECIPIENT
    assert message["Message-ID"] == f"<{notification_id}@fanfare>"
    lines = [line.split() for line in message.get_content().splitlines()]
    assert ["Recipients:", "12,345"] in lines
    assert ["Accepted", "by", "FCM:", "12,000"] in lines
    assert ["Invalid", "token:", "300"] in lines


def test_an_email_about_a_pause_says_why(desk: Any, mail_server: Any) -> None:
    notification_id = desk.notification(
        "email",
        RECIPIENT,
        JobEvent.PAUSED,
        pause_reason="SENDER_ID_MISMATCH",
        error_message="None of the first 100 devices was accepted",
    )
    with mail_server() as (server, port):
        desk.deliver(notification_id, smtp_url=f"smtp://127.0.0.1:{port}")
    text = server.messages[0].get_content()
    assert "has paused by itself" in text
    assert "SENDER_ID_MISMATCH" in text
    assert "None of the first 100 devices was accepted" in text


def test_a_title_cannot_add_a_header_or_a_line(desk: Any, mail_server: Any) -> None:
    title = "Sale\r\nBcc: everyone@example.com\r\n\r\nAccepted by FCM: 1"
    with mail_server() as (server, port):
        row = desk.deliver(desk.notification("email", RECIPIENT, title=title), smtp_url=f"smtp://127.0.0.1:{port}")
    assert row["status"] == "SUCCESS"
    assert server.envelopes[0][1] == [RECIPIENT]
    (message,) = server.messages
    assert message["Bcc"] is None
    assert message["Subject"] == "Campaign “Sale Bcc: everyone@example.com Accepted by FCM: 1” is completed"


@pytest.mark.parametrize(
    "target", ["a@example.com, b@example.com", "a@example.com\r\nBcc: b@example.com", "a@example.com\nx", "nobody", ""]
)
def test_a_target_that_is_not_one_address_is_given_up_at_once(
    desk: Any, office: Any, mail_server: Any, target: str
) -> None:
    notification_id = desk.notification("email", RECIPIENT)
    office.execute("UPDATE notifications SET target = %s", target)
    with mail_server() as (server, port):
        row = desk.deliver(notification_id, smtp_url=f"smtp://127.0.0.1:{port}")
    assert (row["status"], len(desk.dead_letters())) == ("FAILURE", 1)
    assert not server.messages


@given(target=st.text() | st.from_regex(r"[a-z@<>,\"\[\]() .\r\n:;]*", fullmatch=True))
def test_any_target_is_one_address_or_undeliverable(target: str) -> None:
    try:
        address = address_of(target)
    except UndeliverableError:
        return
    assert "\n" not in str(address)
    assert "\r" not in str(address)
    assert address.addr_spec


@pytest.mark.parametrize("sender", ["", "nobody", "a@example.com\r\nBcc: b@example.com"])
def test_a_sender_that_is_no_address_is_refused_when_settings_are_read(desk: Any, sender: str) -> None:
    with pytest.raises(ValueError, match="give an e-mail address"):
        desk.notifier(smtp_from=sender)


def test_a_temporary_refusal_is_tried_again_and_a_final_one_is_not(desk: Any, mail_server: Any) -> None:
    notification_id = desk.notification("email", RECIPIENT)
    with mail_server() as (server, port):
        server.refusals = ["451 4.7.1 Greylisted, come back later", "550 5.1.1 No such mailbox"]
        first = desk.deliver(notification_id, smtp_url=f"smtp://127.0.0.1:{port}")
        assert (first["status"], first["last_error"]) == ("RETRY", "SMTP 451 4.7.1 Greylisted, come back later")
        second = desk.deliver(notification_id, smtp_url=f"smtp://127.0.0.1:{port}")
        assert (second["status"], second["last_error"]) == ("FAILURE", "SMTP 550 5.1.1 No such mailbox")
        other = desk.notification("email", RECIPIENT)
        server.refusals = ["451 4.7.1 Greylisted, come back later"]
        assert desk.deliver(other, smtp_url=f"smtp://127.0.0.1:{port}")["status"] == "RETRY"
        assert desk.deliver(other, smtp_url=f"smtp://127.0.0.1:{port}")["status"] == "SUCCESS"
    assert len(server.messages) == 1


def test_a_server_that_is_away_or_not_set_is_a_failed_attempt(desk: Any, mail_server: Any) -> None:
    with mail_server() as (_, port):
        pass
    away = desk.deliver(desk.notification("email", RECIPIENT), smtp_url=f"smtp://127.0.0.1:{port}")
    assert (away["status"], away["last_error"][:29]) == ("RETRY", "SMTP: ConnectionRefusedError:")
    unset = desk.deliver(desk.notification("email", RECIPIENT))
    assert (unset["status"], unset["last_error"]) == ("RETRY", "FANFARE_SMTP_URL is not set, so no e-mail can be sent")


def test_starttls_is_required_where_it_is_named_and_logs_in_after_it(
    desk: Any, mail_server: Any, server_tls: ssl.SSLContext
) -> None:
    with mail_server() as (server, port):
        refused = desk.deliver(desk.notification("email", RECIPIENT), smtp_url=f"smtp+starttls://localhost:{port}")
        assert (refused["status"], server.messages) == ("RETRY", [])
    with mail_server(tls_context=server_tls, require_starttls=True, auth=True) as (server, port):
        row = desk.deliver(
            desk.notification("email", RECIPIENT), smtp_url=f"smtp+starttls://me:pass%20word@localhost:{port}"
        )
    assert (row["status"], server.logins) == ("SUCCESS", [(b"me", b"pass word")])


def test_a_password_that_is_wrong_never_reaches_the_error(desk: Any, mail_server: Any) -> None:
    with mail_server(auth=True) as (_, port):
        row = desk.deliver(desk.notification("email", RECIPIENT), smtp_url=f"smtp://me:sesame@127.0.0.1:{port}")
    assert row["status"] == "RETRY"
    assert "SMTPAuthenticationError" in row["last_error"]
    assert "sesame" not in row["last_error"]


@pytest.mark.parametrize("url", ["http://host", "smtp://", "smtp://host:port", "mail.example.com"])
def test_an_smtp_url_that_is_none_is_refused_without_showing_it(desk: Any, url: str) -> None:
    with pytest.raises(ValueError, match="give an SMTP address"):
        desk.notifier(smtp_url=url)
