"""A session's own database, migrated, dropped at its end."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from pydantic import SecretStr
from sqlmodel import SQLModel

from fanfare_shared.db import tables  # noqa: F401 - fills the metadata
from fanfare_shared.db.connection import Ledger
from fanfare_shared.db.migrate import migrate
from fanfare_shared.settings import DatabaseSettings
from fanfare_shared.testing.polling import wait_until


@contextmanager
def migrated_database(server_url: str) -> Iterator[DatabaseSettings]:
    with empty_database(server_url) as settings:
        migrate(settings)
        yield settings


@contextmanager
def empty_database(server_url: str) -> Iterator[DatabaseSettings]:
    name = f"fanfare_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield DatabaseSettings(database_url=SecretStr(urlsplit(server_url)._replace(path=f"/{name}").geturl()))
        finally:
            wait_until(lambda: _drop(server, name), f"{name} can be dropped", within=60)


def _drop(server: "psycopg.Connection[Any]", name: str) -> bool:
    """Not while autovacuum, which only a superuser may end, is at work in it."""
    try:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def truncate(ledger: Ledger) -> None:
    """Empties every table that holds a row; to truncate one that is empty already costs as much as a full one."""
    names = [sql.Identifier(name) for name in SQLModel.metadata.tables]
    filled = sql.SQL(", ").join(sql.SQL("EXISTS (SELECT FROM {})").format(name) for name in names)
    with ledger.transaction() as connection:
        row = connection.execute(sql.SQL("SELECT {}").format(filled)).fetchone() or ()
        to_empty = [name for name, has_rows in zip(names, row, strict=True) if has_rows]
        if to_empty:
            tables = sql.SQL(", ").join(to_empty)
            connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(tables))
