"""Reading a dead message: any headers and any body make a row that PostgreSQL takes."""

from typing import Any

import pytest

from fanfare_orchestrator.dead_letters.letters import insert_letter, read_letter


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-death": []},
        {"x-death": ["rejected"]},
        {"x-death": {"queue": "push.low"}},
        {"x-first-death-queue": None, "task": None},
        {"task": "nul \x00 and surrogate \ud800", "id": 7, "x-first-death-reason": {"deep": [1]}},
        {"task": "t" * 10_000},
    ],
)
def test_any_headers_make_a_row(office: Any, headers: dict[str, Any]) -> None:
    with office.context.ledger.statement() as connection:
        insert_letter(connection, read_letter(headers, "body \ud800"))
    (row,) = office.rows("SELECT * FROM dead_letters")
    assert row["body"] == "body \\ud800"
    assert len(row["task"] or "") <= 200


def test_the_first_death_counts_not_the_last() -> None:
    deaths = [{"queue": "dead", "reason": "delivery_limit"}, {"queue": "push.low", "reason": "rejected"}]
    letter = read_letter({"x-death": deaths}, b"")
    assert (letter.queue, letter.reason) == ("push.low", "rejected")
    newer = read_letter({"x-death": deaths, "x-first-death-queue": "campaigns", "x-first-death-reason": "expired"}, b"")
    assert (newer.queue, newer.reason) == ("campaigns", "expired")
