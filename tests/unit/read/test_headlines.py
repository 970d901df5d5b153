"""The newest figure says whose it is, and its revisions are those of the same series."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.contracts import load_contract
from tasks.read.headlines import newest, revisions
from tasks.transform.marts import revision_profile

WORLD, IP, TRADE = (load_contract(n) for n in ("atp_world_monthly", "ip_trade_annual", "atp_trade_monthly"))
VINTAGES = ["2020-03", "2020-09", "2021-06", "2022-06"]


def spans(name: str, rows: list[dict[str, Any]]) -> pl.LazyFrame:
    """A history: key, measure, value, and the numbers of the vintages from and until which it stood."""
    contract = load_contract(f"{name}_history")
    told = [
        dict.fromkeys(contract.names)
        | {"cause": "source_revision", "seq_from": 0}
        | {k: v for k, v in r.items() if k not in ("from", "until")}
        | {
            "vintage_from": VINTAGES[r["from"]],
            "vintage_until": VINTAGES[r["until"]] if r["until"] is not None else None,
        }
        for r in rows
    ]
    return pl.LazyFrame(told, schema=contract.polars_schema)


def series(values: list[int | None], **key: Any) -> list[dict[str, Any]]:
    """The spans of one cell that had these values in the vintages; None: not there yet."""
    found: list[dict[str, Any]] = []
    for n, value in enumerate(values):
        if value is None or found and found[-1]["value"] == value:
            continue
        if found:
            found[-1]["until"] = n
        found.append(key | {"value": value, "from": n, "until": None})
    return found


cell = st.tuples(st.integers(0, 3), st.lists(st.integers(1, 4), min_size=4, max_size=4)).map(
    lambda c: [None] * c[0] + c[1][c[0] :]
)
cells = st.lists(cell, min_size=1, max_size=4)


@settings(max_examples=20)
@given(cells)
def test_of_a_dataset_of_one_series_they_are_what_the_profile_has(values: list[list[int | None]]) -> None:
    rows = [
        row
        for month, had in enumerate(values)
        for row in series(had, period=date(2020, month + 1, 1), measure="exports_usd")
    ]
    history = spans("atp_world_monthly", rows)
    profile = revision_profile.transform({"atp_world_monthly_history": history}).collect()
    (headline,) = (h for h in WORLD.headlines if h.measure == "exports_usd")
    assert revisions(WORLD, headline, history).equals(profile)


@settings(max_examples=20)
@given(cells, cells)
def test_revisions_of_others_are_not_among_them(own: list[list[int | None]], other: list[list[int | None]]) -> None:
    def history(*countries: tuple[str, list[list[int | None]]]) -> pl.LazyFrame:
        rows = [
            row
            for code, values in countries
            for year, had in enumerate(values)
            for row in series(had, economy_code=code, year=2016 + year, measure="receipts_usd")
        ]
        # That there were all these vintages is known from elsewhere.
        rows += series([1, 2, 3, 4], economy_code="WLD", year=2000, measure="payments_usd")
        return spans("ip_trade_annual", rows)

    headline = IP.headlines[0]
    assert headline.where == {"economy_code": "USA"}
    alone, among = history(("USA", own)), history(("USA", own), ("CHN", other))
    assert revisions(IP, headline, among).equals(revisions(IP, headline, alone))


def test_a_headline_that_adds_series_up_is_revised_as_their_sum() -> None:
    def group(name: str, values: list[int | None]) -> list[dict[str, Any]]:
        key = {"flow": "exports", "technology_group": name, "partner_code": "-", "period": date(2020, 2, 1)}
        return series(values, **key, measure="value_usd")

    headline = TRADE.headlines[0]
    # What one lost the other got in the second vintage, so the sum was not revised; in the third it rose by a tenth.
    history = spans("atp_trade_monthly", group("01", [60, 50, 50, 50]) + group("02", [40, 50, 60, 60]))
    found = revisions(TRADE, headline, history)
    assert found.select("age", "observations", "mean_revision").rows() == [("00-02", 1, 0.1), ("03-11", 1, 0.1)]


def ip(*rows: tuple[str, str, int, float | None]) -> pl.LazyFrame:
    return pl.LazyFrame(
        [{"economy_code": c, "economy_name": n, "year": y, "receipts_usd": v} for c, n, y, v in rows],
        schema={c: IP.column(c).polars for c in ("economy_code", "economy_name", "year", "receipts_usd")},
    )


def test_a_figure_names_the_economy_the_year_and_the_flow() -> None:
    usa = [("USA", "United States", 2022, 1.0), ("USA", "United States", 2023, 134_441_000_000.0)]
    later = [("USA", "United States", 2024, None), ("CHN", "China", 2024, 5.0)]
    found = newest(IP, ip(*usa, *later))
    assert [f.words for f in found] == ["United States 2023: 134,441,000,000 receipts", "China 2024: 5 receipts"]
    assert [f.series for f in found] == ["United States receipts", "China receipts"]
    assert {f.unit for f in found} == {"US dollars"}


def test_a_series_without_a_name_is_called_by_its_headline() -> None:
    rows = pl.LazyFrame({"period": [date(2025, 1, 1), date(2025, 2, 1)], "exports_usd": [1, 38_366_390_303]})
    assert [f.words for f in newest(WORLD, rows)] == ["ATP exports 2025-02: 38,366,390,303"]


def test_what_a_dataset_has_no_headline_of_has_no_newest_figure() -> None:
    products = load_contract("atp_products")
    assert newest(products, products.polars_schema.to_frame().lazy()) == []
