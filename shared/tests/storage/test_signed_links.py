"""Links that we sign: what makes one invalid, when it is expired, and how keys rotate."""

import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from fanfare_shared.errors import LinkExpiredError, LinkInvalidError
from fanfare_shared.settings import LinkSettings
from fanfare_shared.storage.signed_links import SignedLinks

OLD, NEW, OTHER = "o" * 32, "n" * 32, "x" * 32
PATH = "/v1/images/한글 1/original"
# Far enough from now, in either direction, that no test is too slow for it.
LATER, BEFORE = int(time.time()) + 86_400, int(time.time()) - 1


def links(*keys: str, public_url: str | None = None) -> SignedLinks:
    return SignedLinks(LinkSettings(signing_keys=SecretStr(",".join(keys)), public_url=public_url))


def test_a_link_verifies_for_its_method_and_path_and_gives_its_parameters() -> None:
    params = {"filename": "사진 &=?.jpg", "empty": "", "size": "5"}
    query = links(NEW).sign("PUT", PATH, LATER, params)
    assert links(NEW).verify("PUT", PATH, query) == params


def test_a_link_to_get_is_good_for_head_and_for_nothing_else() -> None:
    query = links(NEW).sign("GET", PATH, LATER)
    assert links(NEW).verify("HEAD", PATH, query) == links(NEW).verify("GET", PATH, query) == {}
    for method in ("PUT", "POST", "DELETE", "get"):
        with pytest.raises(LinkInvalidError):
            links(NEW).verify(method, PATH, query)


@pytest.mark.parametrize(
    "path", ["/v1/images/1/original", PATH + "/", PATH + "\n", PATH.replace(" ", "%20"), PATH.upper(), ""]
)
def test_a_link_is_invalid_for_another_path(path: str) -> None:
    with pytest.raises(LinkInvalidError):
        links(NEW).verify("GET", path, links(NEW).sign("GET", PATH, LATER))


def test_a_link_that_was_changed_is_invalid() -> None:
    query = links(NEW).sign("GET", PATH, LATER, {"size": "5"})
    links(NEW).verify("GET", PATH, query)
    signature = parse_qs(query)["signature"][0]
    key = parse_qs(query)["key"][0]
    for changed in (
        query.replace("size=5", "size=6"),
        query.replace("size=5&", ""),
        query + "&more=1",
        query + "&size=5",
        query + "&expires=9999999999",
        query.replace(f"expires={LATER}", f"expires={LATER + 1}"),
        query.replace(f"expires={LATER}", "expires=never"),
        query.replace(f"expires={LATER}", f"expires=+{LATER}"),
        query.replace(signature, "0" * 64),
        query.replace(signature, signature.upper()),
        query.replace(signature, signature[:-1]),
        query.replace(signature, "%ED%95%9C"),
        query.replace(signature, ""),
        query.replace(key, "00000000"),
        query.replace("key=", "kee="),
        query + "&%FF=%FF",
        "signature",
        "",
    ):
        assert changed != query
        with pytest.raises(LinkInvalidError):
            links(NEW).verify("GET", PATH, changed)


def test_a_link_expires_at_its_time() -> None:
    query = links(NEW).sign("GET", PATH, BEFORE)
    with pytest.raises(LinkExpiredError):
        links(NEW).verify("GET", PATH, query)


def test_a_link_that_is_expired_and_changed_is_invalid() -> None:
    query = links(NEW).sign("GET", PATH, BEFORE, {"size": "5"})
    with pytest.raises(LinkInvalidError):
        links(NEW).verify("GET", PATH, query.replace("size=5", "size=6"))


def test_invalid_and_expired_are_told_apart() -> None:
    assert (LinkInvalidError.status, LinkInvalidError.code) == (403, "LINK_INVALID")
    assert (LinkExpiredError.status, LinkExpiredError.code) == (403, "LINK_EXPIRED")


def test_keys_rotate_the_first_signs_and_all_verify() -> None:
    query = links(OLD).sign("GET", PATH, LATER)
    assert links(NEW, OLD).verify("GET", PATH, query) == {}
    assert links(OLD, NEW).sign("GET", PATH, LATER) == query
    assert links(NEW, OLD).sign("GET", PATH, LATER) == links(NEW).sign("GET", PATH, LATER) != query
    with pytest.raises(LinkInvalidError):
        links(NEW, OTHER).verify("GET", PATH, query)


def test_a_link_does_not_say_its_key() -> None:
    assert NEW[:4] not in links(NEW).sign("GET", PATH, LATER)


@pytest.mark.parametrize("name", ["expires", "key", "signature"])
def test_a_parameter_cannot_take_the_signatures_names(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be named"):
        links(NEW).sign("GET", PATH, LATER, {name: "1"})


@pytest.mark.parametrize("public_url", ["https://images.example/fanfare", None])
def test_a_link_is_an_address_that_verifies(public_url: str | None) -> None:
    signer = links(NEW, public_url=public_url)
    link = signer.link("PUT", PATH, 3600, params={"size": "5"}, headers={"content-type": "image/png"})
    parts = urlsplit(link.url)
    assert link.url.startswith(f"{public_url or ''}/v1/images/%ED%95%9C%EA%B8%80%201/original?")
    assert signer.verify("PUT", PATH, parts.query) == {"size": "5"}
    assert (link.method, link.headers) == ("PUT", {"content-type": "image/png"})
    assert link.expires_at > datetime.now(UTC)
    assert parse_qs(parts.query)["expires"] == [str(int(link.expires_at.timestamp()))]
    assert "signature" not in repr(link)


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=3), st.text(max_size=20))
def test_any_parameters_and_path_come_back_as_they_were(params: dict[str, str], path: str) -> None:
    try:
        (path + "".join(params) + "".join(params.values())).encode()
    except UnicodeEncodeError:
        return
    if {"expires", "key", "signature"} & set(params):
        return
    assert links(NEW).verify("GET", path, links(NEW).sign("GET", path, LATER, params)) == params


@pytest.mark.parametrize("keys", ["", " ", "short", f"{NEW},", f"{NEW},short", f"{NEW},{NEW}"])
def test_keys_that_are_too_short_or_the_same_are_refused_and_not_shown(keys: str) -> None:
    with pytest.raises(ValidationError, match="secrets of 32 characters or more") as refused:
        LinkSettings(signing_keys=SecretStr(keys))
    assert NEW not in str(refused.value)
