"""`fanfare-migrate`: brings the ledger's schema to the newest version, and the services' roles to their rights in it.

Safe to run from several places at once.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text

from fanfare_shared.db.grants import grant
from fanfare_shared.db.urls import sqlalchemy_url
from fanfare_shared.logs import configure_logging, get_logger
from fanfare_shared.settings import DatabaseSettings

# Any constant: whoever migrates holds this advisory lock, and the others wait and then find nothing to do.
_MIGRATION_LOCK = 0x66616E66617265


def migrate(settings: DatabaseSettings) -> list[str]:
    """The roles that were granted their rights: none where the server knows none of them."""
    engine = create_engine(sqlalchemy_url(settings, driver="psycopg"))
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        connection.commit()
        try:
            _upgrade(connection)
            with connection.begin():
                granted = grant(connection)
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _MIGRATION_LOCK})
            connection.commit()
    engine.dispose()
    return granted


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


def main() -> None:
    settings = DatabaseSettings()
    configure_logging("migrate", settings.log_level)
    granted = migrate(settings)
    get_logger().info("the ledger's schema is up to date", roles=granted)
