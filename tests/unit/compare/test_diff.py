"""Every difference is listed, and only revised measures count as revisions."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from configs.contracts import load_contract
from tasks.compare.diff import diff

ATP = load_contract("atp_world_monthly")
IP = load_contract("ip_trade_annual")


def atp(months: dict[int, tuple[int, int]]) -> pl.LazyFrame:
    return pl.LazyFrame(
        [
            {
                "period": date(2000 + m // 12, m % 12 + 1, 1),
                "exports_usd": e,
                "imports_usd": i,
                "balance_usd": e - i,
                "reported_precision_usd": 1,
            }
            for m, (e, i) in months.items()
        ],
        schema=ATP.polars_schema,
    )


def ip(*rows: dict[str, Any]) -> pl.LazyFrame:
    base = {"economy_name": "X", "is_aggregate": False, "year": 2020, "source_vintage": "2021-09-15"}
    return pl.LazyFrame([base | r for r in rows], schema=IP.polars_schema)


months = st.dictionaries(st.integers(0, 40), st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=0, max_size=20)


@given(months)
def test_a_version_does_not_differ_from_itself(one: dict[int, tuple[int, int]]) -> None:
    changes = diff(atp(one), atp(one), ATP)
    assert changes.frame.height == 0
    assert set(changes.counts.rows.values()) == {0} == set(changes.counts.cells.values())


@given(months, months)
def test_the_changes_applied_to_the_old_give_the_new(
    old: dict[int, tuple[int, int]], new: dict[int, tuple[int, int]]
) -> None:
    """Nothing is left out: whoever has the old version and the changes has the new one."""
    frame = diff(atp(new), atp(old), ATP).frame
    state = {(k, c): v for k, c, v in _cells(atp(old))}
    for row in frame.iter_rows(named=True):
        if row["kind"] == "removed":
            del state[row["key"], row["column"]]
        else:
            state[row["key"], row["column"]] = int(row["new"])
    assert state == {(k, c): v for k, c, v in _cells(atp(new))}


def _cells(frame: pl.LazyFrame) -> list[tuple[str, str, int]]:
    rows = frame.collect().iter_rows(named=True)
    return [(str(r["period"]), c.name, r[c.name]) for r in rows for c in ATP.measures]


@given(months, months)
def test_rows_are_counted_by_kind(old: dict[int, tuple[int, int]], new: dict[int, tuple[int, int]]) -> None:
    rows = diff(atp(new), atp(old), ATP).counts.rows
    assert rows["new"] == len(new.keys() - old.keys())
    assert rows["removed"] == len(old.keys() - new.keys())
    assert rows["revised"] == sum(old[m] != new[m] for m in old.keys() & new.keys())


def test_against_nothing_every_row_is_new() -> None:
    counts = diff(atp({0: (3, 1), 1: (4, 1)}), None, ATP).counts
    assert counts.rows["new"] == 2
    assert counts.cells["new"] == 6


def test_the_same_figure_with_more_digits_is_no_revision_but_is_listed() -> None:
    old = ip({"economy_code": "IRL", "receipts_usd": 35450512679.9349, "payments_usd": 1.0, "balance_usd": 1.0})
    new = ip({"economy_code": "IRL", "receipts_usd": 35450512679.9351, "payments_usd": 1.5, "balance_usd": 1.0})
    frame = diff(new, old, IP).frame
    assert dict(frame.select("column", "kind").iter_rows()) == {
        "receipts_usd": "representation",
        "payments_usd": "revised",
    }
    assert float(frame["new"][1]) == 35450512679.9351, "the text reads back exactly"


def test_a_new_vintage_alone_relabels_and_revises_nothing() -> None:
    old = ip({"economy_code": "IRL", "receipts_usd": 1.0})
    new = ip({"economy_code": "IRL", "receipts_usd": 1.0, "source_vintage": "2024-09-19"})
    counts = diff(new, old, IP).counts
    assert (counts.rows["revised"], counts.cells["relabelled"]) == (0, 1)


def test_a_value_that_comes_or_goes_in_a_row_that_stays_is_a_revision() -> None:
    old = ip({"economy_code": "IRL", "receipts_usd": 1.0, "payments_usd": None})
    new = ip({"economy_code": "IRL", "receipts_usd": None, "payments_usd": 0.0})
    frame = diff(new, old, IP).frame
    assert [tuple(r) for r in frame.select("column", "old", "new", "kind").iter_rows()] == [
        ("payments_usd", None, "0.0", "revised"),
        ("receipts_usd", "1.0", None, "revised"),
    ]


def test_a_column_that_the_older_version_lacks_is_compared_with_null() -> None:
    old = atp({0: (3, 1)}).drop("reported_precision_usd")
    counts = diff(atp({0: (3, 1)}), old, ATP).counts
    assert (counts.rows["revised"], counts.cells["relabelled"]) == (0, 1)


def test_a_row_without_any_figure_still_counts_as_new() -> None:
    counts = diff(ip({"economy_code": "IRL"}), None, IP).counts
    assert (counts.rows["new"], counts.cells["new"]) == (1, 0)
