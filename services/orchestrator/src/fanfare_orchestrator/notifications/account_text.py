"""A campaign's account in words, for an e-mail."""

from collections.abc import Mapping
from typing import Any

from fanfare_shared.campaigns.notifications import CampaignEvent

_HAPPENED = {
    CampaignEvent.COMPLETED: "is completed",
    CampaignEvent.CANCELLED: "was cancelled",
    CampaignEvent.FAILED: "has failed",
    CampaignEvent.PAUSED: "has paused by itself and waits for you",
}
_COUNTS = {
    "total_recipients": "Recipients",
    "accepted": "Accepted by FCM",
    "invalid_token": "Invalid token",
    "failed": "Failed",
    "expired": "Expired before it was sent",
    "cancelled": "Cancelled before it was sent",
    "unknown": "Unknown (sent, answer lost)",
}
_FACTS = {
    "pause_reason": "Reason",
    "error_code": "Error",
    "error_message": "Details",
    "started_at": "Started",
    "completed_at": "Ended",
    "campaign_id": "Campaign",
    "app_id": "App",
}


def subject(account: Mapping[str, Any]) -> str:
    """One line, whatever the title holds."""
    return f"Campaign “{_one_line(account['title'])}” {_happened(account)}"


def account_text(account: Mapping[str, Any]) -> str:
    """`account` is the notification's payload."""
    lines = [f"The campaign “{_one_line(account['title'])}” {_happened(account)}."]
    if account["dry_run"]:
        lines.append("It was a dry run: FCM checked each message and delivered none.")
    lines.append("")
    lines += [f"{label + ':':<30}{account[name]:>12,}" for name, label in _COUNTS.items()]
    if account["errors"]:
        lines += ["", "Errors, by code:"]
        worst_first = sorted(account["errors"].items(), key=lambda item: (-item[1], item[0]))
        lines += [f"  {code + ':':<28}{count:>12,}" for code, count in worst_first]
    lines.append("")
    lines += [f"{label + ':':<12}{_one_line(account[name])}" for name, label in _FACTS.items() if account[name]]
    return "\n".join(lines) + "\n"


def _happened(account: Mapping[str, Any]) -> str:
    return _HAPPENED[CampaignEvent(account["event"])]


def _one_line(text: str) -> str:
    """Line breaks and control characters would end a header, or pretend to be another line of the account."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
