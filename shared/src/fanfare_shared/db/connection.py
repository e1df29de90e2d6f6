"""The connection of a synchronous process: one, made when first asked for, made again when it broke.

Workers and the orchestrator hold one per child process. The api has its own pool (asyncpg).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.rows import TupleRow

from fanfare_shared.db.urls import libpq_url
from fanfare_shared.errors import LedgerUnavailableError
from fanfare_shared.settings import DatabaseSettings

# A statement that waits longer for a row's lock gives up: whoever holds it is stuck, and the sweep comes back.
_LOCK_TIMEOUT = "10s"
# A client that was stopped inside a transaction loses it, and with it its locks.
_IDLE_IN_TRANSACTION_TIMEOUT = "10s"
_CONNECT_TIMEOUT_SECONDS = 5
# A server that vanished without a word is given up after this long; the kernel alone would wait a quarter of an hour.
_TCP_USER_TIMEOUT_MS = 15_000

Row = TypeVar("Row")
Connection = psycopg.Connection[TupleRow]


def the_row(cursor: psycopg.Cursor[Row]) -> Row:
    """The row of a statement that cannot but have one: it is locked, or a foreign key keeps it."""
    row = cursor.fetchone()
    if row is None:
        raise LookupError("the statement returned no row")
    return row


class Ledger:
    """Hands out transactions on a live connection. Not shared between threads or across a fork."""

    def __init__(self, settings: DatabaseSettings, name: str) -> None:
        self._url = libpq_url(settings)
        self._name = name
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction. Raises LedgerUnavailableError when the server went away; then nothing is known of a commit."""
        with self.statement() as connection, connection.transaction():
            yield connection

    @contextmanager
    def statement(self) -> Iterator[Connection]:
        """Like `transaction`, for a single statement: it commits by itself, one round trip less."""
        try:
            yield self._live()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if not isinstance(error, psycopg.errors.LockNotAvailable):
                self.close()
            raise LedgerUnavailableError(f"PostgreSQL: {type(error).__name__}") from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _live(self) -> Connection:
        if self._connection is None or self._connection.closed:
            options: dict[str, Any] = {
                "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
                "application_name": self._name,
                "tcp_user_timeout": _TCP_USER_TIMEOUT_MS,
                "keepalives_idle": 10,
                "keepalives_interval": 5,
            }
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                options=f"-c lock_timeout={_LOCK_TIMEOUT} -c timezone=UTC"
                f" -c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_TIMEOUT}",
                **options,
            )
        return self._connection
