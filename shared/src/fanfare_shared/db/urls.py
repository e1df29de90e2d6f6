"""One setting, `FANFARE_DATABASE_URL`, as each driver wants it."""

import ssl
from pathlib import Path
from typing import Literal

from sqlalchemy import URL, make_url

from fanfare_shared.settings import DatabaseSettings


def sqlalchemy_url(settings: DatabaseSettings, driver: Literal["psycopg", "asyncpg"]) -> URL:
    url = make_url(settings.database_url.get_secret_value()).set(drivername=f"postgresql+{driver}")
    return url.update_query_dict(_libpq_tls(settings)) if driver == "psycopg" else url


def libpq_url(settings: DatabaseSettings) -> str:
    url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql")
    return url.update_query_dict(_libpq_tls(settings)).render_as_string(hide_password=False)


def asyncpg_tls(settings: DatabaseSettings) -> ssl.SSLContext | None:
    """The TLS context for asyncpg, which takes no files in its address; None where the address says it all."""
    if not _is_verified(settings):
        return None
    context = ssl.create_default_context(cafile=_text(settings.database_ca_file))
    if settings.database_cert_file is not None:
        context.load_cert_chain(settings.database_cert_file, settings.database_key_file)
    return context


def asyncpg_url(settings: DatabaseSettings) -> str:
    """Without libpq's parameters for TLS where `asyncpg_tls` says it."""
    url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql")
    if _is_verified(settings):
        url = url.difference_update_query(["sslmode", "sslrootcert", "sslcert", "sslkey"])
    return url.render_as_string(hide_password=False)


def _libpq_tls(settings: DatabaseSettings) -> dict[str, str]:
    if not _is_verified(settings):
        return {}
    files = {
        "sslrootcert": _text(settings.database_ca_file) or _system_cas(),
        "sslcert": _text(settings.database_cert_file),
        "sslkey": _text(settings.database_key_file),
    }
    return {"sslmode": "verify-full"} | {name: path for name, path in files.items() if path is not None}


def _is_verified(settings: DatabaseSettings) -> bool:
    """Whether files are given, or the address asks for `verify-full` and names no CA of its own."""
    asked = make_url(settings.database_url.get_secret_value()).query
    files = settings.database_ca_file or settings.database_cert_file
    return bool(files) or (asked.get("sslmode") == "verify-full" and "sslrootcert" not in asked)


def _system_cas() -> str:
    """Python's, as a file: psycopg's own OpenSSL looks in a folder that no system has. Without one, libpq refuses all."""
    return ssl.get_default_verify_paths().cafile or "system"


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
