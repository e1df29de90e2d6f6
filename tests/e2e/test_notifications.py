"""Who asked to be told of a campaign's end is told: by a signed webhook and by e-mail, with the account that stats show."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from fanfare_shared.testing.polling import until
from harness.company import Company
from harness.receivers import MailServer, Receiver

# What the call and `stats` both say.
_ACCOUNT = (
    *("campaign_id", "status", "total_recipients", "sent", "success", "failure", "invalid_token", "failed", "expired"),
    *("cancelled", "unknown", "errors"),
)


@pytest.fixture
def is_from_fanfare(pytestconfig: pytest.Config) -> Callable[[str, str, bytes], bool]:
    """The check that docs/webhooks.md gives to receivers."""
    page = (pytestconfig.rootpath / "docs" / "webhooks.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own page
    check: Callable[[str, str, bytes], bool] = names["is_from_fanfare"]
    return check


class Subscriber:
    """Sends campaigns that tell `receiver` and a mailbox of the test's own."""

    def __init__(self, company: Company, receiver: Receiver, mails: MailServer) -> None:
        self.company = company
        self.receiver = receiver
        self._mails = mails
        self.mailbox = f"{company.prefix}@example.com"

    def send(self, **fields: Any) -> str:
        return self.company.send(webhook_url=self.receiver.url(), notify_email=self.mailbox, **fields)

    def call(self, number: int = 0, seconds: float = 120) -> tuple[dict[str, str], bytes]:
        """Headers and body of that call, once it came."""
        until("the receiver is called", lambda: len(self.receiver.requests) > number, seconds)
        _, headers, body = self.receiver.requests[number]
        return headers, body

    def mail(self) -> tuple[str, dict[str, str]]:
        """The subject, and the lines `label: value` of the text."""

        def mine() -> list[Any]:
            return [mail for mail in self._mails.messages if mail["To"] == self.mailbox]

        (mail,) = until("an e-mail came", mine, 120)
        lines = (line.split(":", 1) for line in mail.get_content().splitlines() if ":" in line)
        return str(mail["Subject"]), {label.strip(): value.strip() for label, value in lines}


@pytest.fixture
def subscriber(company: Company, receiver: Receiver, mails: MailServer) -> Subscriber:
    return Subscriber(company, receiver, mails)


def assert_told(
    subscriber: Subscriber, is_from_fanfare: Callable[[str, str, bytes], bool], campaign: str, event: str, words: str
) -> dict[str, Any]:
    """By one call and one e-mail with the account of `stats`; the call's content."""
    stats = subscriber.company.client.stats(campaign)
    headers, body = subscriber.call()
    assert is_from_fanfare(subscriber.company.webhook_secret, headers["Fanfare-Signature"], body)
    assert not is_from_fanfare("whsec_of-another-app", headers["Fanfare-Signature"], body)
    told: dict[str, Any] = json.loads(body)
    assert (headers["Fanfare-Event"], told["event"]) == (event, event)
    assert (headers["Fanfare-Delivery"], told["app_id"]) == (told["id"], subscriber.company.app_id)
    assert {name: told[name] for name in _ACCOUNT} == {name: stats[name] for name in _ACCOUNT}
    subject, lines = subscriber.mail()
    assert words in subject
    counts = {
        "Recipients": stats["total_recipients"],
        "Accepted by FCM": stats["success"],
        "Invalid token": stats["invalid_token"],
        "Cancelled before it was sent": stats["cancelled"],
    }
    assert {label: lines[label] for label in counts} == {label: f"{count:,}" for label, count in counts.items()}
    assert {code: lines[code] for code in stats["errors"]} == {code: str(n) for code, n in stats["errors"].items()}
    assert len(subscriber.receiver.requests) == 1
    return told


def test_a_completed_campaign_is_told(subscriber: Subscriber, is_from_fanfare: Any) -> None:
    subscriber.company.add_devices(1200)
    subscriber.company.add_devices(3, "unregistered")
    subscriber.company.simulator.script(patterns=[{"contains": "unregistered", "outcomes": ["unregistered"]}])
    campaign = subscriber.send()
    subscriber.company.finish(campaign)
    told = assert_told(subscriber, is_from_fanfare, campaign, "campaign.completed", "is completed")
    assert (told["success"], told["errors"]) == (1200, {"UNREGISTERED": 3})


def test_a_cancelled_campaign_is_told(subscriber: Subscriber, is_from_fanfare: Any) -> None:
    subscriber.company.add_devices(500)
    campaign = subscriber.send(rate_per_second=50)
    subscriber.company.client.wait_for_sent(campaign, 20)
    subscriber.company.client.act(campaign, "cancel")
    subscriber.company.finish(campaign)
    told = assert_told(subscriber, is_from_fanfare, campaign, "campaign.cancelled", "was cancelled")
    assert told["cancelled"] > 0


def test_a_failed_campaign_is_told_with_fcms_error(subscriber: Subscriber, is_from_fanfare: Any) -> None:
    subscriber.company.add_devices(20)
    subscriber.company.simulator.script(mix={"invalid_payload": 1})
    campaign = subscriber.send()
    subscriber.company.finish(campaign)
    told = assert_told(subscriber, is_from_fanfare, campaign, "campaign.failed", "has failed")
    assert told["error_code"] == "INVALID_ARGUMENT"


def test_a_campaign_that_paused_by_itself_is_told_with_the_reason(subscriber: Subscriber, is_from_fanfare: Any) -> None:
    subscriber.company.add_devices(20)
    subscriber.company.simulator.script(mix={"permission_denied": 1})
    campaign = subscriber.send()
    subscriber.company.client.wait_for_status(campaign, "paused")
    told = assert_told(subscriber, is_from_fanfare, campaign, "campaign.paused", "has paused by itself")
    assert told["pause_reason"] == "PERMISSION_DENIED"


def test_a_pause_on_request_is_told_to_nobody(subscriber: Subscriber, is_from_fanfare: Any) -> None:
    subscriber.company.add_devices(200)
    campaign = subscriber.send(rate_per_second=10)
    subscriber.company.client.act(campaign, "pause")
    subscriber.company.client.act(campaign, "cancel")
    subscriber.company.finish(campaign)
    assert_told(subscriber, is_from_fanfare, campaign, "campaign.cancelled", "was cancelled")


def test_a_receiver_that_failed_is_called_again_about_the_same_thing(
    subscriber: Subscriber, is_from_fanfare: Any
) -> None:
    subscriber.receiver.answers = [(503, {}, b"not now"), (204, {}, b"")]
    subscriber.company.add_devices(1)
    subscriber.company.finish(subscriber.send())
    (first, body), (second, body_again) = subscriber.call(), subscriber.call(1)
    assert (second["Fanfare-Delivery"], body_again) == (first["Fanfare-Delivery"], body)
    assert is_from_fanfare(subscriber.company.webhook_secret, second["Fanfare-Signature"], body)


def test_an_email_that_was_refused_for_good_is_listed_and_can_be_retried(
    subscriber: Subscriber, mails: MailServer
) -> None:
    client = subscriber.company.client
    mails.refused, mails.refusals = subscriber.mailbox, ["550 no such mailbox"]
    subscriber.company.add_devices(1)
    campaign = subscriber.company.send(notify_email=subscriber.mailbox)
    subscriber.company.finish(campaign)
    (letter,) = until(
        "the e-mail is given up", lambda: client.items("/v1/dead-letters", source="notification", retried=False), 120
    )
    assert "550 no such mailbox" in letter["reason"]
    client.post(f"/v1/dead-letters/{letter['id']}/retry")
    assert "is completed" in subscriber.mail()[0]
