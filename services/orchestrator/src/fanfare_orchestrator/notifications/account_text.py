"""A bulk job's account in words, for an e-mail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fanfare_shared.bulk.notifications import JobEvent
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.images.kind import IMAGE_JOBS

_HAPPENED = {
    JobEvent.COMPLETED: "is completed",
    JobEvent.CANCELLED: "was cancelled",
    JobEvent.FAILED: "has failed",
    JobEvent.PAUSED: "has paused by itself and waits for you",
}


@dataclass(frozen=True)
class _Words:
    """How one kind of job is spoken of. `title`: the field it is known by; `counts` and `facts`: a field and its label."""

    noun: str
    title: str
    counts: Mapping[str, str]
    facts: Mapping[str, str]


_FACTS = {
    "pause_reason": "Reason",
    "error_code": "Error",
    "error_message": "Details",
    "started_at": "Started",
    "completed_at": "Ended",
}
_WORDS = {
    CAMPAIGNS.name: _Words(
        noun="campaign",
        title="title",
        counts={
            "total_recipients": "Recipients",
            "accepted": "Accepted by FCM",
            "invalid_token": "Invalid token",
            "failed": "Failed",
            "expired": "Expired before it was sent",
            "cancelled": "Cancelled before it was sent",
            "unknown": "Unknown (sent, answer lost)",
        },
        facts=_FACTS | {"campaign_id": "Campaign", "app_id": "App"},
    ),
    IMAGE_JOBS.name: _Words(
        noun="image job",
        title="operation",
        counts={
            "total": "Images",
            "succeeded": "Succeeded",
            "failed": "Failed",
            "cancelled": "Cancelled before its turn",
        },
        facts=_FACTS | {"job_id": "Image job"},
    ),
}


def subject(account: Mapping[str, Any]) -> str:
    """One line, whatever the title holds. `account` is the notification's payload."""
    words, happened = _spoken(account)
    return f"{words.noun.capitalize()} “{_one_line(account[words.title])}” {happened}"


def account_text(account: Mapping[str, Any]) -> str:
    words, happened = _spoken(account)
    lines = [f"The {words.noun} “{_one_line(account[words.title])}” {happened}."]
    if account.get("dry_run"):
        lines.append("It was a dry run: FCM checked each message and delivered none.")
    lines.append("")
    lines += [f"{label + ':':<30}{account[name]:>12,}" for name, label in words.counts.items()]
    if account["errors"]:
        lines += ["", "Errors, by code:"]
        worst_first = sorted(account["errors"].items(), key=lambda item: (-item[1], item[0]))
        lines += [f"  {code + ':':<28}{count:>12,}" for code, count in worst_first]
    lines.append("")
    lines += [f"{label + ':':<12}{_one_line(account[name])}" for name, label in words.facts.items() if account[name]]
    return "\n".join(lines) + "\n"


def _spoken(account: Mapping[str, Any]) -> tuple[_Words, str]:
    kind, _, event = account["event"].partition(".")
    return _WORDS[kind], _HAPPENED[JobEvent(event)]


def _one_line(text: str) -> str:
    """Line breaks and control characters would end a header, or pretend to be another line of the account."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
