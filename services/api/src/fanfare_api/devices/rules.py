"""What a device may look like: the one set of rules for a `PUT` and for a line of an import.

Plain functions, for an import calls them a million times. Each takes a JSON value and returns what is stored, or raises
ValueError with what to change; none repeats the value, for it may be a token.
"""

import re
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from fanfare_shared.contracts.words import Platform

MAX_USER_ID_CHARACTERS = 256
MAX_TOKEN_CHARACTERS = 4096
MAX_TAGS = 50
MAX_TAG_CHARACTERS = 64

_TOKEN = re.compile(rf"[\x21-\x7e]{{1,{MAX_TOKEN_CHARACTERS}}}")
# RFC 5646 in outline: a language, then subtags; the underscore is what Java and ICU write.
_LOCALE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,6}")
_PLATFORMS = frozenset(platform.value for platform in Platform)
_TIMEZONES = frozenset(available_timezones())


def check_user_id(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_USER_ID_CHARACTERS or not value.isprintable():
        raise ValueError(f"give a string of 1 to {MAX_USER_ID_CHARACTERS} printable characters")
    return value


def check_token(value: Any) -> str:
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise ValueError(f"give a string of 1 to {MAX_TOKEN_CHARACTERS} printable ASCII characters without spaces")
    return value


def check_platform(value: Any) -> str:
    if not isinstance(value, str) or value not in _PLATFORMS:
        raise ValueError(f"give one of {', '.join(sorted(_PLATFORMS))}")
    return value


def check_locale(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _is_locale(value):
        raise ValueError("give a language tag such as de or pt-BR")
    return value


def check_timezone(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or value not in _TIMEZONES:
        raise ValueError("give an IANA name such as Europe/Berlin")
    return value


def check_tags(value: Any) -> list[str]:
    if value is None or value == []:
        return []
    if not isinstance(value, list) or len(value) > MAX_TAGS or not all(_is_tag(tag) for tag in value):
        raise ValueError(f"give at most {MAX_TAGS} strings of 1 to {MAX_TAG_CHARACTERS} printable characters")
    return list(dict.fromkeys(value))


@lru_cache(maxsize=1024)
def _is_locale(value: str) -> bool:
    return _LOCALE.fullmatch(value) is not None


def _is_tag(tag: Any) -> bool:
    return isinstance(tag, str) and 1 <= len(tag) <= MAX_TAG_CHARACTERS and tag.isprintable()
