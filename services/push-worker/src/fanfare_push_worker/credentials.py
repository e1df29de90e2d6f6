"""Access tokens of service accounts: fetched and renewed in a thread, ahead of expiry, while the sending goes on."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import requests
from firebase_admin import credentials as firebase_credentials
from google.auth import exceptions as google_errors
from google.auth.transport.requests import Request

from fanfare_shared.campaigns.rows import AppRow
from fanfare_shared.crypto import Cipher
from fanfare_shared.errors import (
    CredentialsUnusableError,
    FanfareError,
    InvalidCredentialsError,
    TokenEndpointUnavailableError,
    UntrustedTokenUriError,
)
from fanfare_shared.fcm.service_accounts import check_service_account, parse_service_account, read_mounted_secret
from fanfare_shared.settings import FcmSettings

_TIMEOUT_SECONDS = 10.0
_RENEW_AHEAD_SECONDS = 300.0
_RENEW_AHEAD_SHARE = 0.2
_RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An Authorization header, good until `expires_at` on the monotonic clock. `generation` counts an app's tokens."""

    authorization: str
    expires_at: float
    renew_at: float
    generation: int


class TokenSource(Protocol):
    """Asks the token endpoint once: the access token, and the seconds it lives."""

    def fetch(self) -> tuple[str, float]:
        """Raises TokenEndpointUnavailableError or CredentialsUnusableError."""


class ServiceAccount:
    """One service account's way to access tokens, through firebase-admin's credentials.

    Raises CredentialsUnusableError where it is none, another project's, or asks for tokens at an untrusted host.
    """

    def __init__(self, account: Any, project_id: str, settings: FcmSettings) -> None:
        try:
            checked = check_service_account(account, project_id, settings.trusted_token_hosts)
            self._credential = firebase_credentials.Certificate(checked).get_credential()
        except (InvalidCredentialsError, UntrustedTokenUriError) as error:
            raise CredentialsUnusableError(error.detail) from error
        except ValueError as error:
            raise CredentialsUnusableError("The credentials are not a service account's JSON") from error
        session = requests.Session()
        if settings.fcm_ca_file is not None:
            session.verify = str(settings.fcm_ca_file)
            session.trust_env = False  # an environment's REQUESTS_CA_BUNDLE would win over `verify`
        self._request = Request(session)

    def fetch(self) -> tuple[str, float]:
        try:
            self._credential.refresh(self._ask)
        except (google_errors.TransportError, requests.RequestException) as error:
            raise TokenEndpointUnavailableError(
                f"The token endpoint does not answer: {type(error).__name__}"
            ) from error
        except google_errors.RefreshError as error:
            if error.retryable:
                raise TokenEndpointUnavailableError("The token endpoint fails") from error
            raise CredentialsUnusableError(f"The token endpoint refuses the credentials: {error.args[0]}") from error
        expiry: datetime = self._credential.expiry.replace(tzinfo=UTC)  # google-auth's is naive
        return str(self._credential.token), (expiry - datetime.now(UTC)).total_seconds()

    def _ask(self, url: str, **arguments: Any) -> Any:
        """google-auth's transport, but bounded in time, and without google-auth's own retries of a 5xx."""
        response = self._request(url, timeout=_TIMEOUT_SECONDS, **arguments)
        if response.status >= 500:
            raise requests.ConnectionError(f"HTTP {response.status}")
        return response


def service_account(app: AppRow, cipher: Cipher, settings: FcmSettings, folder: Path | None) -> ServiceAccount:
    """The app's service account, from the ledger or its mounted file. Raises CredentialsUnusableError."""
    try:
        if app.credentials_encrypted is not None:
            account = parse_service_account(cipher.decrypt(app.credentials_encrypted))
        else:
            account = read_mounted_secret(folder, app.credentials_secret or "")
    except InvalidCredentialsError as error:
        raise CredentialsUnusableError(error.detail) from error
    return ServiceAccount(account, app.firebase_project_id, settings)


class AccessTokens:
    """One app's access token, always a good one at hand if the endpoint lets us.

    A thread fetches it; `current` never waits.
    """

    def __init__(self, source: TokenSource) -> None:
        self._source = source
        self._changed = threading.Condition()
        self._token: AccessToken | None = None
        self._error: FanfareError | None = None
        self._generation = 0
        self._fetching = False
        self._not_before = 0.0
        self._unproven: int | None = None

    def current(self) -> AccessToken | None:
        """The token, or None where there is no good one yet. Raises the last fetch's error where it left us without."""
        now = time.monotonic()
        with self._changed:
            token = self._token
            good = token is not None and now < token.expires_at
            if (token is None or now >= token.renew_at) and not self._fetching and now >= self._not_before:
                self._start()
            if good:
                return token
            if self._error is not None and not self._fetching:
                raise self._error
            return None

    def wait(self, seconds: float) -> AccessToken:
        """The token, waiting for it. Raises what the fetch raised, or TokenEndpointUnavailableError after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            token = self.current()
            if token is not None:
                return token
            with self._changed:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise TokenEndpointUnavailableError(f"No access token within {seconds:.0f} s")
                if self._fetching:
                    self._changed.wait(remaining)
                    if self._error is not None:
                        raise self._error  # before whoever asks next begins to fetch again

    def reject(self, generation: int) -> None:
        """FCM answered 401 to this generation: a new one is fetched, once.

        Raises CredentialsUnusableError where the rejected one was itself the answer to a 401 and never worked.
        """
        with self._changed:
            if self._token is None or generation != self._token.generation:
                return
            self._token = None
            self._not_before = 0.0
            if generation == self._unproven:
                self._unproven = None  # whoever resumes the campaign begins anew, with a new token
                raise CredentialsUnusableError("FCM refuses a freshly renewed access token")
            self._unproven = self._generation + 1

    def prove(self, generation: int) -> None:
        """FCM took this generation."""
        if self._unproven == generation:
            self._unproven = None

    def _start(self) -> None:
        self._fetching = True
        self._error = None
        threading.Thread(target=self._fetch, name="access-token", daemon=True).start()

    def _fetch(self) -> None:
        token: AccessToken | None = None
        error: FanfareError | None = None
        try:
            value, lives = self._source.fetch()
            now = time.monotonic()
            ahead = min(_RENEW_AHEAD_SECONDS, lives * _RENEW_AHEAD_SHARE)
            token = AccessToken(f"Bearer {value}", now + lives, now + lives - ahead, self._generation + 1)
        except FanfareError as caught:
            error = caught
        with self._changed:
            self._fetching = False
            if token is not None:
                self._token, self._generation = token, token.generation
            else:
                self._error = error
                self._not_before = time.monotonic() + _RETRY_SECONDS
            self._changed.notify_all()
