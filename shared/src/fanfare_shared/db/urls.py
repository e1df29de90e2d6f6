"""One setting, `FANFARE_DATABASE_URL`, as each driver wants it."""

import ssl
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
    """The TLS context for asyncpg, which takes no files in its address; None where no CA file is set."""
    if settings.database_ca_file is None:
        return None
    context = ssl.create_default_context(cafile=str(settings.database_ca_file))
    if settings.database_cert_file is not None:
        context.load_cert_chain(settings.database_cert_file, settings.database_key_file)
    return context


def _libpq_tls(settings: DatabaseSettings) -> dict[str, str]:
    if settings.database_ca_file is None:
        return {}
    files = {
        "sslrootcert": settings.database_ca_file,
        "sslcert": settings.database_cert_file,
        "sslkey": settings.database_key_file,
    }
    return {"sslmode": "verify-full"} | {name: str(path) for name, path in files.items() if path is not None}
