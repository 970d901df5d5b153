"""What changed in a version, for a person: ``changes.md`` beside its data, and ``techtrade diff``.

By cause, the effect on the totals that are looked at first, the largest changes with names instead of codes, whom and
when it concerns. Short enough for a chat window, however much changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from configs.claims import Claim
from configs.columns import Column
from configs.contract import Contract, Headline
from configs.words import plural, visible
from tasks.common.text import figure
from tasks.compare.attribution import CAUSES
from tasks.compare.diff import apart
from tasks.compare.press_claims import judge_claim
from tasks.warehouse.log_order import in_order
from tasks.warehouse.records import ChangeCounts, LogEntry

PAGE = "changes.md"
LARGEST = 10
NAMED = 6
WORDS = {
    "new_period": ("new period", "new periods"),
    "source_revision": ("revision by the publisher", "revisions by the publisher"),
    "reclassification": ("the list of products changed",) * 2,
    "method": ("our method changed",) * 2,
    "withdrawal": ("an input was withdrawn",) * 2,
    "unattributed": ("the publisher or our method, not told apart",) * 2,
}
OTHERWISE = {
    "representation": (
        "figure is printed with more or fewer digits and is the same",
        "figures are printed with more or fewer digits and are the same",
    ),
    "relabelled": ("name, code or vintage of a row is another", "names, codes or vintages of rows are others"),
}


@dataclass(frozen=True)
class Side:
    """One of the two versions: its name, its vintage, its rows."""

    version: str
    vintage: str
    rows: pl.LazyFrame


def render_changes_md(
    contract: Contract,
    old: Side | None,
    new: Side,
    changes: pl.LazyFrame,
    counts: ChangeCounts,
    claims: Sequence[Claim] = (),
    log: Sequence[LogEntry] = (),
    title: str = "",
    columns: tuple[str, str] = ("was", "is"),
) -> str:
    """Return the page.

    Args:
        changes: as in ``changes.parquet``; of a first version none.
        counts: of all changes; ``changes`` need not list rows of new periods.
        claims: what is said of the dataset's figures; a verdict that changed is told, of a first version each.
        log: of the dataset, for what was withdrawn between the two.
        title: the first lines, instead of those that name the two versions.
        columns: the headings of old and new totals.
    """
    head = f"# {contract.name} {new.version}: vintage {new.vintage}"
    if old is None:
        count = new.rows.select(pl.len()).collect().item()
        told = "\n".join(["", *_claims(claims, None, new)]).rstrip()
        first = f"{head}\n\nThe first version: {plural(count, 'row')}, nothing to compare with.\n{told}\n"
        return visible(first.rstrip() + "\n")
    title = title or f"{head}, against {old.version}: vintage {old.vintage}"
    lines = [title, "", *_withdrawn(log, old.version, new.version)]
    listed = changes.filter(pl.col("kind").is_in(["new", "revised", "removed"]))
    lines += _by_cause(listed, counts)
    if not counts.causes and listed.limit(1).collect().is_empty():
        return visible("\n".join([*lines, *_otherwise(changes), ""]))
    lines += _headlines(contract, old, new, columns)
    lines += _claims(claims, old, new)
    names = _names(contract, old, new)
    lines += _largest(contract, listed, names) or _each(contract, listed, names)
    lines += _where(contract, listed, names)
    return visible("\n".join([*lines, *_otherwise(changes), ""]))


def _withdrawn(log: Sequence[LogEntry], *ends: str) -> list[str]:
    order = in_order(log)
    first, last = sorted(map(order, ends))
    gone = [e for e in log if e.event == "yanked" and first <= order(e.version) <= last]
    return [*(" ".join(f"Withdrawn: {e.version}, {e.reason}".split()) for e in gone), *([""] if gone else [])]


def _by_cause(listed: pl.LazyFrame, counts: ChangeCounts) -> list[str]:
    """How many figures and rows changed, and why. What is gone was not revised: it is counted on its own."""
    causes, _ = apart(counts.causes, listed)
    gone_rows, gone_figures = counts.rows.get("removed", 0), counts.cells.get("removed", 0)
    if not causes and not gone_rows:
        return ["No figure changed.", ""]
    told = [f"{plural(causes[c], *WORDS[c])}" for c in CAUSES if causes.get(c)]
    each = listed.filter(pl.col("kind") != "removed").select("key", pl.col("cause").str.split("+")).explode("cause")
    rows = dict(each.group_by("cause").agg(pl.col("key").n_unique()).collect().iter_rows())
    in_rows = ", ".join(f"{plural(rows[c], *WORDS[c])}" for c in CAUSES if rows.get(c))
    return [
        *([f"Figures: {'; '.join(told)}."] if told else []),
        *([f"Rows: {in_rows}."] if in_rows else []),
        *([f"Gone: {plural(gone_rows, 'row')} with {plural(gone_figures, 'figure')}."] if gone_rows else []),
        "",
    ]


def _otherwise(changes: pl.LazyFrame) -> list[str]:
    kinds = dict(changes.group_by("kind").len().collect().iter_rows())
    told = [plural(kinds[kind], *words) for kind, words in OTHERWISE.items() if kinds.get(kind)]
    return [f"Besides: {'; '.join(told)}."] if told else []


# ------------------------------------------------------------------------ headlines


def _headlines(contract: Contract, old: Side, new: Side, columns: tuple[str, str]) -> list[str]:
    moved = [(h, y, a, b) for h in contract.headlines for y, a, b in _years(contract, h, old, new) if a != b]
    if not contract.headlines:
        return []
    if not moved:
        return ["No headline total of a year that was there changed.", ""]
    shown = sorted(moved, key=lambda m: (-m[1], m[0].title))[:LARGEST]
    lines = [f"| headline total | year | {columns[0]} | {columns[1]} | |", "|---|---|---|---|---|"]
    lines += [
        f"| {h.title} | {y} | {_figure(was)} | {_figure(now)} | {_percent(was, now)} |" for h, y, was, now in shown
    ]
    more = len(moved) - len(shown)
    return [*lines, *([f"({more} more that changed)"] if more else []), ""]


def _years(contract: Contract, headline: Headline, old: Side, new: Side) -> list[tuple[int, float, float]]:
    """The totals of each year that both have."""
    period = contract.period
    if period is None:
        return []
    column = contract.column(period)
    year = pl.col(period).dt.year() if column.type == "date" else pl.col(period)
    keep = [pl.col(c) == v for c, v in headline.where.items()]

    def totals(side: Side) -> pl.LazyFrame:
        periods = pl.col(period).unique().sort().cast(pl.String).str.join(" ")
        return side.rows.filter(*keep).group_by(year.alias("year")).agg(pl.col(headline.measure).sum(), had=periods)

    both = totals(old).join(totals(new), on="year", suffix="__new")
    # A year that got more months is no other year.
    same = both.filter(pl.col("had") == pl.col("had__new")).sort("year").collect()
    return [(r[0], r[1], r[2]) for r in same.select("year", headline.measure, f"{headline.measure}__new").iter_rows()]


# ------------------------------------------------------------------------ claims


def _claims(claims: Sequence[Claim], old: Side | None, new: Side) -> list[str]:
    """What is said in public of these figures, and whether it still holds."""
    lines = []
    for claim in claims:
        now = judge_claim(claim, new.rows, new.vintage)
        was = judge_claim(claim, old.rows, old.vintage) if old else None
        if was is not None and (was.verdict, was.record) == (now.verdict, now.record):
            continue
        seen = f" ({_figure(now.figure_usd)})" if now.figure_usd is not None else ""
        record = f"; the superlative {now.record_words}" if now.record_words else ""
        lines.append(f'- "{claim.statement}": {f"{was.words} -> " if was else ""}{now.words}{seen}{record}')
    return [f"Claims{' whose verdict changed' if old else ''}:", *lines, ""] if lines else []


# ------------------------------------------------------------------------ names


def _names(contract: Contract, old: Side, new: Side) -> dict[str, dict[str, str]]:
    """For each key column that has one, the name of each code: of ``partner_code`` ``partner_name``."""
    named = {key: key.removesuffix("_code") + "_name" for key in contract.primary_key}
    pairs = {
        key: [side.rows.select(key, name).drop_nulls().unique() for side in (old, new)]
        for key, name in named.items()
        if name in contract.names
    }
    return {key: dict(pl.concat(both).collect().iter_rows()) for key, both in pairs.items()}


def _label(contract: Contract, row: dict[str, object], names: dict[str, dict[str, str]]) -> str:
    return ", ".join(
        names.get(k, {}).get(str(row[k]), _period(contract.column(k), row[k])) for k in contract.primary_key
    )


def _period(column: Column, value: object) -> str:
    return str(value)[:7] if column.type == "date" else str(value)


# ------------------------------------------------------------------------ the largest


def _largest(contract: Contract, listed: pl.LazyFrame, names: dict[str, dict[str, str]]) -> list[str]:
    numeric = [m.name for m in contract.measures if m.polars.is_numeric()]
    old, new = (pl.col(c).cast(pl.Float64, strict=False) for c in ("old", "new"))
    ends = (
        listed.filter(pl.col("column").is_in(numeric) & (pl.col("cause") != "new_period"))
        .group_by([*contract.primary_key, "column"], maintain_order=True)
        .agg(old.first().alias("was"), new.last().alias("now"), pl.col("cause").unique(maintain_order=True))
        .with_columns(size=(pl.col("now").fill_null(0) - pl.col("was").fill_null(0)).abs())
        .filter(pl.col("size") > 0)
    )
    by_size = ends.sort(
        "size", "column", *contract.primary_key, descending=[True, *[False] * (len(contract.primary_key) + 1)]
    )
    share = pl.col("size") / pl.col("was").abs()
    by_share = ends.filter(pl.col("was") != 0, pl.col("now").is_not_null()).with_columns(share=share)
    by_share = by_share.sort(
        "share",
        "size",
        "column",
        *contract.primary_key,
        descending=[True, True, *[False] * (len(contract.primary_key) + 1)],
    )
    lines: list[str] = []
    for title, frame in (("The largest by amount", by_size), ("The largest by percent", by_share)):
        if rows := frame.head(LARGEST).collect().to_dicts():
            lines += [f"{title}:", *(f"- {_told(contract, r, names)}" for r in rows), ""]
    return lines


def _each(contract: Contract, listed: pl.LazyFrame, names: dict[str, dict[str, str]]) -> list[str]:
    """Of a dataset without numbers: what came, what changed, what went."""
    lines: list[str] = []
    for kind, title in (("new", "New"), ("revised", "Changed"), ("removed", "Gone")):
        of_kind = listed.filter(pl.col("kind") == kind).sort(*contract.primary_key, "column").collect()
        if of_kind.height:
            more = f" ({of_kind.height - LARGEST:,} more)" if of_kind.height > LARGEST else ""
            shown = [
                f"- {_label(contract, r, names)}, {r['column']}: {r['old'] or 'none'} -> {r['new'] or 'none'}"
                for r in of_kind.head(LARGEST).iter_rows(named=True)
            ]
            lines += [f"{title}{more}:", *shown, ""]
    return lines


def _told(contract: Contract, row: dict[str, Any], names: dict[str, dict[str, str]]) -> str:
    was, now = row["was"], row["now"]
    a, b = (float(x) if isinstance(x, int | float) else None for x in (was, now))
    causes = [c for told in row["cause"] for c in told.split("+")]
    why = "" if causes == ["source_revision"] else f" ({', '.join(WORDS[c][1] for c in causes)})"
    label = f"{_label(contract, row, names)}, {row['column']}"
    return f"{label}: {_figure(a)} -> {_figure(b)}, {_percent(a, b)}{why}"


def _figure(value: float | None) -> str:
    """Dollars in the unit in which they are spoken of."""
    if value is None:
        return "none"
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if abs(value) >= size:
            return f"{value / size:,.3f} {word}"
    return figure(value)


def _percent(was: float | None, now: float | None) -> str:
    if was is None:
        return "new"
    if now is None:
        return "gone"
    return "from 0" if was == 0 else f"{(now - was) / abs(was) * 100:+.1f} %"


# ------------------------------------------------------------------------ whom and when


def _where(contract: Contract, listed: pl.LazyFrame, names: dict[str, dict[str, str]]) -> list[str]:
    """Whom and when the changes concern, but for new periods."""
    old_ones = listed.filter(pl.col("cause") != "new_period")
    gone = pl.col("kind") == "removed"
    lines = []
    for title, word, some in (
        ("Revised cells by key:", "revised", old_ones.filter(~gone)),
        ("Cells that are gone by key:", "gone", old_ones.filter(gone)),
    ):
        found = _by_key(contract, some, word, names)
        lines += [title, *found, ""] if found else []
    return lines


def _by_key(contract: Contract, cells: pl.LazyFrame, word: str, names: dict[str, dict[str, str]]) -> list[str]:
    lines = []
    for key in contract.primary_key:
        if key == contract.period:
            ends = cells.select(
                pl.col(key).min().alias("a"), pl.col(key).max().alias("b"), pl.col(key).n_unique()
            ).collect()
            if ends["a"].item() is not None:
                column = contract.column(key)
                a, b = (_period(column, ends[e].item()) for e in ("a", "b"))
                lines.append(f"- {key}: {ends[key].item()} {word}, {a} to {b}" if a != b else f"- {key}: {a} {word}")
            continue
        counts = cells.group_by(key).agg(pl.len().alias("cells")).sort("cells", key, descending=[True, False]).collect()
        if counts.height:
            told: Sequence[str] = [
                f"{names.get(key, {}).get(str(c), c)} ({n:,})" for c, n in counts.head(NAMED).iter_rows()
            ]
            more = f" and {counts.height - NAMED} more" if counts.height > NAMED else ""
            lines.append(f"- {key}: {', '.join(told)}{more}")
    return lines
