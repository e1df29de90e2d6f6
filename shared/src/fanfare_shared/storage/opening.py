"""Which storage `FANFARE_STORAGE_URL` names."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.bucket import gcs_bucket, s3_bucket
from fanfare_shared.storage.local_folder import LocalFolder
from fanfare_shared.storage.port import Storage


def open_storage(settings: StorageSettings) -> Storage:
    """Opens it for the process that calls, so never before a fork: workers wrap it in `per_child`.

    A local folder is made where it is missing; else StorageUnavailableError. A bucket is not asked before it is used.
    """
    url = urlsplit(settings.storage_url)
    path = unquote(url.path)
    if url.scheme == "file":
        return LocalFolder(Path(path))
    bucket = s3_bucket if url.scheme == "s3" else gcs_bucket
    return bucket(settings, url.netloc, path.strip("/") or None)
