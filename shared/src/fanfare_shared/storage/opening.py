"""Which storage `FANFARE_STORAGE_URL` names."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError

from fanfare_shared.errors import ConfigurationError
from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.bucket import gcs_bucket, s3_bucket
from fanfare_shared.storage.local_folder import LocalFolder, begin
from fanfare_shared.storage.port import Storage


def open_storage(settings: StorageSettings, *, may_begin: bool = True) -> Storage:
    """Opens it for the process that calls, so never before a fork: workers wrap it in `per_child`.

    A local folder that is no storage yet becomes one where it `may_begin`, which is for the api alone: so a worker that is
    started while the disk is away does not take an empty folder for the storage. StorageUnavailableError where it is none.
    A bucket is not asked before it is used. Raises ConfigurationError for settings that cannot be right.
    """
    url = urlsplit(settings.storage_url)
    path = unquote(url.path)
    if url.scheme == "file":
        if may_begin:
            begin(Path(path))
        return LocalFolder(Path(path))
    bucket = s3_bucket if url.scheme == "s3" else gcs_bucket
    try:
        return bucket(settings, url.netloc, path.strip("/") or None)
    except (BaseError, OSError) as error:  # OSError: the CA file
        raise ConfigurationError(
            "FANFARE_STORAGE_URL and the settings beside it make no storage; the cause is above"
        ) from error
