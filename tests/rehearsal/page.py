"""The part of docs/rehearsal.md that a rehearsal writes: its table, between two marks."""

from pathlib import Path

from bench.report import Figure

BEGIN, END = "<!-- written by make rehearse -->", "<!-- until here -->"


def write(page: Path, summary: str, figures: list[Figure]) -> None:
    """Replaces what stands between the marks. Raises ValueError where the page lacks them."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} lacks its marks: {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{summary}\n\n{_table(figures)}\n{END}{after}", encoding="utf-8")


def _table(figures: list[Figure]) -> str:
    rows = [
        f"| {each.name} | {each.reached} | {each.wanted}{'' if each.met else ' (**not met**)'} |" for each in figures
    ]
    return "\n".join(["| figure | reached | wanted |", "|---|---|---|", *rows])
