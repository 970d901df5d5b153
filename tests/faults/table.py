"""The table of ``docs/faults.md``, between two marks."""

from __future__ import annotations

from tests.faults.harness import Row, Tally
from tests.paths import ROOT

PAGE = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- table: make faults -->", "<!-- end of table -->"


def lines(tallies: list[Tally]) -> list[str]:
    """The table in Markdown, one line a row."""
    found = ["| faults | right outcome | tried | wrong outcome | command |", "|---|---|---:|---:|---|"]
    found += [_line(t.row, t.tried, len(t.wrong)) for t in tallies]
    total, wrong = sum(t.tried for t in tallies), sum(len(t.wrong) for t in tallies)
    return [*found, f"| **all** | | **{total}** | **{wrong}** | `make faults` |"]


def _line(row: Row, tried: int, wrong: int) -> str:
    return f"| {row.title} | {row.right} | {tried} | {wrong} | `python -m tests.faults {row.name}` |"


def written() -> list[str]:
    """The table as it stands in the page."""
    text = PAGE.read_text(encoding="utf-8")
    return text.partition(BEGIN)[2].partition(END)[0].strip().splitlines()


def write(tallies: list[Tally]) -> None:
    """Put the table into the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    table = "\n".join(lines(tallies))
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
