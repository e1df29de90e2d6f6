"""What every part is made from: folders, ports, secrets, and the settings the user gave."""

from dataclasses import dataclass

from fanfare_native.credentials import Credentials
from fanfare_native.layout import Layout
from fanfare_native.ports import Ports


@dataclass(frozen=True)
class Context:
    """`given` holds the `FANFARE_*` settings the user set, which stand before the stack's own; `monitored` says whether
    Flower is to see the workers.
    """

    layout: Layout
    ports: Ports
    credentials: Credentials
    given: dict[str, str]
    monitored: bool = False
