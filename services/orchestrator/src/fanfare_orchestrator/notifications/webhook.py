"""Sending a webhook: one signed POST. Any 2xx is a delivery, everything else a failed attempt."""

import json
import ssl
import time
from functools import cached_property

import httpx

from fanfare_orchestrator.notifications.claims import ClaimedNotification
from fanfare_orchestrator.notifications.errors import DeliveryFailedError, UndeliverableError
from fanfare_orchestrator.notifications.settings import NotificationSettings
from fanfare_orchestrator.notifications.signing import DELIVERY_HEADER, EVENT_HEADER, SIGNATURE_HEADER, sign
from fanfare_orchestrator.notifications.transport import CheckedTransport
from fanfare_shared.crypto import Cipher
from fanfare_shared.webhooks import AllowList

# What of a failed answer's body is kept, to tell its receiver why.
_EXCERPT_BYTES = 200
_PORTS = {"https": 443, "http": 80}


class WebhookSender:
    """Made in the child process. The signing secret is the app's."""

    def __init__(self, settings: NotificationSettings, cipher: Cipher) -> None:
        self._settings = settings
        self._allow = AllowList.parse(settings.webhook_allow)
        self._cipher = cipher

    def send(self, notification: ClaimedNotification) -> None:
        """Raises DeliveryFailedError, UndeliverableError, and CredentialsUnusableError where the secret cannot be read."""
        url = self._checked_url(notification.target)
        body = json.dumps(notification.payload, separators=(",", ":")).encode()
        if notification.webhook_secret_encrypted is None:
            raise UndeliverableError("There is no secret to sign the webhook with: its app or job is gone")
        secret = self._cipher.decrypt(notification.webhook_secret_encrypted)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Fanfare",
            EVENT_HEADER: notification.event,
            DELIVERY_HEADER: str(notification.id),
            SIGNATURE_HEADER: sign(secret, body, int(time.time())),
        }
        seconds = self._settings.webhook_timeout_seconds
        transport = CheckedTransport(self._allow, self._tls, seconds)
        try:
            with (
                httpx.Client(transport=transport, timeout=seconds, follow_redirects=False, trust_env=False) as client,
                client.stream("POST", url, content=body, headers=headers) as response,
            ):
                if not response.is_success:
                    raise DeliveryFailedError(f"HTTP {response.status_code} {_excerpt(response)}".rstrip())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DeliveryFailedError(str(error)) from error

    def _checked_url(self, target: str) -> httpx.URL:
        try:
            url = httpx.URL(target)
        except httpx.InvalidURL as error:
            raise UndeliverableError(f"The webhook's address is not one: {error}") from error
        port = url.port or _PORTS.get(url.scheme)
        if port is None or not url.host:
            raise UndeliverableError("The webhook's address must begin with https://")
        if url.scheme == "http" and not self._allow.names(url.host, port):
            raise UndeliverableError("Webhooks are sent by https:// only; FANFARE_WEBHOOK_ALLOW can name an exception")
        return url

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = httpx.create_ssl_context()
        if self._settings.webhook_ca_file is not None:
            context.load_verify_locations(self._settings.webhook_ca_file)
        return context


def _excerpt(response: httpx.Response) -> str:
    """The body's beginning; the rest is never read."""
    found = b""
    for part in response.iter_raw(_EXCERPT_BYTES):
        found += part
        if len(found) >= _EXCERPT_BYTES:
            break
    return " ".join(found[:_EXCERPT_BYTES].decode(errors="replace").split())
