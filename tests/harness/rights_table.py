"""What each service's role may do with each table of a ledger, as the table of docs/security.md.

`PYTHONPATH=tests python -m harness.rights_table` prints it for the ledger that FANFARE_DATABASE_URL names.
"""

import psycopg

from fanfare_shared.db.grants import ROLES
from fanfare_shared.db.urls import libpq_url
from fanfare_shared.settings import DatabaseSettings

_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'alembic_version'
ORDER BY 1
"""
_RIGHTS = {"SELECT": "read", "INSERT": "add", "UPDATE": "change", "DELETE": "delete"}


def table(connection: "psycopg.Connection[tuple[object, ...]]") -> str:
    """A line a table; a right with an asterisk is for some columns only."""
    services = [role.removeprefix("fanfare_").replace("_", "-") for role in ROLES]
    lines = [f"| table | {' | '.join(services)} |", f"|---|{'---|' * len(services)}"]
    for (name,) in connection.execute(_TABLES).fetchall():
        cells = [_cell(connection, role, str(name)) for role in ROLES]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(connection: "psycopg.Connection[tuple[object, ...]]", role: str, name: str) -> str:
    found = []
    for right, word in _RIGHTS.items():
        # Of a part of a row nothing can be deleted.
        some = "has_table_privilege" if right == "DELETE" else "has_any_column_privilege"
        row = connection.execute(
            f"SELECT has_table_privilege(%(role)s, %(table)s, %(right)s), {some}(%(role)s, %(table)s, %(right)s)",
            {"role": role, "table": name, "right": right},
        ).fetchone()
        if row is not None and row[1]:
            found.append(word if row[0] else f"{word}*")
    return ", ".join(found)


if __name__ == "__main__":
    with psycopg.connect(libpq_url(DatabaseSettings())) as ledger:
        print(table(ledger))  # noqa: T201 - this command's output
