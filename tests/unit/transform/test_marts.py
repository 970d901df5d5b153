"""What is made from the datasets: positions of economies, the United States with each partner, how far figures moved."""

from __future__ import annotations

import math
from datetime import date
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.contracts import derived_names, load_contract, published_names
from configs.history_contract import SUFFIX
from tasks.transform.marts import ip_position_annual, revision_profile, us_technology_position_annual
from tasks.transform.marts.revision_profile import ENOUGH
from tasks.transform.shared.exact_sums import mean, total

IP, HITECH, BEA, PARTNERS = map(
    load_contract, ("ip_trade_annual", "atp_trade_monthly", "us_ip_trade_annual", "partners")
)


def frame(contract_name: str, rows: list[dict[str, Any]]) -> pl.LazyFrame:
    contract = load_contract(contract_name)
    return pl.LazyFrame([{c: r.get(c) for c in contract.names} for r in rows], schema=contract.polars_schema)


# ------------------------------------------------------------------------ contracts


@pytest.mark.parametrize("name", [*derived_names(), *(n for n in published_names() if n.endswith(SUFFIX))])
def test_nothing_is_named_before_what_it_is_made_from(name: str) -> None:
    """Restoration and whoever makes all of it goes by this order."""
    every = published_names()
    assert all(every.index(of) < every.index(name) for of in load_contract(name).derived_from)


@pytest.mark.parametrize("name", [*derived_names(), *(n for n in published_names() if n.endswith(SUFFIX))])
def test_what_is_derived_tells_what_it_is_made_from_and_what_each_column_is(name: str) -> None:
    contract = load_contract(name)
    assert contract.derived_from and set(contract.derived_from) <= set(published_names())
    for field in contract.arrow_schema:
        assert field.metadata[b"unit"] and field.metadata[b"description"]
        assert "{" not in field.metadata[b"description"].decode(), "a word of the template was not filled in"
    assert contract.sha256 == load_contract(name).sha256 and contract.absent_row_means


# ------------------------------------------------------------------------ ip_position_annual


def economies(receipts: dict[str, float], vintage: str = "v", year: int = 2020) -> list[dict[str, Any]]:
    return [
        {"economy_code": e, "economy_name": e, "is_aggregate": e == "WLD", "year": year, "receipts_usd": v,
         "payments_usd": None, "source_vintage": vintage}
        for e, v in receipts.items()
    ]  # fmt: skip


def test_ranks_and_shares_are_of_one_vintage() -> None:
    others = {f"X{n:02d}": 0.1 for n in range(ip_position_annual.RANKED_FROM - 4)}
    rows = economies({"WLD": 100.0, "USA": 40.0, "JPN": 20.0, "DEU": 20.0, "CHE": 5.0, **others})
    mixed = economies({"WLD": 50.0, "USA": 30.0}, year=2019) + economies({"JPN": 20.0}, "w", 2019)
    found = ip_position_annual.transform({"ip_trade_annual": frame(IP.name, rows + mixed)}).collect()
    told = {(r["economy_code"], r["year"]): (r["receipts_rank"], r["receipts_share"], r["rank_note"])
            for r in found.iter_rows(named=True)}  # fmt: skip
    assert told[("USA", 2020)] == (1, 0.4, None)
    assert told[("JPN", 2020)] == told[("DEU", 2020)] == (2, 0.2, None)
    assert told[("CHE", 2020)] == (4, 0.05, None)
    assert told[("WLD", 2020)] == (None, 1.0, "aggregate")
    assert told[("USA", 2019)] == (None, 0.6, "mixed vintages")
    assert told[("JPN", 2019)] == (None, None, "mixed vintages"), "the world of another vintage is no total of it"
    assert found["payments_rank"].null_count() == found.height
    assert (
        found.select(load_contract("ip_position_annual").names).schema
        == load_contract("ip_position_annual").polars_schema
    )


@pytest.mark.parametrize(("fewer", "note"), [(0, None), (1, "few economies")])
def test_a_year_of_few_economies_has_no_ranks(fewer: int, note: str | None) -> None:
    receipts = {f"X{n:02d}": float(n) for n in range(ip_position_annual.RANKED_FROM - fewer)}
    found = ip_position_annual.transform({"ip_trade_annual": frame(IP.name, economies(receipts))}).collect()
    assert set(found["rank_note"]) == {note}
    assert found["receipts_rank"].null_count() == (found.height if fewer else 0)


