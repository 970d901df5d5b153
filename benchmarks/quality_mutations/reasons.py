"""Why a published corruption cannot be distinguished from true figures."""
# ruff: noqa: E501 - a reason a line

from __future__ import annotations

from benchmarks.quality_mutations.grounds.ground import ANNUAL, ATP, IP, PARTNERS, PRODUCTS, QUARTERLY, TRADE

MONTH = "Months move by more than this from one to the next, and revisions and new months look alike; workbook, API and FT-900 of one release tell, so it needs all of them gone."
NAMES = "Every sum still holds and both names are real: only the version before, or a source by partner, can tell."
REVISED = "True revisions of the World Bank are as large: 60 of 758 cells above a billion moved by more than 10 percent from 2025-01-28 to 2025-10, up to 80 percent."
WITHDRAWN = (
    "The World Bank withdraws observations and zeros, and whole small economies: the figures that are left are right."
)
BENCHMARK = "BEA's annual update moves three to seven years at once, by 9 percent and more after a survey; quarters and the World Bank tell where they are there."
LISTED = "A revision of the Harmonized System changes as many codes as this."
TYPES = "Types that are parts of one have no other source, and change by as much from year to year."

REASONS: dict[tuple[str, str], str] = {
    (ATP, "month shifted"): MONTH,
    (ATP, "month swapped"): MONTH,
    (ATP, "one cell"): MONTH,
    (ATP, "many small"): MONTH,
    (ATP, "partial"): MONTH,
    (ATP, "balance"): MONTH,
    (ATP, "revision"): MONTH,
    (ATP, "other series"): MONTH,
    (ATP, "stale"): "Each figure was right once; of a first version it cannot be known what came after.",
    (ATP, "rounding"): "Rounding moves no total, and the publisher rounded all months up to 2008; reported_precision_usd says so.",
    (TRADE, "partner swapped"): NAMES,
    (TRADE, "partner dropped"): "A partner may stop trading: its rows are then absent. Workbook and FT-900 tell.",
    (TRADE, "partner merged"): NAMES,
    (TRADE, "group codes"): "Groups have no other history; FT-900 has those of the newest month, and only warns because its exhibits are rounded and revised by themselves.",
    (TRADE, "one cell"): MONTH,
    (TRADE, "many small"): MONTH,
    (TRADE, "partial"): MONTH,
    (TRADE, "revision"): MONTH,
    (TRADE, "other series"): MONTH,
    (TRADE, "rounding"): "Rounding moves no total; parts are rounded with their sums.",
    (IP, "unit"): REVISED,
    (IP, "one cell"): REVISED,
    (IP, "economy doubled"): REVISED,
    (IP, "partial"): REVISED,
    (IP, "aggregate"): "The World Bank publishes its world before all economies have reported, and revises it by more.",
    (IP, "economy dropped"): WITHDRAWN,
    (IP, "null"): WITHDRAWN,
    (IP, "truncated"): WITHDRAWN,
    (IP, "economy swapped"): NAMES,
    (IP, "vintage"): "The World Bank does publish economies of several vintages side by side.",
    (IP, "label"): "Forecasts are left out and no figure is wrong; the warning says how many are missing.",
    (ANNUAL, "unit"): BENCHMARK,
    (ANNUAL, "partial"): BENCHMARK,
    (ANNUAL, "partner swapped"): NAMES,
    (ANNUAL, "codes permuted"): TYPES,
    (ANNUAL, "year duplicated"): "BEA rounds to a million: a small series repeats a figure for good reasons.",
    (ANNUAL, "year missing"): "BEA takes years back while it revises, and nothing that is left is wrong.",
    (ANNUAL, "stale"): "Nothing that is there is wrong; the warning says that the newest year is late.",
    (ANNUAL, "null"): "BEA withholds figures of single firms, and says so in each.",
    (ANNUAL, "partner dropped"): "BEA withholds areas, and its list of areas changes (90 until 2025, 237 since).",
    (ANNUAL, "truncated"): "BEA withholds areas and affiliations; those that are there are right.",
    (QUARTERLY, "unit"): BENCHMARK,
    (QUARTERLY, "partial"): "A quarter did fall by as much as this in one type; the annual table has no quarter.",
    (QUARTERLY, "series swapped"): "Adjusted and unadjusted figures of a quarter differ by less than a revision does.",
    (QUARTERLY, "codes permuted"): TYPES,
    (QUARTERLY, "quarter missing"): "Nothing that is there is wrong; the warning says that the newest quarter is late.",
    (QUARTERLY, "year to date"): BENCHMARK,
    (PRODUCTS, "truncated"): LISTED,
    (PRODUCTS, "group codes"): LISTED,
    (PRODUCTS, "stale"): "A year without a change of the list is possible; the warning says that there was none.",
    (PRODUCTS, "list missing"): "A history may begin and end with any list; those that are there are right.",
    (PARTNERS, "partner swapped"): "No figure uses these codes, and no other source names them.",
    (PARTNERS, "partner dropped"): "Lists of economies differ by source and year; the floor is on how many there are.",
    (PARTNERS, "label"): "Names are ours, and no other list has to have the same.",
}  # fmt: skip


def reason_of(dataset: str, kind: str) -> str:
    """Return the reason for a kind of corruption; empty if none is given."""
    return REASONS.get((dataset, kind), "")
