"""obstore's errors as ours. Their texts hold addresses and answers of servers: they are chained, not repeated."""

from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from fanfare_shared.errors import ObjectMissingError, StorageUnavailableError


@contextmanager
def as_ours(key: str = "") -> Iterator[None]:
    """Around one operation of obstore on `key`. What an upload's own source raises passes through."""
    try:
        yield
    except FileNotFoundError as error:
        if error.errno is not None:  # the operating system's, so a source's: obstore's have none
            raise
        if "NoSuchBucket" in str(error):
            raise StorageUnavailableError("Storage: there is no such bucket") from error
        raise ObjectMissingError(f"Storage has no object {key}") from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise StorageUnavailableError("Storage refuses us: see its credentials and permissions") from error
    except BaseError as error:
        raise StorageUnavailableError(f"Storage: {type(error).__name__}") from error
