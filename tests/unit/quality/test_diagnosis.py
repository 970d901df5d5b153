"""One sentence for many failed checks, and rows that a person can read."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from configs.contracts import load_contract
from tasks.quality.diagnosis import diagnose
from tasks.quality.failing_rows import row_words
from tasks.quality.measures import compare_measures
from tasks.quality.results import CheckResult

ATP = load_contract("atp_world_monthly")


def failed(check_id: str, *rows: dict[str, Any], severity: Any = "critical", number: int | None = None) -> CheckResult:
    kept = tuple(json.dumps(r) for r in rows[:20])
    return CheckResult(check_id, "title", severity, "failed", "x", "y", 100, number or len(rows), kept, "", "", "")


def months(exports: int = 1, imports: int = 1, *, swapped: bool = False) -> pl.LazyFrame:
    periods = [date(2015 + m // 12, m % 12 + 1, 1) for m in range(60)]
    given = {"exports_usd": [exports * (1000 + m) for m in range(60)], "imports_usd": [imports * 500] * 60}
    if swapped:
        given = {"exports_usd": given["imports_usd"], "imports_usd": given["exports_usd"]}
    return pl.LazyFrame({"period": periods, **given})


def of(now: pl.LazyFrame, *results: CheckResult) -> str:
    return diagnose(compare_measures(ATP, now, months()), results or [failed("jumps", {"year": 2015})])


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (months(1000), "nearly every figure of exports_usd is 1,000 times what it was in the version before"),
        (
            months(1000, 1000),
            "nearly every figure of exports_usd and imports_usd is 1,000 times what it was in the version before",
        ),
        (
            months(1000, -1),
            "nearly every figure of exports_usd is 1,000 times what it was; nearly every figure of imports_usd has the "
            "opposite sign of what it was in the version before",
        ),
        (months(), ""),
    ],
)
def test_a_unit_or_a_sign_is_told_from_all_rows(now: pl.LazyFrame, told: str) -> None:
    assert of(now) == told


def test_a_few_revised_rows_are_no_diagnosis() -> None:
    one = months().with_columns(exports_usd=pl.when(pl.col("period").dt.year() == 2015).then(9).otherwise("exports_usd"))  # fmt: skip
    assert of(one) == ""


def test_nothing_that_failed_has_no_diagnosis() -> None:
    assert diagnose(compare_measures(ATP, months(1000), months()), []) == ""


def test_without_a_version_before_the_ratio_to_what_is_known_is_told() -> None:
    known: list[dict[str, Any]] = [{"flow": "exports", "year": 1990 + n, "known_usd": 5.0 + n, "value_usd": 5000.0 + 1000 * n} for n in range(30)]  # fmt: skip
    assert (
        diagnose([], [failed("known_years", *known)])
        == "value_usd is 1,000 times what is known, in 30 rows of known_years"
    )
    assert diagnose([], [failed("known_years", *known[:3])]) == "", "three rows are no rule"
    assert diagnose([], [failed("known_years", *known, severity="warning")]) == ""
    other = [*known[:-1], known[-1] | {"value_usd": 7.0}]
    assert diagnose([], [failed("known_years", *other, number=20)]) != "", "only the rows that are kept are looked at"
    assert diagnose([], [failed("known_years", known[0] | {"value_usd": 7.0}, *known[1:])]) == ""


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            {"period": "2015-01-01", "value_usd": 5, "flow": "exports_usd", "from": "imports_usd", "stood_in": "2015-01-01"},
            "60 figures moved: exports_usd has the figures of imports_usd in the version before",
        ),
        (
            {"period": "2015-02-01", "value_usd": 5, "flow": "exports_usd", "from": "exports_usd", "stood_in": "2015-01-01"},
            "60 figures moved: 2015-02-01 has the figures of 2015-01-01 in the version before",
        ),
        (
            {"series": "DEU", "from": "FRA", "figures": 60, "newest": "2020"},
            "60 figures moved: DEU has the figures of FRA in the version before",
        ),
        (
            {"series": "DEU", "from": "itself, 1 later", "figures": 60, "newest": "2020"},
            "60 figures moved: DEU has its own figures of another time (1 later)",
        ),
    ],
)  # fmt: skip
def test_figures_that_moved_are_told_by_where_they_were(row: dict[str, Any], told: str) -> None:
    assert diagnose([], [failed("figures_moved", row, number=60)]) == told


def test_figures_of_a_yanked_version_are_told_first() -> None:
    row = {"same_as_yanked": "2026-11-24.0002 (wrong unit)"}
    assert of(months(1000), failed("yanked_content", row)) == (
        "the figures are those of the yanked version 2026-11-24.0002 (wrong unit)"
    )


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            {"year": 1989, "exports_usd": 84191500000000, "exports_usd_before": 84191500000},
            "1989: exports_usd 84,191,500,000,000 (84,191,500,000 in the version before)",
        ),
        ({"period": "1989-01-01", "flow": "exports", "value_usd": None}, "1989-01-01, flow exports: value_usd missing"),
        ({"figures": 388, "round": 388}, "figures 388, round 388"),
        ({"vintage": "2025-02", "days_old": 639}, "vintage 2025-02: days_old 639"),
        ({"period": None, "value_usd": 0.5}, "period missing, value_usd 0.5"),
    ],
)
def test_a_failing_row_reads_like_a_sentence(row: dict[str, Any], told: str) -> None:
    assert row_words(json.dumps(row)) == told


@pytest.mark.parametrize("row", ["no json {", "[1]", ""])
def test_what_is_no_row_is_left_as_it_is(row: str) -> None:
    assert row_words(row) == row
