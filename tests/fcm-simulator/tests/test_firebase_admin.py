"""The real firebase-admin against the simulator: OAuth flow, sending, and its mapping of every error."""

from collections.abc import Iterator

import firebase_admin
import pytest
from firebase_admin import exceptions, messaging

from fcm_simulator.client import SimulatorClient
from fcm_simulator.process import RunningSimulator


@pytest.fixture
def app(simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[firebase_admin.App]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(simulator.ca_file))
    certificate = firebase_admin.credentials.Certificate(simulator.client.credentials("demo"))
    app = firebase_admin.initialize_app(certificate, name="simulated")
    service = messaging._get_messaging_service(app)
    service._fcm_url = f"{simulator.url}/v1/projects/demo/messages:send"
    yield app
    firebase_admin.delete_app(app)


def test_a_message_is_sent_with_a_token_from_the_service_account_flow(
    app: firebase_admin.App, control: SimulatorClient
) -> None:
    message = messaging.Message(token="device-1", notification=messaging.Notification(title="Hello"))

    message_id = messaging.send(message, app=app)

    assert message_id.startswith("projects/demo/messages/")
    assert control.token("device-1").accepted == 1
    assert control.counts().token_requests == {"issue": 1}


def test_every_field_that_firebase_admin_encodes_is_valid(app: firebase_admin.App, control: SimulatorClient) -> None:
    message = messaging.Message(
        token="device-1",
        data={"key": "value"},
        notification=messaging.Notification(title="Hello", body="there", image="https://example.com/a.png"),
        android=messaging.AndroidConfig(
            collapse_key="a",
            priority="high",
            ttl=60,
            notification=messaging.AndroidNotification(
                tag="a",
                color="#112233",
                priority="high",
                visibility="public",
                vibrate_timings_millis=[100, 200],
                light_settings=messaging.LightSettings("#112233", 100, 200),
                notification_count=1,
                title_loc_key="a",
                title_loc_args=["a"],
                proxy="allow",
            ),
        ),
        apns=messaging.APNSConfig(
            headers={"apns-collapse-id": "a"},
            payload=messaging.APNSPayload(messaging.Aps(alert=messaging.ApsAlert(title="Hello"), badge=1)),
            fcm_options=messaging.APNSFCMOptions(analytics_label="a"),
        ),
        webpush=messaging.WebpushConfig(
            headers={"ttl": "60"}, notification=messaging.WebpushNotification(title="Hello", vibrate=[1])
        ),
        fcm_options=messaging.FCMOptions(analytics_label="a"),
    )

    messaging.send(message, app=app)

    assert control.counts().accepted == 1


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("unregistered", messaging.UnregisteredError),
        ("sender_id_mismatch", messaging.SenderIdMismatchError),
        ("quota_exceeded", messaging.QuotaExceededError),
        ("third_party_auth_error", messaging.ThirdPartyAuthError),
        ("invalid_token", exceptions.InvalidArgumentError),
        ("invalid_token_field", exceptions.InvalidArgumentError),
        ("deadline_exceeded", exceptions.FirebaseError),
        ("bad_gateway", exceptions.FirebaseError),
        ("permission_denied", exceptions.PermissionDeniedError),
        ("not_found", exceptions.NotFoundError),
    ],
)
def test_an_error_is_mapped_to_its_exception(
    app: firebase_admin.App, control: SimulatorClient, outcome: str, expected: type[Exception]
) -> None:
    control.script(tokens={"device-1": [outcome]})

    with pytest.raises(expected):
        messaging.send(messaging.Message(token="device-1"), app=app)

    assert control.counts().accepted == 0


def test_its_transport_repeats_a_503_by_itself(app: firebase_admin.App, control: SimulatorClient) -> None:
    control.script(tokens={"device-1": ["unavailable", "accept"]})

    messaging.send(messaging.Message(token="device-1"), app=app)

    assert control.token("device-1").received == 2
    assert control.token("device-1").accepted == 1


def test_a_dry_run_is_no_delivery(app: firebase_admin.App, control: SimulatorClient) -> None:
    message_id = messaging.send(messaging.Message(topic="news"), app=app, dry_run=True)

    assert message_id == "projects/demo/messages/fake_message_id"
    assert control.counts().validated == 1
    assert control.counts().accepted == 0
