"""A table that is only a part, figures under another's name, vintages that go back or have grown old.

None of these shows in a single row, and the first two have no version before that would tell.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from tasks.quality.gate import run_gate
from tests.support.gate import (
    ATP,
    DEU,
    IP,
    VINTAGE,
    Figures,
    balanced,
    failed,
    given,
    of,
    tables,
    when,
    without,
)

SOME = pl.col("economy_code").is_in(["ABW", "AGO", "ALB", "ARG", "ARM", "AUS", "AUT", "AZE"])
FEW_AGGREGATES = pl.col("economy_code").is_in(["WLD", "EUU", "HIC", "OED", "EAS", "ECS", "NAC"])
PARTS: dict[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], str]] = {
    "some economies missing": (without(SOME), "economies"),
    "most aggregates missing": (without(pl.col("is_aggregate") & ~FEW_AGGREGATES), "aggregates"),
    "years missing": (without((pl.col("year") < 1988) & (pl.col("economy_code") != "USA")), "observations"),
    "one flow missing of small economies": (
        lambda df: balanced(when(~pl.col("economy_code").is_in(["USA", "WLD"]) & (pl.col("year") < 1990), receipts_usd=pl.lit(None))(df))
        .filter(pl.any_horizontal(pl.col("receipts_usd", "payments_usd").is_not_null())),
        "observations",
    ),
}  # fmt: skip


@pytest.mark.parametrize("corruption", PARTS)
def test_a_first_version_that_is_a_part_of_the_table_is_rejected(good: Figures, corruption: str) -> None:
    """Whole by its own account (pages and totals agree), and without a version before to compare with."""
    corrupt, what = PARTS[corruption]
    report = run_gate(given(IP, corrupt(good(IP, "2021-09-15")), "2021-09-15"))
    assert failed(report, "critical") - {"short_of_world"} == {"complete"}
    assert what in {json.loads(r)["what"] for r in of(report, "complete").failing_rows}


def renamed(df: pl.DataFrame) -> pl.DataFrame:
    return when(DEU, economy_name=pl.lit("German Democratic Republic"))(df)


def two_of_one_name(df: pl.DataFrame) -> pl.DataFrame:
    return when(DEU, economy_name=pl.lit("France"))(df)


@pytest.mark.parametrize(("corrupt", "more"), [(renamed, set()), (two_of_one_name, {"names_of_others"})])
def test_a_name_that_is_not_the_publishers_for_that_code_is_rejected(
    good: Figures, corrupt: Callable[[pl.DataFrame], pl.DataFrame], more: set[str]
) -> None:
    report = run_gate(given(IP, corrupt(good(IP, "2021-09-15")), "2021-09-15"))
    assert failed(report, "critical") == {"economy_names"} | more
    assert "DEU" in of(report, "economy_names").failing_rows[0]


def test_one_name_for_two_codes_is_rejected_though_the_publisher_lists_it_so(good: Figures) -> None:
    data = two_of_one_name(good(IP, "2021-09-15"))
    listed = tables[IP]["economies"].with_columns(
        economy_name=pl.when(DEU).then(pl.lit("France")).otherwise(pl.col("economy_name"))
    )
    report = run_gate(given(IP, data, "2021-09-15", tables=tables[IP] | {"economies": listed}))
    assert failed(report, "critical") == {"economy_names", "names_of_others"}
    assert {json.loads(r)["economy_code"] for r in of(report, "economy_names").failing_rows} == {"DEU", "FRA"}


# ------------------------------------------------------------------ vintages


def test_an_economy_that_goes_back_to_an_older_vintage_is_rejected(good: Figures) -> None:
    """The figures themselves can look like any revision."""
    before = good(IP, "2025-01-28")
    ireland = pl.col("economy_code") == "IRL"
    assert before.filter(ireland)["source_vintage"].unique().to_list() == ["2024-09-19"]
    data = when(ireland, source_vintage=pl.lit("2021-09-15"))(before)
    report = run_gate(given(IP, data, "2025-01-28", before))
    assert failed(report, "critical") == {"vintage_not_back"}
    assert "IRL" in of(report, "vintage_not_back").failing_rows[0]


@pytest.mark.parametrize(
    ("dataset", "today", "warned"),
    [
        (ATP, date(2025, 6, 8), set()),
        (ATP, date(2025, 6, 9), {"fresh_enough"}),
        (IP, date(2022, 4, 3), set()),
        (IP, date(2022, 4, 4), {"fresh_enough"}),
    ],
)
def test_a_live_vintage_past_its_limit_is_a_warning(good: Figures, dataset: str, today: date, warned: set[str]) -> None:
    """100 days after 2025-02-28, and 200 after 2021-09-15, are still in time."""
    vintage = VINTAGE[dataset]
    report = run_gate(given(dataset, good(dataset, vintage), vintage, live=True, today=today))
    assert failed(report) == failed(report, "warning") == warned


def test_bundled_vintages_never_go_stale(good: Figures) -> None:
    report = run_gate(given(ATP, good(ATP, "2025-02"), "2025-02", today=date(2099, 1, 1)))
    assert of(report, "fresh_enough").outcome == "not_applicable"
    assert failed(report) == set()
