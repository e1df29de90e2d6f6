"""Both kinds of storage, as one parameter: what holds for one must hold for the other."""

import pytest

from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.opening import open_storage
from fanfare_shared.storage.port import Storage


@pytest.fixture(params=["storage_settings", "s3_settings"], ids=["folder", "s3"])
def settings(request: pytest.FixtureRequest) -> StorageSettings:
    settings = request.getfixturevalue(request.param)
    assert isinstance(settings, StorageSettings)
    return settings


@pytest.fixture
def storage(settings: StorageSettings) -> Storage:
    return open_storage(settings)
