"""Made-up months in the publisher's layout are read back as they were made, and add up as true ones do."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from benchmarks.bulk_months import Year, codes, detail, write_month
from tasks.extract.census.merchandise.month import COMMODITIES, PARTNERS, Flow, control, read_month
from tasks.extract.zip_stream import zip_members

FLOWS: tuple[Flow, ...] = ("exports", "imports")
VALUE = {"exports": "all_val", "imports": "gen_val"}


@pytest.mark.parametrize("flow", FLOWS)
def test_a_month_is_read_back_as_it_was_made(flow: Flow, tmp_path: Path) -> None:
    file = tmp_path / "month.zip"
    made = write_month(Year(flow, 2025, 3000, other_codes=200), 4, file)
    read = read_month(file, flow, "2025-04", "month.zip", "all_products", chunk=10_000)
    value = f"{VALUE[flow]}_mo"
    assert read.rows == made.height > 500
    assert read.idle == made.filter(pl.col(value) == 0).height > 0
    assert read.detail.drop("hitech").equals(made.filter(pl.col(value) != 0))
    only = read_month(file, flow, "2025-04", "month.zip")
    groups = dict(codes(flow, 200).iter_rows())
    assert only.detail["hitech"].to_list() == [groups[c] for c in only.detail["commodity"]]
    assert "00" not in only.detail["hitech"]
    with zip_members(file, "month.zip") as found:
        for record in (COMMODITIES[flow], PARTNERS[flow]):
            assert control(found, record, "month.zip")[value].sum() == made[value].sum()


@pytest.mark.parametrize("flow", FLOWS)
def test_months_add_up_to_the_year_to_date_and_rows_stay_from_the_first_trade_on(flow: Flow) -> None:
    year, value = Year(flow, 2025, 2000, other_codes=200), VALUE[flow]
    keys = [c for c in detail(year, 1).columns if not c.endswith(("_mo", "_yr")) and c not in ("year", "month")]
    months = [detail(year, m).select(*keys, f"{value}_mo", f"{value}_yr") for m in range(1, 13)]
    summed = pl.concat(months).group_by(keys).agg(pl.col(f"{value}_mo").sum())
    both = months[-1].join(summed, on=keys, suffix="_summed")
    assert both.height == months[-1].height == summed.height
    assert both[f"{value}_yr"].equals(both[f"{value}_mo_summed"].alias(f"{value}_yr"))
    for before, after in zip(months, months[1:], strict=False):
        assert before.join(after, on=keys, how="anti").is_empty()


def test_the_same_arguments_give_the_same_figures() -> None:
    year = Year("exports", 2025, 500, other_codes=50)
    assert detail(year, 6).equals(detail(Year("exports", 2025, 500, other_codes=50), 6))
    assert not detail(year, 6).equals(detail(Year("exports", 2025, 500, seed=8, other_codes=50), 6))
