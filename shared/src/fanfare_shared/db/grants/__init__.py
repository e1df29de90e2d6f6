"""What each service's role may do in the ledger: a file a role, named after it, applied after every migration."""

from importlib.resources import files

from sqlalchemy import Connection, text

ROLES = ("fanfare_api", "fanfare_orchestrator", "fanfare_push_worker", "fanfare_image_worker")
_STAGING_ROLE = "fanfare_api"

# Whoever makes or drops a partition writes to the same rows of the catalogue.
_HOLD_PARTITIONS = "LOCK TABLE deliveries IN SHARE UPDATE EXCLUSIVE MODE"
# PostgreSQL lets everybody make temporary tables, and before version 15 any table, in every database.
_CLOSE = """
DO $$ BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
END $$
"""
_FORGET = """
DO $$ BEGIN
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %1$I FROM {role}', current_schema());
    EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA %1$I FROM {role}', current_schema());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM {role}', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO {role}', current_database());
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO {role}', current_schema());
END $$
"""
# For an import's staging table, which lives as long as its transaction.
_STAGE = "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO {role}', current_database()); END $$"


def grant(connection: Connection) -> list[str]:
    """Gives each role of ROLES that the server knows what its file says, and takes what it had besides; their names.

    Call inside a transaction of the tables' owner: others see the old rights until it ends, and then the new ones. Where
    the server knows none of them, nothing is changed: one role may do everything then.
    """
    known = [role for role in ROLES if connection.scalar(text("SELECT to_regrole(:role) IS NOT NULL"), {"role": role})]
    if not known:
        return []
    statements = [_HOLD_PARTITIONS, _CLOSE]
    for role in known:
        statements += [_FORGET.format(role=role), statements_of(role)]
    if _STAGING_ROLE in known:
        statements.append(_STAGE.format(role=_STAGING_ROLE))
    for statement in statements:
        connection.exec_driver_sql(statement.replace("%", "%%"))
    return known


def statements_of(role: str) -> str:
    return files(__package__).joinpath(f"{role}.sql").read_text(encoding="utf-8")
