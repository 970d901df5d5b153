"""Why a figure changed: the parts add up to the change, and a period that the publisher reached is no revision."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from hypothesis import given, settings

from configs.contracts import load_contract
from tasks.compare.attribution import AttributionBasis, Cause, Step
from tasks.compare.diff import diff
from tests.support.trade import HITECH, State, cells, hitech

IP = load_contract("ip_trade_annual")  # it means missing


def steps_of(*named: tuple[Cause, State]) -> AttributionBasis:
    return AttributionBasis(tuple(Step(cause, hitech(state)) for cause, state in named))


@given(cells, cells, cells, cells)
@settings(max_examples=60)
def test_the_parts_add_up_to_the_change(old: State, replayed: State, relisted: State, new: State) -> None:
    """Whatever the publisher, the list of products and our code do at once."""
    replays = steps_of(("method", replayed), ("reclassification", relisted))
    found = diff(hitech(new), hitech(old), HITECH, replays)
    plain = diff(hitech(new), hitech(old), HITECH)
    assert found.counts.cells == plain.counts.cells and found.counts.rows == plain.counts.rows
    parts = found.frame.partition_by("key", "column", as_dict=True)
    whole = {(r["key"], r["column"]): r for r in plain.frame.iter_rows(named=True)}
    assert set(parts) == set(whole)
    order = ["method", "reclassification", "source_revision"]
    for cell, rows in parts.items():
        chain = rows.to_dicts()
        assert (chain[0]["old"], chain[-1]["new"]) == (whole[cell]["old"], whole[cell]["new"])
        assert all(a["new"] == b["old"] for a, b in zip(chain, chain[1:], strict=False))
        assert all(r["old"] != r["new"] for r in chain)
        ranks = [order.index(r["cause"].replace("new_period", "source_revision")) for r in chain]
        assert ranks == sorted(set(ranks)), "each cause once, in its order"
        number = [(int(r["new"] or 0) - int(r["old"] or 0)) for r in chain]
        assert sum(number) == int(whole[cell]["new"] or 0) - int(whole[cell]["old"] or 0)


@given(cells, cells)
@settings(max_examples=60)
def test_one_cause_alone_has_all_of_the_change(old: State, new: State) -> None:
    """Code that changed while the publisher did nothing; a list that did; a publisher while nothing of ours did."""
    for cause in ("method", "reclassification"):
        found = diff(hitech(new), hitech(old), HITECH, steps_of((cause, new)))
        assert set(found.frame["cause"]) <= {cause}
    found = diff(hitech(new), hitech(old), HITECH, steps_of(("method", old)))
    assert found.frame.equals(diff(hitech(new), hitech(old), HITECH).frame)
    assert set(found.frame["cause"]) <= {"source_revision", "new_period"}


@given(cells, cells)
def test_without_a_replay_only_new_periods_are_known(old: State, new: State) -> None:
    found = diff(hitech(new), hitech(old), HITECH, AttributionBasis(why_not="its raw inputs were taken down"))
    last = max((m for _, m in old), default=-1)
    for row in found.frame.iter_rows(named=True):
        later = row["kind"] == "new" and row["period"].month - 1 > last
        assert row["cause"] == ("new_period" if later else "unattributed")
    assert sum(found.counts.causes.values()) == sum(found.counts.cells[k] for k in ("new", "revised", "removed"))


def test_where_absent_is_zero_a_first_trade_in_a_month_that_was_there_is_a_revision() -> None:
    found = diff(hitech({("01", 2): 5, ("02", 1): 3, ("02", 3): 1}), hitech({("01", 2): 5}), HITECH)
    told = {(r["technology_group"], r["period"].month): r["cause"] for r in found.frame.iter_rows(named=True)}
    assert told == {("02", 2): "source_revision", ("02", 4): "new_period"}


def ip(*rows: tuple[str, int, float | None]) -> pl.LazyFrame:
    told: list[dict[str, Any]] = [
        {"economy_code": e, "economy_name": e, "is_aggregate": False, "year": y, "receipts_usd": r, "payments_usd": 1.0,
         "balance_usd": None, "source_vintage": "v"}
        for e, y, r in rows
    ]  # fmt: skip
    return pl.LazyFrame(told, schema=IP.polars_schema)


def test_where_absent_is_missing_an_economy_that_reports_late_was_not_revised() -> None:
    old = ip(("USA", 2023, 9.0), ("CHE", 2021, 5.0), ("CHE", 2023, None))
    new = ip(("USA", 2023, 9.5), ("CHE", 2020, 4.0), ("CHE", 2021, 5.0), ("CHE", 2022, 6.0), ("CHE", 2023, 7.0))
    found = diff(new, old, IP).frame.filter(pl.col("column") == "receipts_usd")
    told = {(r["economy_code"], r["year"]): r["cause"] for r in found.iter_rows(named=True)}
    assert told == {
        ("USA", 2023): "source_revision",
        ("CHE", 2020): "source_revision",
        ("CHE", 2022): "new_period",
        ("CHE", 2023): "new_period",
    }


def test_a_code_that_goes_on_is_no_revision_and_a_code_that_begins_is_new() -> None:
    products = load_contract("atp_products")

    def codes(*spans: tuple[str, date, date]) -> pl.LazyFrame:
        told = [
            {"flow": "imports", "hs10": c, "technology_group": "04", "valid_from": a, "valid_to": b}
            for c, a, b in spans
        ]
        return pl.LazyFrame([{k: r.get(k) for k in products.names} for r in told], schema=products.polars_schema)

    old = codes(("8471300100", date(2017, 1, 1), date(2017, 12, 1)))
    new = codes(
        ("8471300100", date(2017, 1, 1), date(2018, 12, 1)), ("8471300101", date(2018, 1, 1), date(2018, 12, 1))
    )
    found = diff(new, old, products)
    kinds = {(r["hs10"], r["column"]): r["kind"] for r in found.frame.iter_rows(named=True)}
    assert kinds == {("8471300100", "valid_to"): "relabelled", ("8471300101", "technology_group"): "new"}
    assert found.counts.causes == {"new_period": 1}
