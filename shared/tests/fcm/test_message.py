"""The encoder, held to firebase-admin's, which is the oracle of what FCM is sent."""

import json
from typing import Any

import pytest
from firebase_admin import _messaging_encoder, messaging
from hypothesis import given
from hypothesis import strategies as st

from fanfare_shared.contracts.words import Priority
from fanfare_shared.fcm.message import PushMessage, encode, payload_bytes

# firebase-admin has no types of its own.
fcm: Any = messaging
oracle: Any = _messaging_encoder
NOW = 1_790_000_000.7

texts = st.text(min_size=1, max_size=60)
messages = st.builds(
    PushMessage,
    title=texts,
    body=texts,
    collapse_id=texts,
    priority=st.sampled_from(Priority),
    ttl_seconds=st.integers(0, 2_419_200),
    data=st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=4),
    image_url=st.none() | st.just("https://images.example/é?a=1&b=2"),
    collapse_key=st.none() | texts,
)


def firebase_body(message: PushMessage, *, validate_only: bool, **target: str) -> bytes:
    """The request's body as firebase-admin hands it to `requests`, which calls `json.dumps` on it."""
    high = message.priority == Priority.HIGH
    expiration = str(int(NOW) + message.ttl_seconds) if message.ttl_seconds else "0"
    aps = fcm.APNSPayload(fcm.Aps(mutable_content=True)) if message.image_url else None
    body: dict[str, Any] = {
        "message": oracle.MessageEncoder().default(
            fcm.Message(
                data=dict(message.data),
                notification=fcm.Notification(message.title, message.body, message.image_url),
                android=fcm.AndroidConfig(
                    collapse_key=message.collapse_key,
                    priority="high" if high else "normal",
                    ttl=message.ttl_seconds,
                    notification=fcm.AndroidNotification(tag=message.collapse_id),
                ),
                apns=fcm.APNSConfig(
                    headers={
                        "apns-priority": "10" if high else "5",
                        "apns-collapse-id": message.collapse_id,
                        "apns-expiration": expiration,
                    },
                    payload=aps,
                ),
                webpush=fcm.WebpushConfig(
                    headers={"TTL": str(message.ttl_seconds), "Urgency": "high" if high else "normal"},
                    notification=fcm.WebpushNotification(tag=message.collapse_id),
                ),
                **target,
            )
        )
    }
    if validate_only:
        body["validate_only"] = True
    return json.dumps(body, allow_nan=False).encode()


@pytest.mark.filterwarnings("ignore:Message.token is deprecated")
@given(message=messages, token=texts, validate_only=st.booleans())
def test_body_is_byte_for_byte_what_firebase_admin_sends(message: PushMessage, token: str, validate_only: bool) -> None:
    encoded = encode(message, NOW, validate_only=validate_only).to(token)
    assert encoded == firebase_body(message, validate_only=validate_only, token=token)


@given(message=messages)
def test_body_to_a_topic_is_what_firebase_admin_sends(message: PushMessage) -> None:
    encoded = encode(message, NOW, validate_only=True, target="topic").to("fanfare-check")
    assert encoded == firebase_body(message, validate_only=True, topic="fanfare-check")


@given(message=messages)
def test_payload_is_at_least_the_keys_and_values_that_fcm_counts(message: PushMessage) -> None:
    body = json.loads(encode(message, NOW).to("token"))["message"]
    parts = [body["notification"], body.get("data", {})]
    counted = sum(len(key.encode()) + len(value.encode()) for part in parts for key, value in part.items())
    assert payload_bytes(message) >= counted


def test_payload_counts_utf8_bytes_and_not_characters() -> None:
    ascii_message = PushMessage("t", "a" * 100, "c", Priority.NORMAL, 60)
    accented = PushMessage("t", "é" * 100, "c", Priority.NORMAL, 60)
    assert payload_bytes(accented) - payload_bytes(ascii_message) == 100
