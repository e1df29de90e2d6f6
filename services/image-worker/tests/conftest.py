"""One process of the image-worker without Celery, on real servers and a storage of each test's own."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from fanfare_image_worker.engine.process import configure
from fanfare_image_worker.process import WorkingProcess
from fanfare_image_worker.settings import ImageWorkerSettings
from fanfare_shared.db.connection import Ledger
from fanfare_shared.settings import BrokerSettings, DatabaseSettings, StorageSettings
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.publisher import Publisher
from fanfare_shared.worker.stop_flag import StopFlag
from harness.image_worker import ImageWorker, MakeWorker


@pytest.fixture(scope="session", autouse=True)
def _configured() -> None:
    """Libvips as a worker's child process has it."""
    configure()


@pytest.fixture
def image_settings(
    database_settings: DatabaseSettings, broker_settings: BrokerSettings, storage_settings: StorageSettings
) -> dict[str, Any]:
    return {
        "database_url": database_settings.database_url,
        "broker_url": broker_settings.broker_url,
        "storage_url": storage_settings.storage_url,
    }


@pytest.fixture
def make_worker(
    image_settings: dict[str, Any], clean_ledger: Ledger, clean_broker: BrokerSettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeWorker]:
    """Workers with further settings. Their memory is not limited, for it is this process's."""
    monkeypatch.setattr("fanfare_image_worker.process.configure", lambda _: None)
    made: list[WorkingProcess] = []
    before = signal.getsignal(signal.SIGALRM)

    def make(**settings: Any) -> ImageWorker:
        built = ImageWorkerSettings(**image_settings | settings)
        process = WorkingProcess(built, Publisher(make_app("image-worker-tests", built)), StopFlag())
        made.append(process)
        return ImageWorker(process, clean_ledger)

    yield make
    for process in made:
        process.close()
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def worker(make_worker: MakeWorker) -> ImageWorker:
    return make_worker()
