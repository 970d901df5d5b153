"""The made-up world obeys the publisher's rules at full size, so that what is proved on it means something."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from benchmarks.synthetic.trade import atp, world
from configs.release_calendar import month_after
from tasks.storage.open import open_store
from tasks.warehouse import layout, reader
from tests.doubles.census_api import CensusApi
from tests.support.plain import Ran
from tests.support.sources import point_at_trade_api

VALUE = {"exports": ("ALL_VAL_MO", "ALL_VAL_YR"), "imports": ("GEN_VAL_MO", "GEN_VAL_YR")}
FULL = "2025-10"


@pytest.fixture(params=["exports", "imports"])
def flow(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def rows(flow: str) -> pl.DataFrame:
    month, year = VALUE[flow]
    return (
        world(FULL, small=False)
        .flows[flow]
        .select(
            pl.col("CTY_CODE").alias("partner"),
            pl.col("HITECH").alias("group"),
            (pl.col("time") + "-01").str.to_date().alias("period"),
            pl.col(month).cast(pl.Int64).alias("value"),
            pl.col(year).cast(pl.Int64).alias("ytd"),
        )
    )


def is_partner() -> pl.Expr:
    return pl.col("partner").str.contains(r"^[1-8]\d{3}$")


def test_it_is_of_full_size(flow: str) -> None:
    found = rows(flow)
    assert found.filter(is_partner())["partner"].n_unique() >= 230
    assert found["period"].n_unique() == 190
    assert set(found["group"]) == {"-", *(f"{n:02d}" for n in range(11))}


def test_partners_add_up_to_the_world_and_groups_to_the_total(flow: str) -> None:
    found = rows(flow)
    by = ["group", "period"]
    partners = found.filter(is_partner()).group_by(by).agg(pl.col("value", "ytd").sum()).sort(by)
    whole = found.filter(pl.col("partner") == "-").select(*by, "value", "ytd").sort(by)
    assert partners.equals(whole.filter(pl.col("ytd") > 0))
    by = ["partner", "period"]
    groups = found.filter(pl.col("group") != "-").group_by(by).agg(pl.col("value", "ytd").sum()).sort(by)
    assert groups.equals(found.filter(pl.col("group") == "-").select(*by, "value", "ytd").sort(by))


def test_a_row_is_there_from_the_first_trade_of_the_year_on(flow: str) -> None:
    found = rows(flow).sort("partner", "group", "period")
    series = ["partner", "group", pl.col("period").dt.year()]
    summed = found.with_columns(pl.col("value").cum_sum().over(series).alias("months"))
    assert summed.filter(pl.col("months") != pl.col("ytd")).is_empty()
    assert found["ytd"].min() > 0, "nothing before the first trade"  # type: ignore[operator]
    assert found.filter(pl.col("value") == 0).height > 1000, "zeros after it"
    step = pl.col("period").dt.month().diff().over(series)
    assert set(found.select(step.drop_nulls().unique()).to_series()) == {1}, "no month left out"


def test_totals_of_a_month_are_the_real_ones(flow: str) -> None:
    found = rows(flow).filter((pl.col("partner") == "-") & ~pl.col("group").is_in(["-", "00"]))
    months = dict(found.group_by("period").agg(pl.col("value").sum()).iter_rows())
    side = 0 if flow == "exports" else 1
    known = {m: round(v[side] * 1_000_000) for m, v in atp("2025-02").items() if m >= date(2010, 1, 1)}
    assert {m: months[m] for m in known} == known


def test_continents_add_up_to_the_world_but_for_what_is_unidentified(flow: str) -> None:
    found = rows(flow).filter(pl.col("group") == "04")
    continents = found.filter(pl.col("partner").str.ends_with("XXX")).group_by("period").agg(pl.col("value").sum())
    rest = found.filter(pl.col("partner") == "8220").select("period", pl.col("value").alias("unidentified"))
    whole = found.filter(pl.col("partner") == "-").select("period", pl.col("value").alias("world"))
    both = (
        whole.join(continents, on="period")
        .join(rest, on="period", how="left")
        .with_columns(pl.col("unidentified").fill_null(0))
    )
    assert both.filter(pl.col("value") + pl.col("unidentified") != pl.col("world")).is_empty()
    assert (both["unidentified"].sum() > 0) == (flow == "exports")


def test_a_revision_moves_the_last_three_years_and_nothing_before(flow: str) -> None:
    one, other = (world("2026-09", revision).flows[flow] for revision in (0, 1))
    key = ["CTY_CODE", "HITECH", "time"]
    joined = one.join(other, on=key, how="full", coalesce=True, suffix="_after")
    moved = joined.filter(pl.col(VALUE[flow][0]).ne_missing(pl.col(f"{VALUE[flow][0]}_after")))["time"]
    assert str(moved.min()) > f"{month_after(date(2026, 9, 1), -36):%Y-%m}"
    assert moved.n_unique() == 36


@pytest.mark.slow
def test_the_full_history_is_published_whole(
    techtrade: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    with CensusApi(FULL, small=False) as api:
        point_at_trade_api(monkeypatch, api)
        place = f"{tmp_path}/full"
        assert techtrade("publish", "atp_trade_monthly", "--store", place).code == 0
        assert len(api.asked()) <= 36, "a year and flow a request"
    store = open_store(place)
    manifest = reader.resolve(store, "atp_trade_monthly").manifest
    data = reader.scan(store, manifest)
    assert manifest.rows > 800_000
    assert [f.path for f in manifest.files if f.rows][0] == "data/part_year=2010/part-0000.parquet"
    assert store.size(layout.latest("atp_trade_monthly"))
    whole = data.filter((pl.col("partner_code") == "-") & (pl.col("period").dt.year() == 2017))
    sums = dict(whole.group_by("flow").agg(pl.col("value_usd").sum()).collect().iter_rows())
    # Census balance workbook, vintage 2025-02: the balance of 2017 is -110,674.5 million dollars.
    assert round((sums["exports"] - sums["imports"]) / 1e6, 1) == -110_674.5
