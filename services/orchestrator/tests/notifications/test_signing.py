"""The check that docs/webhooks.md gives to receivers, against the signatures we make."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from fanfare_orchestrator.notifications.signing import sign

OPENSSL = "35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91"  # pragma: allowlist secret
SECRET, BODY = "whsec_of-the-tests", '{"title": "Läuft"}'.encode()

Check = Callable[..., bool]


@pytest.fixture
def is_from_fanfare(pytestconfig: pytest.Config) -> Check:
    page = (pytestconfig.rootpath / "docs" / "webhooks.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own page
    check: Check = names["is_from_fanfare"]
    return check


def test_the_documented_check_accepts_what_we_sign(is_from_fanfare: Check) -> None:
    assert is_from_fanfare(SECRET, sign(SECRET, BODY, int(time.time())), BODY)


def test_the_documented_check_refuses_another_body_secret_and_time(is_from_fanfare: Check) -> None:
    now = int(time.time())
    signature = sign(SECRET, BODY, now)
    assert not is_from_fanfare(SECRET, signature, BODY + b" ")
    assert not is_from_fanfare("whsec_of-another", signature, BODY)
    assert not is_from_fanfare(SECRET, sign(SECRET, BODY, now - 301), BODY)
    assert not is_from_fanfare(SECRET, signature.replace(str(now), str(now + 1)), BODY)
    for nonsense in ("", "t=,v1=", "v1=" + "0" * 64, "t=x,v1=y", "hello"):
        assert not is_from_fanfare(SECRET, nonsense, BODY)


def test_a_signature_is_the_documented_hmac() -> None:
    # By another implementation: printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_test
    assert sign("whsec_test", b"{}", 1_700_000_000) == f"t=1700000000,v1={OPENSSL}"
