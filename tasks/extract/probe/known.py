"""Figures and codes that we have already, and how an answer compares with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import polars as pl

from configs.release_calendar import load_calendar, month_after
from configs.words import few, plural
from tasks.extract import partners
from tasks.extract.probe.findings import Finding
from tasks.extract.probe.visit import Unkept
from tasks.extract.registry import load_source
from tasks.extract.source import FetchRequest

# Of the known figures, so many may be revised or gone before a person has to look. Between two real vintages of the
# workbook at most 0.5 % of a year moved; the World Bank revised a fifth of its large figures by more than 1 % within a
# year, and withdraws zeros, which are not counted.
REVISED, GONE = 0.3, 0.05
# All months of trade in advanced technology, one flow, in US dollars: since 2010 the real ones lie between 17 and 125
# billion, and a wrong unit is a factor of a thousand.
LEAST, MOST = 5e9, 1e12


def bundled(dataset: str, table: str, source: str = "snapshot") -> pl.DataFrame:
    """Return a table of the newest bundled vintage."""
    module = load_source(source)
    documents = module.fetch(FetchRequest(dataset), Unkept())
    return module.parse(dataset, documents, None).tables[table].collect()


def partner_codes(column: str) -> set[str]:
    """Return the codes that our table of partners has for a publisher."""
    return set(partners.table(partners.document(Unkept())).collect()[column].drop_nulls())


def unknown_codes(source: str, probe: str, what: str, found: Iterable[str], known: Iterable[str]) -> list[Finding]:
    """Return a finding that names the codes that our tables lack."""
    if not (new := sorted(set(found) - set(known))):
        return []
    told = f"{plural(len(new), what)} that our tables do not have: {few(new, most=10)}."
    return [Finding(source, probe, "look at", f"It has {told}")]


def months_compared(source: str, probe: str, found: date, now: datetime) -> list[Finding]:
    """Compare the newest month with the calendar of releases."""
    expected = load_calendar("ft900").newest(now)
    if found == expected:
        return []
    text = f"The newest month is {found:%Y-%m}; our calendar expects {expected:%Y-%m}"
    if found > expected:
        return [Finding(source, probe, "good to know", f"{text}: it was released earlier than the calendar says.")]
    return [Finding(source, probe, "look at", f"{text}: it is not released yet, or the calendar is wrong.")]


def magnitude_compared(source: str, probe: str, totals: dict[tuple[str, str], float]) -> list[Finding]:
    """Whether monthly totals have the size of US trade in advanced technology."""
    odd = [f"{flow} of {month} are {value:,.0f} US dollars" for (flow, month), value in totals.items()
           if not LEAST <= value <= MOST]  # fmt: skip
    if not odd:
        return []
    text = f"By our unit {few(odd)}; real months lie between {LEAST / 1e9:,.0f} and {MOST / 1e9:,.0f} billion."
    return [Finding(source, probe, "breaks us", f"{text} Has the unit changed?")]


def figures_compared(
    source: str, probe: str, found: pl.DataFrame, known: pl.DataFrame, key: Sequence[str], value: str
) -> list[Finding]:
    """Compare figures with known ones of the same key: another unit, wide revisions, figures that are gone."""
    have = known.filter(pl.col(value).is_not_null() & (pl.col(value) != 0)).select(*key, pl.col(value).alias("known"))
    both = have.join(found.select(*key, pl.col(value).alias("now")), on=list(key), how="left")
    if both.is_empty():
        return []
    kept = both.filter(pl.col("now").is_not_null() & (pl.col("now") != 0))
    ratios = kept["now"] / kept["known"]
    gone = 1 - ratios.len() / both.height
    findings = []
    median = ratios.median()
    if isinstance(median, float) and not 0.5 < median < 2:
        text = f"Its figures are {median:,.4g} times those that we know (median of {ratios.len():,})."
        findings.append(Finding(source, probe, "breaks us", f"{text} Has the unit changed?"))
    elif ratios.len() and (revised := (abs(ratios - 1) > 0.01).sum()) > REVISED * ratios.len():
        text = f"{revised:,} of {ratios.len():,} known figures differ by more than 1 %."
        findings.append(Finding(source, probe, "look at", text))
    if gone > GONE:
        text = f"{both.height - ratios.len():,} of {both.height:,} known figures are gone."
        findings.append(Finding(source, probe, "look at", text))
    return findings


def newest_months(now: datetime, count: int = 2) -> list[date]:
    """Return the newest months that can be expected, newest first."""
    newest = load_calendar("ft900").newest(now)
    return [month_after(newest, -n) for n in range(count)]
