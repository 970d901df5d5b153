"""A group of partners that has ended is one piece of news, not one a month."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from configs.contracts import load_contract
from expectations.check import GateInput
from expectations.rules.new_partners import groups_ended
from tasks.quality.cells import Cell, cells_of, confirmations
from tasks.quality.confirmation import unknown

MONTHS = [date(2024 + m // 12, m % 12 + 1, 1) for m in range(15)]


def groups(ended: date) -> pl.LazyFrame:
    rows = [
        ("imports", code, month, 5_000_000_000, True)
        for code in ("0003", "0026")
        for month in MONTHS
        if code == "0026" or month <= ended
    ]
    columns = ["flow", "partner_code", "period", "value_usd", "is_aggregate"]
    return pl.LazyFrame(rows, schema=columns, orient="row")


def found(newest: date, memory: pl.DataFrame | None = None) -> tuple[Cell, ...]:
    given: dict[str, Any] = {"data": pl.LazyFrame(), "staged_schemas": {}, "parent": None, "tables": {}}
    more: dict[str, Any] = {"asked_vintage": None, "parent_vintage": None, "yanked_contents": {}}
    gate = GateInput(
        load_contract("atp_trade_monthly"), **given, vintage=f"{newest:%Y-%m}", **more, content_sha256="x",
        confirmed=memory,
    )  # fmt: skip
    check = groups_ended(gate, groups(date(2025, 1, 1)).filter(pl.col("period") <= newest), newest, None)
    assert check.frame is not None
    return cells_of(check, unknown(gate, check, check.frame.collect()).rows)


def test_confirmed_end_of_a_group_stays_confirmed() -> None:
    (cell,) = found(date(2025, 2, 1))
    assert (cell.names["partner_code"], cell.names["period"]) == ("0003", "2025-02-01")
    done = Cell(cell.check_id, cell.key, cell.value_usd, cell.expected_usd, "confirmed", "A. Owner")
    memory = confirmations([done], None, "2025-04-03T00:00:00Z")
    assert len(found(date(2025, 3, 1))) == 1
    assert found(date(2025, 3, 1), memory) == ()
