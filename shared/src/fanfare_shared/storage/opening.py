"""Which storage `FANFARE_STORAGE_URL` names."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError

from fanfare_shared.errors import ConfigurationError
from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.bucket import gcs_bucket, s3_bucket
from fanfare_shared.storage.local_folder import LocalFolder
from fanfare_shared.storage.port import Storage


def open_storage(settings: StorageSettings) -> Storage:
    """Opens it for the process that calls, so never before a fork: workers wrap it in `per_child`.

    A local folder is made where it is missing; StorageUnavailableError where that fails. A bucket is not asked before it
    is used. Raises ConfigurationError for settings that cannot be right.
    """
    url = urlsplit(settings.storage_url)
    path = unquote(url.path)
    if url.scheme == "file":
        return LocalFolder(Path(path))
    bucket = s3_bucket if url.scheme == "s3" else gcs_bucket
    try:
        return bucket(settings, url.netloc, path.strip("/") or None)
    except (BaseError, OSError) as error:  # OSError: the CA file
        raise ConfigurationError(
            "FANFARE_STORAGE_URL and the settings beside it make no storage; the cause is above"
        ) from error