# ------------------------------------------------------------------------ us_technology_position_annual

WHO = {"-": "world", "5700": "CHN", "5880": "JPN", "4280": "DEU"}
partners = frame(
    "partners",
    [
        {"partner_id": i, "partner_name": i, "is_aggregate": i == "world", "iso3": None if i == "world" else i,
         "schedule_c_code": c, "bea_code": {"world": "AllCountries", "JPN": "Japan"}.get(i),
         "region": "East Asia" if i in ("CHN", "JPN") else None}
        for c, i in WHO.items()
    ],
)  # fmt: skip


def monthly(trade: dict[tuple[str, str], int], months: int = 12, year: int = 2024) -> list[dict[str, Any]]:
    """partner and group: a month's imports; exports are half of it. The world is the sum."""
    world: dict[tuple[str, str], int] = {}
    for (_, group), value in trade.items():
        world[("-", group)] = world.get(("-", group), 0) + value
    return [
        {"flow": flow, "technology_group": g, "partner_code": p, "is_aggregate": p == "-", "period": date(year, m, 1),
         "value_usd": v // (1 if flow == "imports" else 2)}
        for (p, g), v in {**trade, **world}.items() for m in range(1, months + 1) for flow in ("imports", "exports")
    ]  # fmt: skip


def bea(flows: dict[tuple[str, str], int | None]) -> list[dict[str, Any]]:
    return [
        {"direction": d, "ip_type": "ChargesForTheUseOfIpNie", "affiliation": "AllAffiliations", "partner_code": p,
         "year": 2024, "value_usd": v}
        for (d, p), v in flows.items()
    ]  # fmt: skip


def position(goods: list[dict[str, Any]], services: list[dict[str, Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    found = us_technology_position_annual.transform(
        {
            "atp_trade_monthly": frame(HITECH.name, goods),
            "us_ip_trade_annual": frame(BEA.name, services),
            "partners": partners,
        }
    ).collect()
    contract = load_contract("us_technology_position_annual")
    assert found.schema == contract.polars_schema
    return {(r["partner_id"], r["year"]): r for r in found.iter_rows(named=True)}


def test_goods_and_services_stand_side_by_side() -> None:
    goods = monthly({("5700", "04"): 60, ("5700", "05"): 20, ("4280", "04"): 20})
    found = position(
        goods, bea({("exports", "AllCountries"): 100, ("exports", "Japan"): 25, ("imports", "Japan"): None})
    )
    china, world, japan = found[("CHN", 2024)], found[("world", 2024)], found[("JPN", 2024)]
    assert (china["atp_imports_usd"], china["atp_exports_usd"], china["atp_balance_usd"]) == (960, 480, -480)
    assert china["atp_imports_share"] == 0.8 and china["atp_imports_group_hhi"] == pytest.approx(0.75**2 + 0.25**2)
    assert china["ip_receipts_usd"] is None and china["atp_imports_partner_hhi"] is None
    assert world["atp_imports_partner_hhi"] == pytest.approx(0.8**2 + 0.2**2)
    assert world["atp_imports_east_asia_share"] == 0.8 and world["ip_receipts_usd"] == 100
    assert (japan["ip_receipts_share"], japan["ip_payments_usd"], japan["ip_balance_usd"]) == (0.25, None, None)
    assert japan["atp_imports_usd"] == 0, "an absent row is zero, and the year is complete"


def test_a_year_that_is_not_complete_has_no_goods() -> None:
    found = position(monthly({("5700", "04"): 60}, months=11), bea({("exports", "AllCountries"): 100}))
    assert set(found) == {("world", 2024)} and found[("world", 2024)]["atp_imports_usd"] is None


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["5700", "5880", "4280"]), st.sampled_from(["01", "04"])),
        st.integers(2, 99),
        min_size=1,
    )
)
def test_shares_add_up_and_concentration_lies_between_even_and_one(trade: dict[tuple[str, str], int]) -> None:
    found = position(monthly(trade), bea({}))
    countries = [r for (p, _), r in found.items() if p != "world"]
    assert sum(r["atp_imports_share"] for r in countries) == pytest.approx(1)
    world = found[("world", 2024)]
    assert 1 / len(countries) - 1e-9 <= world["atp_imports_partner_hhi"] <= 1 + 1e-9
    assert world["atp_imports_usd"] == sum(r["atp_imports_usd"] for r in countries)
    assert all(0.5 - 1e-9 <= r["atp_imports_group_hhi"] <= 1 + 1e-9 for r in countries)


