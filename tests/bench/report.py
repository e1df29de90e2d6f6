"""How a benchmark speaks: tables of text, each figure beside what it was to reach."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`reached` is a ratio or a value of this run; `wanted` says in words what it was to be; `met` whether it was."""

    name: str
    reached: str
    wanted: str
    met: bool


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    cells = [list(header), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    print(f"\n{title}")
    for row in cells:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(flush=True)


def figures(found: Sequence[Figure]) -> None:
    table(
        "Figures",
        ("figure", "reached", "wanted", ""),
        [(figure.name, figure.reached, figure.wanted, "met" if figure.met else "NOT MET") for figure in found],
    )
