"""libvips as a worker's child process has it."""

import pytest

from fanfare_image_worker.engine.process import configure


@pytest.fixture(scope="session", autouse=True)
def _configured() -> None:
    configure()
