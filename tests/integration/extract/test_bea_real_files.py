"""BEA's own parameter lists, where they lie beside the checkout: our codes are theirs, and the nesting fits them."""

from __future__ import annotations

import csv
import re

import polars as pl
import pytest

from benchmarks.synthetic.memory import Memory
from tasks.extract.bea import code_tree as codes
from tasks.extract.bea import tables
from tests.paths import SOURCES

METADATA = SOURCES / "bea_metadata"
pytestmark = pytest.mark.skipif(not METADATA.is_dir(), reason="BEA's own lists are not beside this checkout")


def listed(name: str) -> dict[str, str]:
    with open(METADATA / f"{name}.csv", encoding="utf-8-sig", newline="") as f:
        return {r["Key"]: r["Desc"] for r in csv.DictReader(f)}


@pytest.fixture(scope="module")
def ours() -> dict[str, pl.DataFrame]:
    return codes.tables(codes.documents(Memory()))


def test_the_types_are_those_of_the_real_list(ours: dict[str, pl.DataFrame]) -> None:
    assert set(ours["types"]["code"]) == {c for c in listed("IntlServTrade_TypeOfService") if codes.is_ip(c)}


def test_the_indicators_are_those_of_the_real_list(ours: dict[str, pl.DataFrame]) -> None:
    real = {c for c in listed("ITA_Indicator") if c[:7] in tables.FLOWS and codes.is_ip(c[7:])}
    wanted = ours["types"].filter("is_quarterly")["code"]
    assert real == {f"{flow}{c}" for flow in tables.FLOWS for c in wanted}
    assert set(tables.ADJUSTMENTS) <= set(listed("ITA_Frequency"))


def test_no_other_series_of_either_list_is_about_intellectual_property() -> None:
    """By the words of the descriptions; a series that we leave out must be one that we know of."""
    words = re.compile(r"intellectual property|licens|royalt|franchis|trademark", re.IGNORECASE)
    found = {c for c, d in listed("IntlServTrade_TypeOfService").items() if words.search(d) and not codes.is_ip(c)}
    assert found == {"CompSoftware"}, "software that is sold, end-user licenses with it: a computer service"


def test_affiliations_and_areas_are_those_of_the_real_lists(ours: dict[str, pl.DataFrame]) -> None:
    assert set(ours["affiliations"]["code"]) == set(listed("IntlServTrade_Affiliation"))
    assert set(ours["areas"]["code"]) == set(listed("IntlServTrade_AreaOrCountry"))
    known = {*tables.DIRECTIONS, tables.BALANCE, tables.DROPPED}
    assert known == set(listed("IntlServTrade_TradeDirection"))


def test_the_residuals_leave_out_as_many_countries_as_bea_says(ours: dict[str, pl.DataFrame]) -> None:
    """ITA describes the residuals of this table by the number of countries that they exclude."""
    said = {
        c: int(n[1])
        for c, d in listed("ITA_AreaOrCountry").items()
        if c.endswith("Ist") and (n := re.search(r"(\d+) countr", d))
    }
    assert len(said) == 6
    parents = dict(ours["areas"].select("code", "parent").iter_rows())
    siblings = {c: sum(p == parents[c] for p in parents.values()) - 1 for c in said}
    assert siblings == said


def test_single_countries_are_leaves(ours: dict[str, pl.DataFrame]) -> None:
    areas = ours["areas"]
    assert areas.height == 90
    leaves = areas.filter(~pl.col("is_aggregate"))["code"]
    residual = leaves.str.starts_with("Oth") | leaves.is_in(["IntOrgAndUnalloc", "UkIslandsCarib"])
    assert leaves.filter(~residual).len() == 71
