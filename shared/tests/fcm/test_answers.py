"""Answers of FCM, or of whatever stands before it."""

from fanfare_shared.fcm.answers import classify


def test_an_answer_with_a_nul_becomes_one_that_the_ledger_can_hold() -> None:
    answer = classify(500, b'{"error": {"status": "INTER\\u0000NAL", "message": "out of\\u0000 order"}}')
    assert (answer.code, answer.message) == ("INTERNAL", "out of order")
