"""What each test found, as the table that `make chaos` ends with."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from chaos.account import Account

HEADER = ("fault", "devices", "accepted", "missed", "accepted twice", "bound", "unknown", "seconds")
MATRIX = pytest.StashKey["Matrix"]()


@dataclass
class Matrix:
    """`bound`: how many devices may have been accepted twice at most."""

    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, fault: str, account: Account, bound: int = 0) -> None:
        """Adds a row. Fails where more devices were missed, or accepted twice, than the fault allows."""
        numbers = (account.devices, account.accepted, account.missed, account.repeated, bound, account.unknown)
        self.rows.append((fault, *(f"{number:,}" for number in numbers), f"{account.seconds:.1f}"))
        assert account.missed == 0
        assert account.repeated <= bound

    def lines(self) -> Iterator[str]:
        table = [HEADER, *self.rows]
        widths = [max(len(row[column]) for row in table) for column in range(len(HEADER))]
        for row in table:
            first, *rest = (
                cell.ljust(width) if not column else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            yield "  ".join([first, *rest])
