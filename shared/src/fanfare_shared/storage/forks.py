"""obstore's threads start with its first use and do not survive a fork: what the child then asks of it never returns.

So the first use binds storage to its process, and a use in a process forked from it is an error, not a hang.
"""

import os

from fanfare_shared.errors import StorageMisusedError

_bound_to: list[int] = []


def bind_to_this_process() -> None:
    """Raises StorageMisusedError where storage was used before this process was forked."""
    pid = os.getpid()
    if not _bound_to:
        _bound_to.append(pid)
    elif _bound_to[0] != pid:
        raise StorageMisusedError(
            f"Storage was opened in process {_bound_to[0]} before {pid} was forked from it: open it in the child, "
            "with per_child, and nowhere before"
        )
