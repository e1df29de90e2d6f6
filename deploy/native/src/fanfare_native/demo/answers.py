"""What the api answers, and how the demo prints accounts."""

from collections.abc import Mapping
from typing import Any

import httpx

from fanfare_native.errors import StackError

FINAL = frozenset({"completed", "failed", "cancelled"})
POLL_SECONDS = 0.25


def answer(response: httpx.Response) -> Any:
    """The answer's JSON. Raises StackError with the API's own words when it refused."""
    if response.is_error:
        raise StackError(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}"
        )
    return response.json()


def print_rows(rows: Mapping[str, int]) -> None:
    for name, number in rows.items():
        print(f"  {name:34}{number:>10,}")
