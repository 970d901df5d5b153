"""The score in words: on the terminal, as JSON, and in docs/quality-score.md."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.quality_mutations.event import Aftermath
from benchmarks.quality_mutations.judge import OUTCOMES, Verdict
from benchmarks.quality_mutations.reasons import reason_of
from benchmarks.quality_mutations.score import Score
from benchmarks.quality_mutations.targets import Target
from flows.cli.output import table

Rows = list[tuple[str, ...]]
PAGE = Path(__file__).parents[2] / "docs" / "quality-score.md"
COUNTS = ("dataset", "corruptions", "judged", *OUTCOMES, "movers", "silent movers", "movers held or blocked")
WAYS = ("version", "ground", "second source", "judged", *OUTCOMES)
EVENTS = ("dataset", "event", "size", "what became of it", "days held", "by")
TARGETS = ("target", "wanted", "seen", "")
WORST = ("dataset", "corruption", "moves", "outcome", "by")
SILENT = ("dataset", "corruption", "moves", "as", "why it looks like true figures")


def counts(verdicts: Sequence[Verdict]) -> Rows:
    """The four counts per dataset, and of all."""
    by_dataset = {d: [v for v in verdicts if v.dataset == d] for d in sorted({v.dataset for v in verdicts})}
    return [_counts(name, Score.of(found)) for name, found in (by_dataset | {"all": list(verdicts)}).items()]


def _counts(name: str, s: Score) -> tuple[str, ...]:
    shown = (s.ways, s.judged, *s.counts.values(), s.movers, s.movers_silent)
    return (name, *map(str, shown), f"{s.stopped:.1%}" if s.movers else "")


def ways(verdicts: Sequence[Verdict]) -> Rows:
    """The four counts as next and as first version, on each ground, beside a second source and without."""
    found: dict[tuple[str, str, str], list[Verdict]] = {}
    for v in verdicts:
        found.setdefault((v.stance, v.ground, "there" if v.second else "not there"), []).append(v)
    scores = {way: Score.of(some) for way, some in sorted(found.items(), reverse=True)}
    return [(*way, str(s.judged), *map(str, s.counts.values())) for way, s in scores.items()]


def cases(verdicts: Sequence[Verdict], every: bool = False) -> Rows:
    """One row a corruption: what became of it in each way, and by which checks."""
    rows: Rows = []
    for (dataset, kind, case), some in _by_case(verdicts):
        if every or any(v.outcome != "blocked" for v in some):
            outcomes = ", ".join(f"{o} as {_ways(of)}" for o in OUTCOMES if (of := [v for v in some if v.outcome == o]))
            by = sorted({check for v in some for check in v.by[:3]})
            rows.append((dataset, f"{kind}: {case}", _moves(some), outcomes, ", ".join(by[:5])))
    return rows


def weak(verdicts: Sequence[Verdict], outcome: str) -> Rows:
    """The corruptions that are published silently, or merely with a warning; in which ways, and why."""
    rows: Rows = []
    for (dataset, kind, case), some in _by_case(verdicts):
        if found := [v for v in some if v.outcome == outcome]:
            rows.append((dataset, f"{kind}: {case}", _moves(some), _ways(found), reason_of(dataset, kind)))
    return rows


def _by_case(verdicts: Sequence[Verdict]) -> list[tuple[tuple[str, str, str], list[Verdict]]]:
    return [(key, list(some)) for key, some in groupby(verdicts, lambda v: (v.dataset, v.kind, v.case))]


def _ways(verdicts: Sequence[Verdict]) -> str:
    """``next``, or ``first, live, without a second source``: no more than tells the ways apart."""
    told = []
    for stance in ("next", "first"):
        some = [v for v in verdicts if v.stance == stance]
        if not some:
            continue
        grounds, seconds = {v.ground for v in some}, {v.second for v in some}
        more: list[str] = [next(iter(grounds))] if len(grounds) == 1 and len({v.ground for v in verdicts}) > 1 else []
        more += ["alone"] if seconds == {False} else ["beside another source"] if seconds == {True} else []
        told.append(f"{stance} ({', '.join(more)})" if more else stance)
    return ", ".join(told)


def _moves(verdicts: Sequence[Verdict]) -> str:
    moved = max(v.moved for v in verdicts)
    return f"{moved:.1%}" if moved < 10 else f"{moved:.0e} times"


def events(aftermaths: Sequence[Aftermath]) -> Rows:
    """One row a true event."""
    names = {"published": "published", "warned": "published with a warning", "confirmed": "held, then confirmed",
             "person": "held for a person", "blocked": "blocked"}  # fmt: skip
    return [
        (a.event.dataset, a.event.what, a.event.size, names[a.ending],
         "until promoted" if a.days is None else str(a.days), ", ".join(a.by[:4]))
        for a in aftermaths
    ]  # fmt: skip


def targets_of(targets: Sequence[Target]) -> Rows:
    return [(t.what, t.wanted, t.seen, "met" if t.met else "NOT MET") for t in targets]


def _parted(verdicts: Sequence[Verdict]) -> tuple[list[Verdict], list[Verdict]]:
    return [v for v in verdicts if v.of != "ours"], [v for v in verdicts if v.of == "ours"]


def show(verdicts: Sequence[Verdict], aftermaths: Sequence[Aftermath], targets: Sequence[Target], every: bool) -> None:
    fixed, ours = _parted(verdicts)
    for title, columns, rows in (
        ("Corruptions", WORST, cases(verdicts, every)),
        ("True events", EVENTS, events(aftermaths)),
        ("The fixed list", COUNTS, counts(fixed)),
        ("In each way", WAYS, ways(fixed)),
        ("Our additions", COUNTS, counts(ours)),
        ("Targets", TARGETS, targets_of(targets)),
    ):
        print(f"\n{title}\n")
        table(columns, rows)


def as_json(verdicts: Sequence[Verdict], aftermaths: Sequence[Aftermath], targets: Sequence[Target]) -> dict[str, Any]:
    fixed, ours = _parted(verdicts)
    return {
        "targets": [vars(t) for t in targets],
        "fixed": vars(Score.of(fixed)),
        "ours": vars(Score.of(ours)),
        "verdicts": [vars(v) for v in verdicts],
        "events": [dict(zip(EVENTS, row, strict=True)) for row in events(aftermaths)],
    }


def write(verdicts: Sequence[Verdict], aftermaths: Sequence[Aftermath], targets: Sequence[Target]) -> None:
    """Put the tables between their marks in docs/quality-score.md."""
    fixed, ours = _parted(verdicts)
    tables = {
        "targets": (TARGETS, targets_of(targets)),
        "counts": (COUNTS, counts(fixed)),
        "ways": (WAYS, ways(fixed)),
        "ours": (COUNTS, counts(ours)),
        "silent": (SILENT, weak(verdicts, "silent")),
        "warned": (SILENT, weak(verdicts, "warned")),
        "events": (EVENTS, events(aftermaths)),
    }
    page = PAGE.read_text(encoding="utf-8")
    for name, (columns, rows) in tables.items():
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, rest = page.split(start)
        page = before + start + _markdown(columns, rows) + end + rest.split(end)[1]
    PAGE.write_text(page, encoding="utf-8")


def _markdown(columns: Sequence[str], rows: Rows) -> str:
    lines = [columns, ["---"] * len(columns), *[[cell.replace("|", "/") for cell in row] for row in rows]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
