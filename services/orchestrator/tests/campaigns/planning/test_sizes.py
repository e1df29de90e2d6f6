import pytest

from fanfare_orchestrator.campaigns.planning.sizes import batch_size, window_size


@pytest.mark.parametrize(
    ("quota_per_minute", "rate_per_second", "size"),
    [
        (600_000, None, 2_000),
        (6_000, None, 500),
        (6_000, 20, 100),
        (600, 1_000, 50),
        (1, None, 1),
    ],
)
def test_a_batch_is_five_seconds_of_the_slower_of_quota_and_rate(
    quota_per_minute: int, rate_per_second: int | None, size: int
) -> None:
    assert batch_size(2_000, quota_per_minute, rate_per_second) == size


def test_a_window_is_whole_batches_and_the_first_one_is_small() -> None:
    assert window_size(2_000, first=False) == 100_000
    assert window_size(2_000, first=True) == 8_000
    assert window_size(1, first=False) == 2_000
    assert window_size(50_000, first=False) == 100_000
    assert window_size(300_000, first=False) == 300_000
