"""The API key that `.run/env` shows: made once with the bootstrap key, kept while it works."""

import httpx

from fanfare_native.context import Context
from fanfare_native.errors import PartFailedError

SCOPES = ("read", "devices", "campaigns", "images", "admin")
_KEY = "api_key"


def ensure_api_key(context: Context, url: str) -> str | None:
    """A key with all scopes; None where the ledger has an administrator's key already, and ours is not known to it.

    Raises PartFailedError when the api does not answer as it should.
    """
    try:
        return _working_key(context, url)
    except httpx.HTTPError as error:
        raise PartFailedError("api", f"it gave no API key: {error}") from error


def _working_key(context: Context, url: str) -> str | None:
    with httpx.Client(base_url=url, timeout=15, trust_env=False) as client:
        known = context.credentials.find(_KEY)
        if known and client.get("/v1/api-keys", headers=_bearer(known)).status_code == httpx.codes.OK:
            return known
        bootstrap = context.given.get("FANFARE_BOOTSTRAP_API_KEY") or context.credentials.password("bootstrap")
        answer = client.post("/v1/api-keys", headers=_bearer(bootstrap), json={"name": "native", "scopes": SCOPES})
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            return None
        return context.credentials.keep(_KEY, str(answer.raise_for_status().json()["key"]))


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
