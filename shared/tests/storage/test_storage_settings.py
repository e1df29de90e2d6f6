"""Settings of storage and links that are refused, and what they say."""

import pytest
from pydantic import ValidationError

from fanfare_shared.errors import ConfigurationError
from fanfare_shared.settings import LinkSettings, StorageSettings
from fanfare_shared.storage.opening import open_storage


@pytest.mark.parametrize(
    "url",
    ["file:///srv/images", "s3://bucket", "s3://bucket/", "s3://bucket/some/prefix", "gs://bucket/some/prefix"],
)
def test_an_address_of_a_folder_or_a_bucket_is_taken(url: str) -> None:
    assert StorageSettings(storage_url=url).storage_url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/srv/images",
        "file:images",
        "file://images",
        "file:///",
        "file://host/images",
        "memory://",
        "https://bucket",
        "s3://",
        "s3:///prefix",
        "s3://key:secret@bucket",
        "s3://bucket:9000/prefix",
        "s3://bucket?region=a",
    ],
)
def test_any_other_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ValidationError, match="give file:///") as refused:
        StorageSettings(storage_url=url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["minio:9000", "ftp://minio", "http://", "http://user:secret@minio", "http://minio?a=b"]
)
def test_an_endpoint_that_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="give http"):
        StorageSettings(storage_s3_endpoint=url)
    with pytest.raises(ValidationError, match="give http"):
        LinkSettings.model_validate({"signing_keys": "k" * 32, "public_url": url})


def test_an_address_is_kept_without_the_slash_at_its_end() -> None:
    assert StorageSettings(storage_s3_endpoint="http://minio:9000/").storage_s3_endpoint == "http://minio:9000"
    assert StorageSettings(storage_s3_endpoint="").storage_s3_endpoint is None


def test_a_ca_file_that_is_not_there_is_a_wrong_setting() -> None:
    settings = StorageSettings.model_validate({"storage_url": "s3://bucket", "storage_ca_file": "/no/such/file"})
    with pytest.raises(ConfigurationError, match="FANFARE_STORAGE_URL"):
        open_storage(settings)
