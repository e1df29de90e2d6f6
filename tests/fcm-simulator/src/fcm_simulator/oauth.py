"""The OAuth token endpoint (RFC 7523: a JWT assertion as grant) and the access tokens it issues."""

import secrets
import time
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from fcm_simulator.answers import Answer, error, json_answer
from fcm_simulator.script import OAuth, TokenOutcomeName
from fcm_simulator.service_accounts import ServiceAccounts, project_of

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_PATH = "/token"
_SCOPES = {"https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"}


class AccessTokens:
    """The access tokens in circulation, by the Authorization header that carries them."""

    def __init__(self) -> None:
        self._grants: dict[str, tuple[str, float]] = {}

    def issue(self, project: str, expires_in: float) -> str:
        """Returns a new access token for a project, good for `expires_in` seconds."""
        token = f"ya29.{secrets.token_urlsafe(48)}"
        self._grants[f"Bearer {token}"] = (project, time.time() + expires_in)
        return token

    def revoke_all(self) -> None:
        self._grants.clear()

    def project(self, authorization: str | None, now: float) -> str | None:
        """The project of a header's access token, None when it is missing, unknown or expired."""
        grant = self._grants.get(authorization or "")
        return grant[0] if grant and grant[1] > now else None


class TokenEndpoint:
    """Answers `POST /token`. None as answer means: never answer."""

    def __init__(self, accounts: ServiceAccounts, tokens: AccessTokens) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._script = OAuth()
        self._used = 0
        self.outcomes: Counter[str] = Counter()

    def apply(self, script: OAuth) -> None:
        self._script = script
        self._used = 0

    def answer(self, body: bytes) -> Answer | None:
        outcome = self._script.outcomes[min(self._used, len(self._script.outcomes) - 1)]
        self._used += 1
        self.outcomes[outcome] += 1
        match outcome:
            case TokenOutcomeName.TIME_OUT:
                return None
            case TokenOutcomeName.INTERNAL:
                return json_answer(500, {"error": "internal_failure"})
            case TokenOutcomeName.UNAVAILABLE:
                return error(503, "UNAVAILABLE", "The service is currently unavailable.")
            case TokenOutcomeName.INVALID_GRANT:
                return _refused("invalid_grant", "Invalid JWT Signature.")
            case TokenOutcomeName.ISSUE:
                return self._issue(body)

    def _issue(self, body: bytes) -> Answer:
        form = parse_qs(body.decode(errors="replace"))
        if form.get("grant_type") != [GRANT_TYPE]:
            return _refused("unsupported_grant_type", f"Invalid grant_type: use {GRANT_TYPE}")
        assertion = form.get("assertion", [""])[0]
        try:
            claims = self._claims(assertion)
        except jwt.InvalidTokenError as reason:
            return _refused("invalid_grant", f"Invalid JWT: {reason}")
        if not _SCOPES & set(str(claims.get("scope", "")).split()):
            return _refused("invalid_scope", f"The assertion's scope names none of {sorted(_SCOPES)}")
        token = self._tokens.issue(project_of(claims["iss"]), self._script.expires_in)
        return json_answer(200, {"access_token": token, "expires_in": self._script.expires_in, "token_type": "Bearer"})

    def _claims(self, assertion: str) -> dict[str, Any]:
        issuer = str(jwt.decode(assertion, options={"verify_signature": False}).get("iss", ""))
        key = self._accounts.public_key(issuer)
        if key is None:
            raise jwt.InvalidIssuerError("no such service account")
        claims: dict[str, Any] = jwt.decode(
            assertion,
            key,
            algorithms=["RS256"],
            options={"require": ["iss", "aud", "exp", "iat"], "verify_aud": False},
            leeway=60,
        )
        if urlsplit(str(claims["aud"])).path != TOKEN_PATH:
            raise jwt.InvalidAudienceError("the audience must be the token endpoint")
        return claims


def _refused(code: str, description: str) -> Answer:
    return json_answer(400, {"error": code, "error_description": description})
