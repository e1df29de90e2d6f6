"""A webhook's signature: proof to the receiver that the body is ours, and when it was sent."""

import hashlib
import hmac

SIGNATURE_HEADER = "Fanfare-Signature"
EVENT_HEADER = "Fanfare-Event"
DELIVERY_HEADER = "Fanfare-Delivery"


def sign(secret: str, body: bytes, timestamp: int) -> str:
    """The header's value, `t=<unix seconds>,v1=<hex>`: HMAC-SHA256 over `<t>.<body>`, so that a copy cannot be redated."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"
