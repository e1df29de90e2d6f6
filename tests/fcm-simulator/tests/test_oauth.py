"""The token endpoint, and what an access token is good for."""

import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from fcm_simulator.client import SimulatorClient

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
MESSAGE = {"message": {"token": "device-1"}}


def ask(http: httpx.Client, account: dict[str, str], key: Any = None, **claims: Any) -> httpx.Response:
    now = int(time.time())
    assertion = jwt.encode(
        {
            "iss": account["client_email"],
            "aud": account["token_uri"],
            "iat": now,
            "exp": now + 3600,
            "scope": SCOPE,
            **claims,
        },
        key or account["private_key"],
        algorithm="RS256",
    )
    return http.post("/token", data={"grant_type": GRANT_TYPE, "assertion": assertion})


def send_with(http: httpx.Client, access_token: str, project: str = "demo") -> httpx.Response:
    headers = {"authorization": f"Bearer {access_token}"}
    return http.post(f"/v1/projects/{project}/messages:send", json=MESSAGE, headers=headers)


def test_an_assertion_signed_by_the_service_account_gets_an_access_token(
    http: httpx.Client, control: SimulatorClient
) -> None:
    control.script(oauth={"expires_in": 120})

    answer = ask(http, control.credentials()).json()

    assert answer["expires_in"] == 120
    assert answer["token_type"] == "Bearer"
    assert send_with(http, answer["access_token"]).status_code == 200


def test_an_assertion_signed_by_another_key_is_refused(http: httpx.Client, control: SimulatorClient) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    answer = ask(http, control.credentials(), key=stranger)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"exp": 1_700_000_000}, "invalid_grant"),
        ({"iss": "fcm-simulator@never-issued.iam.gserviceaccount.com"}, "invalid_grant"),
        ({"aud": "https://localhost/elsewhere"}, "invalid_grant"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "invalid_scope"),
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(
    http: httpx.Client, control: SimulatorClient, claims: dict[str, Any], error: str
) -> None:
    answer = ask(http, control.credentials(), **claims)

    assert answer.status_code == 400
    assert answer.json()["error"] == error


def test_another_grant_type_is_refused(http: httpx.Client, control: SimulatorClient) -> None:
    answer = http.post("/token", data={"grant_type": "client_credentials"})

    assert answer.status_code == 400
    assert answer.json()["error"] == "unsupported_grant_type"


def test_an_expired_access_token_gets_401(http: httpx.Client, control: SimulatorClient) -> None:
    answer = send_with(http, control.access_token(expires_in=0))

    assert answer.status_code == 401
    assert answer.json()["error"]["status"] == "UNAUTHENTICATED"
    assert control.counts().received == 1


def test_a_missing_and_an_unknown_access_token_get_401(http: httpx.Client, control: SimulatorClient) -> None:
    assert http.post("/v1/projects/demo/messages:send", json=MESSAGE).status_code == 401
    assert send_with(http, "unknown").status_code == 401


def test_revoked_access_tokens_get_401(http: httpx.Client, control: SimulatorClient) -> None:
    access_token = control.access_token()
    control.revoke_access_tokens()

    assert send_with(http, access_token).status_code == 401


def test_an_access_token_of_another_project_gets_403(http: httpx.Client, control: SimulatorClient) -> None:
    answer = send_with(http, control.access_token("other"), project="demo")

    assert answer.status_code == 403
    assert answer.json()["error"]["status"] == "PERMISSION_DENIED"


def test_access_tokens_can_be_made_optional(http: httpx.Client, control: SimulatorClient) -> None:
    control.script(oauth={"required": False})

    assert http.post("/v1/projects/demo/messages:send", json=MESSAGE).status_code == 200


def test_the_token_endpoint_fails_as_scripted_and_then_recovers(http: httpx.Client, control: SimulatorClient) -> None:
    control.script(oauth={"outcomes": ["internal", "unavailable", "invalid_grant", "issue"]})
    account = control.credentials()

    statuses = [ask(http, account).status_code for _ in range(5)]

    assert statuses == [500, 503, 400, 200, 200]
    assert control.counts().token_requests == {"internal": 1, "unavailable": 1, "invalid_grant": 1, "issue": 2}


def test_the_token_endpoint_can_hang(http: httpx.Client, control: SimulatorClient) -> None:
    control.script(oauth={"outcomes": ["time_out"]})

    with pytest.raises(httpx.ReadTimeout):
        http.post("/token", data={}, timeout=httpx.Timeout(60, read=0.5))


def test_credentials_are_the_same_key_each_time_and_another_for_each_project(control: SimulatorClient) -> None:
    first, again, other = control.credentials("demo"), control.credentials("demo"), control.credentials("other")

    assert first == again
    assert first["private_key"] != other["private_key"]
    assert first["type"] == "service_account"


def test_an_impossible_project_id_is_refused(control: SimulatorClient) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="no project id"):
        control.credentials("../escape")
