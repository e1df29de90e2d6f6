"""A bucket of S3, of a server that speaks S3, or of GCS, as a storage."""

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from obstore.store import GCSStore, S3Store

from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.attachments import content_disposition
from fanfare_shared.storage.keys import checked
from fanfare_shared.storage.object_storage import ObjectStorage
from fanfare_shared.storage.port import Link
from fanfare_shared.storage.presigned import Presigner

if TYPE_CHECKING:  # the names are obstore's stubs' only
    from obstore.store import ClientConfig, RetryConfig, S3Config

_GCS = "https://storage.googleapis.com"
_CONNECT_TIMEOUT = timedelta(seconds=3)
# What is answered by an error or not at all is asked again so often, for half the time-out at most; then it is the
# caller's to retry.
_RETRIES = 3


class Bucket(ObjectStorage):
    """Uploads that a killed process left unfinished are the bucket's lifecycle rule's to remove.

    Without `presigner` (the credentials are the machine's role) there are no links past us.
    """

    def __init__(self, store: S3Store | GCSStore, presigner: Presigner | None) -> None:
        super().__init__(store)
        self._presigner = presigner

    def upload_link(self, key: str, seconds: int, *, size: int, media_type: str) -> Link | None:
        if self._presigner is None:
            return None
        return self._presigner.upload(checked(key), seconds, size=size, media_type=media_type)

    def download_link(self, key: str, seconds: int, *, filename: str, media_type: str) -> Link | None:
        if self._presigner is None:
            return None
        disposition = content_disposition(filename)
        return self._presigner.download(checked(key), seconds, disposition=disposition, media_type=media_type)


def s3_bucket(settings: StorageSettings, bucket: str, prefix: str | None) -> Bucket:
    region = settings.storage_s3_region
    config: S3Config = {"region": region}
    if settings.storage_s3_endpoint is not None:
        config["endpoint"] = settings.storage_s3_endpoint
    presigner = None
    if settings.storage_s3_access_key is not None and settings.storage_s3_secret_key is not None:
        access_key, secret_key = settings.storage_s3_access_key, settings.storage_s3_secret_key.get_secret_value()
        config["access_key_id"], config["secret_access_key"] = access_key, secret_key
        server = (
            settings.storage_s3_public_endpoint or settings.storage_s3_endpoint or f"https://s3.{region}.amazonaws.com"
        )
        base = _address(server, bucket, prefix)
        presigner = Presigner.for_s3(base, region=region, access_key=access_key, secret_key=secret_key)
    store = S3Store(
        bucket,
        prefix=prefix,
        config=config,
        client_options=_client_options(settings),
        retry_config=_retry_config(settings),
    )
    return Bucket(store, presigner)


def gcs_bucket(settings: StorageSettings, bucket: str, prefix: str | None) -> Bucket:
    file = settings.storage_gcs_credentials_file
    presigner = Presigner.for_gcs(_address(_GCS, bucket, prefix), file) if file is not None else None
    store = GCSStore(
        bucket,
        prefix=prefix,
        config={"service_account": str(file)} if file is not None else {},
        client_options=_client_options(settings),
        retry_config=_retry_config(settings),
    )
    return Bucket(store, presigner)


def _address(server: str, bucket: str, prefix: str | None) -> str:
    return "/".join((server, bucket, *([quote(prefix, safe="/~")] if prefix else [])))


def _client_options(settings: StorageSettings) -> "ClientConfig":
    options: ClientConfig = {
        "connect_timeout": _CONNECT_TIMEOUT,
        "timeout": timedelta(seconds=settings.storage_timeout_seconds),
        "allow_http": (settings.storage_s3_endpoint or "").startswith("http://"),
    }
    if settings.storage_ca_file is not None:
        options["root_certificate"] = settings.storage_ca_file.read_bytes()
    return options


def _retry_config(settings: StorageSettings) -> "RetryConfig":
    return {
        "max_retries": _RETRIES,
        "retry_timeout": timedelta(seconds=settings.storage_timeout_seconds / 2),
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
    }
