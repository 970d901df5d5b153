"""The gate of ``ip_position_annual``: a rank of a few economies is none."""

from __future__ import annotations

import polars as pl
import pytest

from configs.contracts import load_contract
from expectations.check import GateInput
from expectations.datasets import ip_position_annual as expectations
from tasks.transform.marts import ip_position_annual
from tasks.transform.marts.ip_position_annual import RANKED_FROM

CONTRACT, IP = load_contract("ip_position_annual"), load_contract("ip_trade_annual")


@pytest.mark.parametrize(("economies", "caught"), [(RANKED_FROM, set()), (RANKED_FROM - 1, {"ranks_of_few"})])
def test_ranks_of_few_economies_are_rejected(economies: int, caught: set[str]) -> None:
    rows = [
        {
            "economy_code": f"X{n:02d}",
            "is_aggregate": False,
            "year": 2020,
            "receipts_usd": float(-n),
            "source_vintage": "v",
        }
        for n in range(economies)
    ]
    tables = {IP.name: pl.LazyFrame([{c: r.get(c) for c in IP.names} for r in rows], schema=IP.polars_schema)}
    made = ip_position_annual.transform(tables)
    ranks = pl.int_range(1, pl.len() + 1, dtype=pl.Int32)
    data = made.with_columns(receipts_rank=ranks, rank_note=pl.lit(None, pl.String))
    given = GateInput(
        contract=CONTRACT,
        data=data,
        staged_schemas={},
        parent=None,
        tables=tables,
        vintage="2021-09-15",
        asked_vintage=None,
        parent_vintage=None,
        yanked_contents={},
        content_sha256="",
    )
    found = {c.id for c in expectations.checks(given) if c.frame is not None and c.frame.collect().height}
    assert found == caught


def test_the_contract_states_the_number_that_the_transform_uses() -> None:
    assert CONTRACT.quality["ranks_of_few"].bounds == {"economies": RANKED_FROM}
    assert f"fewer than {RANKED_FROM}" in CONTRACT.column("rank_note").description
