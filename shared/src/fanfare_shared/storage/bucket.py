"""A bucket of S3, of a server that speaks S3, or of GCS, as a storage."""

from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.store import GCSStore, S3Store

from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.object_storage import ObjectStorage

if TYPE_CHECKING:  # the names are obstore's stubs' only
    from obstore.store import ClientConfig, RetryConfig, S3Config

_CONNECT_TIMEOUT = timedelta(seconds=3)
# What is answered by an error or not at all is asked again this often and this long, then it is the caller's to retry:
# a request ends within this and its own time-out.
_RETRIES = 3
_RETRY_FOR = timedelta(seconds=6)


class Bucket(ObjectStorage):
    """Uploads that a killed process left unfinished are the bucket's lifecycle rule's to remove."""


def s3_bucket(settings: StorageSettings, bucket: str, prefix: str | None) -> Bucket:
    config: S3Config = {"region": settings.storage_s3_region}
    if settings.storage_s3_endpoint is not None:
        config["endpoint"] = settings.storage_s3_endpoint
    if settings.storage_s3_access_key is not None and settings.storage_s3_secret_key is not None:
        config["access_key_id"] = settings.storage_s3_access_key
        config["secret_access_key"] = settings.storage_s3_secret_key.get_secret_value()
    store = S3Store(
        bucket, prefix=prefix, config=config, client_options=_client_options(settings), retry_config=_retry_config()
    )
    return Bucket(store)


def gcs_bucket(settings: StorageSettings, bucket: str, prefix: str | None) -> Bucket:
    file = settings.storage_gcs_credentials_file
    store = GCSStore(
        bucket,
        prefix=prefix,
        config={"service_account": str(file)} if file is not None else {},
        client_options=_client_options(settings),
        retry_config=_retry_config(),
    )
    return Bucket(store)


def _client_options(settings: StorageSettings) -> "ClientConfig":
    options: ClientConfig = {
        "connect_timeout": _CONNECT_TIMEOUT,
        "timeout": timedelta(seconds=settings.storage_timeout_seconds),
        "allow_http": (settings.storage_s3_endpoint or "").startswith("http://"),
    }
    if settings.storage_ca_file is not None:
        options["root_certificate"] = settings.storage_ca_file.read_bytes()
    return options


def _retry_config() -> "RetryConfig":
    return {
        "max_retries": _RETRIES,
        "retry_timeout": _RETRY_FOR,
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
    }
