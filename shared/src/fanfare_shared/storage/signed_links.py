"""Links that we sign: a request to the api that needs no key, for this method and path only, until it expires.

The query holds `expires` (Unix seconds), `key` (which of the keys signed), `signature` (HMAC-SHA256, hex) and whatever
parameters were signed with them; a parameter more or less, or another value, makes the link invalid.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlencode

from fanfare_shared.errors import LinkExpiredError, LinkInvalidError
from fanfare_shared.settings import LinkSettings
from fanfare_shared.storage.port import Link

# A link signed under another set of rules must not verify under these.
_SCHEME = "fanfare-link-v1"
_OURS = ("expires", "key", "signature")


class SignedLinks:
    """Signs with the first of `FANFARE_SIGNING_KEYS` and verifies with any, so that keys can rotate."""

    def __init__(self, settings: LinkSettings) -> None:
        secrets = [key.strip().encode() for key in settings.signing_keys.get_secret_value().split(",")]
        self._keys = {_key_id(secret): secret for secret in secrets}
        self._signing_key = _key_id(secrets[0])
        self._base = settings.public_url or ""

    def link(
        self,
        method: str,
        path: str,
        seconds: int,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Link:
        """A link to an absolute, unquoted path of the api, for so many seconds from now.

        It begins with `FANFARE_PUBLIC_URL`; without that setting it is relative. `headers` are told to the client,
        not signed: what must hold is a parameter, and the api compares.
        """
        expires_at = int(time.time()) + seconds
        query = self.sign(method, path, expires_at, params)
        return Link(
            method=method,
            url=f"{self._base}{quote(path)}?{query}",
            headers=dict(headers or {}),
            expires_at=datetime.fromtimestamp(expires_at, UTC),
        )

    def sign(self, method: str, path: str, expires_at: int, params: Mapping[str, str] | None = None) -> str:
        """The query, quoted, for a path as the api sees it: absolute, unquoted, without the public address.

        Raises ValueError for a parameter named as one of the signature's own.
        """
        signed = sorted((params or {}).items())
        if any(name in _OURS for name, _ in signed):
            raise ValueError(f"A signed link's parameters cannot be named {', '.join(_OURS)}")
        key = self._signing_key
        signature = self._signature(key, method, path, str(expires_at), signed)
        return urlencode([*signed, ("expires", str(expires_at)), ("key", key), ("signature", signature)])

    def verify(self, method: str, path: str, query: str) -> dict[str, str]:
        """The parameters that were signed. `path` is unquoted, `query` is raw; a link for GET is good for HEAD.

        Raises LinkInvalidError where we did not sign this request so, LinkExpiredError where we did and its time is up.
        """
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict")
        except ValueError as error:  # a UnicodeDecodeError too
            raise LinkInvalidError from error
        params = dict(pairs)
        if len(params) != len(pairs) or not all(name in params for name in _OURS):
            raise LinkInvalidError
        expires, key, signature = (params.pop(name) for name in _OURS)
        if key not in self._keys:
            raise LinkInvalidError
        expected = self._signature(key, method, path, expires, sorted(params.items()))
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise LinkInvalidError
        if int(expires) <= time.time():
            raise LinkExpiredError
        return params

    def _signature(self, key: str, method: str, path: str, expires: str, params: list[tuple[str, str]]) -> str:
        # Quoted, none of the parts can hold the separator, so no two requests have the same text.
        method = "GET" if method == "HEAD" else method
        text = "\n".join((_SCHEME, method, quote(path), expires, urlencode(params)))
        return hmac.digest(self._keys[key], text.encode(), hashlib.sha256).hex()


def _key_id(secret: bytes) -> str:
    """Names a key without saying it."""
    return hmac.digest(secret, b"fanfare-link-key-id", hashlib.sha256).hex()[:8]
