"""Access tokens: renewed in time without a pause, and errors told apart."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from fanfare_push_worker import credentials
from fanfare_push_worker.credentials import AccessTokens, ServiceAccount, service_account
from fanfare_shared.campaigns.rows import AppRow
from fanfare_shared.crypto import Cipher
from fanfare_shared.errors import CredentialsUnusableError, TokenEndpointUnavailableError
from fanfare_shared.ids import uuid7
from fanfare_shared.settings import FcmSettings
from fanfare_shared.testing.polling import wait_until
from fcm_simulator.process import RunningSimulator
from harness.push_worker import KEY, Worker, make_process


@pytest.fixture
def fcm_settings(simulator: RunningSimulator) -> FcmSettings:
    return FcmSettings(fcm_endpoint=simulator.url, fcm_ca_file=simulator.ca_file)


@pytest.fixture
def account(simulator: RunningSimulator) -> dict[str, Any]:
    return simulator.client.credentials()


def test_a_token_is_renewed_ahead_of_its_expiry_while_the_old_one_serves(
    simulator: RunningSimulator, account: dict[str, Any], fcm_settings: FcmSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "_RENEW_AHEAD_SHARE", 0.95)
    simulator.client.script(oauth={"expires_in": 60})
    tokens = AccessTokens(ServiceAccount(account, "demo", fcm_settings))
    first = tokens.wait(60)
    without = 0
    deadline = first.expires_at
    while (token := tokens.current()) is None or token.generation == first.generation:
        without += token is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert without == 0
    assert time.monotonic() < first.expires_at
    assert token.authorization != first.authorization


def test_an_endpoint_that_fails_is_unavailable_and_asked_again(
    simulator: RunningSimulator, account: dict[str, Any], fcm_settings: FcmSettings
) -> None:
    simulator.client.script(oauth={"outcomes": ["unavailable", "issue"]})
    tokens = AccessTokens(ServiceAccount(account, "demo", fcm_settings))
    with pytest.raises(TokenEndpointUnavailableError):
        tokens.wait(60)

    def has_token() -> bool:
        try:
            return tokens.current() is not None
        except TokenEndpointUnavailableError:
            return False

    wait_until(has_token, "a token")


def test_an_endpoint_that_refuses_makes_the_credentials_unusable(
    simulator: RunningSimulator, account: dict[str, Any], fcm_settings: FcmSettings
) -> None:
    simulator.client.script(oauth={"outcomes": ["invalid_grant"]})
    with pytest.raises(CredentialsUnusableError, match="invalid_grant"):
        AccessTokens(ServiceAccount(account, "demo", fcm_settings)).wait(60)


def test_after_a_renewed_token_was_refused_the_next_try_begins_with_a_new_one(
    account: dict[str, Any], fcm_settings: FcmSettings
) -> None:
    tokens = AccessTokens(ServiceAccount(account, "demo", fcm_settings))
    tokens.reject(tokens.wait(60).generation)
    renewed = tokens.wait(60)
    with pytest.raises(CredentialsUnusableError):
        tokens.reject(renewed.generation)
    resumed = tokens.wait(60)
    assert resumed.generation == renewed.generation + 1
    tokens.reject(resumed.generation)
    assert tokens.wait(60).generation == resumed.generation + 1


def test_an_endpoint_that_is_not_there_is_unavailable(account: dict[str, Any], fcm_settings: FcmSettings) -> None:
    with pytest.raises(TokenEndpointUnavailableError):
        ServiceAccount(account | {"token_uri": "https://localhost:1/token"}, "demo", fcm_settings).fetch()


def test_a_token_uri_elsewhere_is_not_trusted(account: dict[str, Any], fcm_settings: FcmSettings) -> None:
    with pytest.raises(CredentialsUnusableError, match="token_uri"):
        ServiceAccount(account | {"token_uri": "https://evil.example/token"}, "demo", fcm_settings)


def test_a_mounted_secret_is_read_from_its_folder_and_from_nowhere_else(
    tmp_path: Path, fcm_settings: FcmSettings
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "outside.json").write_text("{}")
    for name in ("../outside.json", "missing.json"):
        app = AppRow(uuid7(), "demo", None, name, 600_000, 0.0)
        with pytest.raises(CredentialsUnusableError):
            service_account(app, Cipher(KEY), fcm_settings, tmp_path / "secrets")


def test_a_mounted_secret_replaced_under_its_name_is_taken_up_and_the_last_good_one_kept(
    tmp_path: Path, account: dict[str, Any], worker_settings: dict[str, Any]
) -> None:
    file, new = tmp_path / "demo.json", tmp_path / "new.json"
    file.write_text(json.dumps(account | {"token_uri": "https://localhost:1/token"}))
    app = AppRow(uuid7(), "demo", None, file.name, 600_000, 0.0)
    process = make_process(worker_settings, credentials_dir=tmp_path)
    try:
        old = process.tokens(app)
        assert process.tokens(app) is old
        new.write_text(json.dumps(account))
        new.replace(file)
        replaced = process.tokens(app)
        assert replaced.wait(60).generation == 1
        file.write_text("{")
        assert process.tokens(app) is replaced
        file.unlink()
        assert process.tokens(app) is replaced
    finally:
        process.close()


def test_tokens_that_expire_during_a_campaign_stop_nothing(worker: Worker) -> None:
    worker.simulator.client.script(latency={"ms": 200}, oauth={"expires_in": 5})
    worker.campaign(3000)
    worker.send()
    assert worker.batch()["status"] == "closed"
    counts = worker.simulator.client.counts()
    assert (counts.received, counts.accepted_tokens) == (3000, 3000)
    assert counts.token_requests["issue"] >= 2
