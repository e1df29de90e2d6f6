"""`fanfare-probe live` and `fanfare-probe ready`: a worker container's probes.

Exit status 0 or 1, and the reason on standard error. Imports nothing that takes long: it runs every few seconds.

- live: the heartbeat is fresh. An outage of any server leaves a worker alive.
- ready: live, connected to the broker, and PostgreSQL's port answers. Redis may be away: the workers then keep to their
  share of the quota.
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

STALE_SECONDS = 30.0
"""Six beats: one attempt to connect to a broker whose packets are swallowed takes some of them."""
_CONNECT_SECONDS = 2.0
_POSTGRESQL_PORT = 5432


def live() -> str | None:
    """What is wrong; None where nothing is."""
    try:
        age = time.time() - os.stat(os.environ["FANFARE_HEARTBEAT_FILE"]).st_mtime  # noqa: PTH116 - pathlib takes long to import
    except FileNotFoundError:
        return "there is no heartbeat file"
    return f"the last heartbeat is {age:.0f} s old" if age > STALE_SECONDS else None


def ready() -> str | None:
    """What is wrong; None where nothing is."""
    if wrong := live():
        return wrong
    if not os.path.exists(os.environ["FANFARE_READY_FILE"]):  # noqa: PTH110 - pathlib takes long to import
        return "it is not connected to its broker"
    database = urlsplit(os.environ["FANFARE_DATABASE_URL"])
    try:
        socket.create_connection(
            (database.hostname or "localhost", database.port or _POSTGRESQL_PORT), _CONNECT_SECONDS
        ).close()
    except OSError as error:
        return f"PostgreSQL does not answer: {type(error).__name__}"
    return None


_PROBES: dict[str, Callable[[], str | None]] = {"live": live, "ready": ready}


def main() -> None:
    probe = _PROBES.get(" ".join(sys.argv[1:]))
    if probe is None:
        sys.exit("usage: fanfare-probe live|ready")
    try:
        wrong = probe()
    except KeyError as setting:
        wrong = f"{setting.args[0]} is not set"
    if wrong:
        sys.exit(wrong)
