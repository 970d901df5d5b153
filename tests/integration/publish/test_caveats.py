"""Known biases as data: valid, published, shown, and joined as the data guide says."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from configs.contract import Contract, parse_contract
from configs.contracts import dataset_names, load_contract
from configs.errors import ConfigError
from tasks.publish import caveats
from tasks.storage.open import open_store
from tasks.warehouse import layout, reader
from tests.paths import ROOT
from tests.support.plain import Ran

GUIDE = ROOT / "docs" / "data-guide.md"


@pytest.mark.parametrize("name", dataset_names())
def test_every_note_says_where_it_holds_and_who_says_so(name: str) -> None:
    contract = load_contract(name)
    frame = caveats.frame(contract)
    assert frame["note_id"].n_unique() == frame.height == len(contract.biases)
    for bias in contract.biases:
        assert bias.source and bias.text
        assert caveats.words(bias).endswith(f"({bias.source})")
    for key in contract.primary_key:
        assert frame.schema[f"{key}_first"] == contract.column(key).polars


def test_a_note_on_a_column_that_is_none_is_refused() -> None:
    text = (ROOT / "configs" / "datasets" / "atp_world_monthly.yaml").read_text(encoding="utf-8")
    for wrong in ("where: {perod: {first: 2020-01-01}}", "measures: [export_usd]"):
        note = f"- {{id: a, kind: break, text: t, source: s, {wrong}}}"
        with pytest.raises(ConfigError, match="no such column"):
            parse_contract(text, "x", note)


def test_a_changed_note_is_a_new_contract() -> None:
    contract = load_contract("atp_world_monthly")
    fewer: Contract = contract.model_copy(update={"biases": contract.biases[1:]})
    assert fewer.sha256 != contract.sha256


def test_notes_are_published_and_shown(techtrade: Callable[..., Ran], tmp_path: Path) -> None:
    assert techtrade("publish", "atp_world_monthly", "--source", "snapshot").code == 0
    shown = techtrade("show", "atp_world_monthly")
    assert "overstated: period 2021-08-01: " in shown.out and "819 million" in shown.out
    store = open_store(str(tmp_path / "store"))
    manifest = reader.resolve(store, "atp_world_monthly").manifest
    version = f"{tmp_path}/store/{layout.version('atp_world_monthly', manifest.version)}"
    found = duckdb.sql(
        f"""SELECT t.period, n.note_id, n.amount_usd FROM '{version}data/*.parquet' t JOIN '{version}notes.parquet' n
        ON t.period BETWEEN coalesce(n.period_first, t.period) AND coalesce(n.period_last, t.period)
        WHERE n.kind = 'overstated'"""
    ).fetchall()
    assert found == [(date(2021, 8, 1), "aircraft_exports_2021_08", 819_000_000)]


def test_the_join_of_the_data_guide(tmp_path: Path) -> None:
    """On figures of a moment before, at and after each edge of the notes."""
    contract = load_contract("atp_trade_monthly")
    rows = [
        (flow, group, "x", partner, None, None, False, period, 1, 1)
        for flow in ("exports", "imports")
        for group in ("04", "08")
        for partner in ("0003", "4120")
        for period in (date(2017, 12, 1), date(2018, 1, 1), date(2021, 8, 1))
    ]
    data = pl.DataFrame(rows, schema=contract.polars_schema, orient="row")
    version = tmp_path / "warehouse" / "atp_trade_monthly" / "versions" / "v"
    (version / "data" / "part").mkdir(parents=True)
    data.write_parquet(version / "data" / "part" / "a.parquet")
    caveats.frame(contract).write_parquet(version / "notes.parquet")
    (sql,) = re.findall(r"```sql\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    found = duckdb.sql(sql.replace("warehouse/", f"{tmp_path}/warehouse/").replace("<version>", "v")).pl()
    overstated = found.filter(pl.col("kind") == "overstated")
    month = date(2021, 8, 1)
    assert set(overstated.select("period", "flow", "technology_group").rows()) == {
        (month, "exports", "04"), (month, "exports", "08"),
    }  # fmt: skip
    members = found.filter(pl.col("text").str.contains("European Union"))
    assert set(members.select("period", "partner_code").rows()) == {(date(2017, 12, 1), "0003")}
