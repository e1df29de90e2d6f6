"""Answers of FCM, or of whatever stands before it."""

import pytest

from fanfare_shared.fcm.answers import classify, code_label


def test_an_answer_with_a_nul_becomes_one_that_the_ledger_can_hold() -> None:
    answer = classify(500, b'{"error": {"status": "INTER\\u0000NAL", "message": "out of\\u0000 order"}}')
    assert (answer.code, answer.message) == ("INTERNAL", "out of order")


@pytest.mark.parametrize("code", ["UNREGISTERED", "UNAVAILABLE", "DEVICE_GONE", "HTTP_502", "CURL_28"])
def test_a_code_that_is_known_is_its_own_label(code: str) -> None:
    assert code_label(code) == code


@pytest.mark.parametrize("code", ["", "INTERNAL\n", "A_CODE_OF_TOMORROW", "HTTP_5021", "token-of-ada"])
def test_a_code_that_only_the_answering_server_knows_is_no_label_of_its_own(code: str) -> None:
    assert code_label(code) == "OTHER"