# ------------------------------------------------------------------------ revision_profile


def span(period: date, value: int, first: str, until: str | None, group: str = "04") -> dict[str, Any]:
    return {"flow": "imports", "technology_group": group, "partner_code": "-", "period": period, "measure": "value_usd",
            "value": value, "vintage_from": first, "vintage_until": until, "seq_from": 1, "cause": "first"}  # fmt: skip


def profile(rows: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    name = f"{HITECH.name}{SUFFIX}"
    found = revision_profile.transform({name: frame(name, rows)}).collect()
    assert found.schema == load_contract("revision_profile").polars_schema
    return {(r["series_group"], r["age"]): r for r in found.iter_rows(named=True)}


def test_a_figure_counts_once_an_age_against_what_stands_now() -> None:
    january = date(2024, 1, 1)
    rows = [
        span(january, 100, "2024-01", "2024-02"),
        span(january, 104, "2024-02", "2025-06"),
        span(january, 130, "2025-06", None),
        # Withdrawn within its vintage: no state of the publisher's.
        span(january, 9999, "2024-02", "2024-02"),
    ]
    found = profile(rows)
    fresh, older = found[("all", "00-02")], found[("imports, 04", "00-02")]
    assert (fresh["observations"], fresh["mean_revision"]) == (1, pytest.approx(0.3)), "as it first stood at that age"
    assert older["mean_absolute_revision"] == fresh["mean_absolute_revision"]
    assert (fresh["upward_share"], fresh["revised_share"], fresh["p90_absolute_revision"]) == (1.0, 1.0, None)
    assert (fresh["first_vintage"], fresh["last_vintage"]) == ("2024-01", "2025-06")
    assert ("all", "12-23") not in found, "in the newest vintage nothing could be revised yet"


def test_what_is_zero_counts_and_what_we_moved_does_not() -> None:
    periods = [date(2000 + n // 12, n % 12 + 1, 1) for n in range(40)]
    zeros = [span(p, 0, "2010-01", None) for p in periods[1:]]
    doubled = [span(periods[0], 50, "2010-01", "2011-01"), span(periods[0], 100, "2011-01", None)]
    found = profile([*zeros, *doubled])[("all", "60+")]
    assert (found["observations"], found["median_absolute_revision"], found["mean_revision"]) == (40, 0.0, 1 / 40)
    # An absent row is zero: what went was revised down by all of it.
    gone = profile([span(periods[0], 100, "2010-01", "2011-01"), span(periods[1], 7, "2011-01", None)])
    assert (gone[("all", "60+")]["observations"], gone[("all", "60+")]["mean_revision"]) == (1, -1.0)
    # A unit that we mended is no revision.
    mended = span(periods[0], 100_000, "2011-01", None) | {"cause": "method"}
    assert profile([span(periods[0], 100, "2010-01", "2011-01"), mended]) == {}


def test_how_many_report_is_told_beside_a_rank() -> None:
    rows = economies({"USA": 3.0, "DEU": 2.0, "WLD": 5.0})
    found = ip_position_annual.transform({"ip_trade_annual": frame("ip_trade_annual", rows)}).collect()
    assert set(found.filter(pl.col("year") == 2020)["receipts_economies"]) == {2}, "aggregates are no economies"


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60), st.randoms())
def test_a_sum_does_not_depend_on_the_order(values: list[float], random: Random) -> None:
    shuffled = random.sample(values, len(values))
    found = pl.DataFrame({"a": [values, shuffled], "b": [values, shuffled]}).select(total("a"), mean("b"))
    assert found["a"][0] == found["a"][1] == math.fsum(values) and found["b"][0] == found["b"][1]


def test_percentiles_are_given_from_a_sample_on() -> None:
    for count in (ENOUGH - 1, ENOUGH):
        periods = [date(2000 + n // 12, n % 12 + 1, 1) for n in range(count)]
        rows = [r for p in periods for r in (span(p, 100, "2010-01", "2011-01"), span(p, 90, "2011-01", None))]
        found = profile(rows)[("all", "60+")]
        assert found["observations"] == count and found["mean_revision"] == pytest.approx(-0.1)
        expected = pytest.approx(0.1) if count == ENOUGH else None
        assert found["p90_absolute_revision"] == expected == found["median_absolute_revision"]
