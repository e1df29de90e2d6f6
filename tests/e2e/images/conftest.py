"""An image-worker for every lane beside the fleet of the other end-to-end tests, and a folder for each test."""

from itertools import count

import pytest

from harness.album import Album
from harness.fleet import Fleet

_numbers = count()


@pytest.fixture(scope="session")
def image_fleet(fleet: Fleet) -> Fleet:
    fleet.start_image_worker(concurrency=2)
    return fleet


@pytest.fixture
def album(image_fleet: Fleet) -> Album:
    return Album(image_fleet, next(_numbers))
