"""Which pod goes first."""

import random

from rehearsal.pods import Pod, deletion_order

NOW = 10_000.0


def names(pods: list[Pod]) -> list[str]:
    return [pod.name for pod in deletion_order(pods, NOW)]


def test_one_that_is_not_ready_goes_first_then_the_youngest() -> None:
    pods = [
        Pod("hours", ready_at=NOW - 9000),
        Pod("seconds", ready_at=NOW - 3),
        Pod("starting"),
        Pod("minute", ready_at=NOW - 60),
    ]
    random.shuffle(pods)
    assert names(pods) == ["starting", "seconds", "minute", "hours"]


def test_among_pods_of_about_one_age_chance_decides() -> None:
    # 2^38 ns are 275 s, 2^39 ns 550 s.
    older, younger = Pod("older", uid="a", ready_at=NOW - 540), Pod("younger", uid="b", ready_at=NOW - 280)
    assert names([younger, older]) == ["older", "younger"]
    assert names([younger, Pod("much older", uid="a", ready_at=NOW - 600)]) == ["younger", "much older"]
