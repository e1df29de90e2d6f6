"""The tables as classes and the schema that the migrations make have the same tables, columns, types and nullability.

Indexes, most of them partial, and the actions of foreign keys are the migrations' alone.
"""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Text, create_engine, text
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from fanfare_shared.db import tables  # noqa: F401 - fills the metadata
from fanfare_shared.db.migrate import migrate
from fanfare_shared.db.urls import sqlalchemy_url
from fanfare_shared.settings import DatabaseSettings

_PARTITIONS = text("SELECT relname FROM pg_class WHERE relispartition")
_OF_THE_MIGRATIONS = {"index", "unique_constraint", "foreign_key_constraint"}


def differences(settings: DatabaseSettings) -> list[Any]:
    engine = create_engine(sqlalchemy_url(settings, driver="psycopg"))
    with engine.connect() as connection:
        hidden = {*connection.scalars(_PARTITIONS), "alembic_version"}

        def is_compared(_item: Any, name: str | None, kind: str, _reflected: Any, _other: Any) -> bool:
            return kind not in _OF_THE_MIGRATIONS and not (kind == "table" and name in hidden)

        options = {"include_object": is_compared, "compare_type": type_differs}
        context = MigrationContext.configure(connection, opts=options)
        found = list(compare_metadata(context, SQLModel.metadata))
    engine.dispose()
    return found


def type_differs(_context: Any, _column: Any, _declared: Any, in_database: Any, in_class: Any) -> bool | None:
    """Python's str is PostgreSQL's text. None leaves the others to Alembic."""
    if isinstance(in_database, Text) and isinstance(in_class, AutoString) and in_class.length is None:
        return False
    return None


def test_the_classes_and_the_migrated_schema_are_the_same(database_settings: DatabaseSettings) -> None:
    assert differences(database_settings) == []


def test_migrating_again_changes_nothing(database_settings: DatabaseSettings) -> None:
    migrate(database_settings)
    assert differences(database_settings) == []
