"""Sizes of batches and windows."""

import pytest

from fanfare_orchestrator.images.planning.sizes import batch_size, window_size
from fanfare_orchestrator.images.settings import ImagePlanSettings
from fanfare_shared.contracts.words import Operation


@pytest.mark.parametrize(
    ("operation", "seconds", "size"),
    [
        (Operation.PROCESS, None, 50),
        (Operation.UPLOAD, None, 50),
        (Operation.TRASH, None, 5_000),
        (Operation.ARCHIVE, None, 10_000),
        (Operation.ARCHIVE, 6.0, 10_000),
        (Operation.PROCESS, 6.0, 1),
        (Operation.PROCESS, 0.2, 25),
        (Operation.TRASH, 1e-6, 5_000),
    ],
)
def test_a_batch_is_what_is_set_or_five_seconds_of_the_rate(
    operation: Operation, seconds: float | None, size: int
) -> None:
    assert batch_size(ImagePlanSettings(), operation, seconds) == size


@pytest.mark.parametrize(
    ("size", "first", "window"),
    [
        (50, True, 200),
        (50, False, 10_000),
        (5_000, True, 10_000),
        (10_000, False, 10_000),
        (1, False, 2_000),
        (1, True, 4),
    ],
)
def test_a_window_is_whole_batches_and_the_first_one_is_short(size: int, first: bool, window: int) -> None:
    assert window_size(size, first=first) == window
