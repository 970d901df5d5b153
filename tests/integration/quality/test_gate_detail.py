"""The gate of ``atp_detail_monthly``: silent on good months, and each corruption is caught by the check that is for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest

from benchmarks.bulk_months import Year, write_month
from configs.contracts import load_contract
from expectations.check import GateInput, Other
from tasks.build import partitioned
from tasks.build.recipes import recipe_for
from tasks.build.request import Fetched
from tasks.extract import partners
from tasks.extract.census.merchandise.source import FLOWS, SOURCE
from tasks.extract.source import Meter
from tasks.quality.gate import run_gate
from tasks.quality.results import GateResult
from tasks.raw.archive import RawArchive
from tasks.storage.local import LocalStore

DATASET = "atp_detail_monthly"
KEY = ["flow", "technology_group", "partner_code", "period"]
Change = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class World:
    """Three months of both flows, and what the others say of them."""

    data: pl.DataFrame
    gate: GateInput

    def judged(self, data: pl.DataFrame, **more: object) -> GateResult:
        return run_gate(replace(self.gate, data=data.lazy(), **more))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    contract = load_contract(DATASET)
    with TemporaryDirectory() as place:
        store = LocalStore(Path(place) / "store")
        archive, documents = RawArchive(store), []
        for flow in FLOWS:
            for month in (1, 2, 3):
                file = Path(place) / "month.zip"
                write_month(Year(flow, 2025, 4000, other_codes=300), month, file)
                documents.append(archive.keep_file(SOURCE, f"{flow}/2025-{month:02d}", "made up", file, ".zip", "once"))
        documents.append(partners.document(archive))
        recipe = recipe_for(contract)
        found = recipe.parse(store, Fetched(SOURCE, tuple(documents), Meter()), None)
        extraction, built = recipe.build(store, found, None, Path(place))
        assert [p.partition for p in built.parts] == ["part_year=2025"]
        data = pl.read_parquet(store.root / built.parts[0].key)
        tables = {name: t.collect().lazy() for name, t in extraction.tables.items()}
    yield World(data, _gate(data, tables))


def _gate(data: pl.DataFrame, tables: dict[str, pl.LazyFrame]) -> GateInput:
    contract = load_contract(DATASET)
    sums = data.group_by(KEY).agg(pl.col("value_usd").sum()).with_columns(is_aggregate=pl.lit(False))
    listed = (
        tables["facts"]
        .filter(pl.col("kind") == "concordance")
        .select("flow", pl.col("code").alias("hs10"), "technology_group")
    )
    lists = listed.unique().with_columns(valid_from=pl.date(2025, 1, 1), valid_to=pl.date(2025, 12, 1))
    others = {"atp_trade_monthly": Other(sums.lazy(), "2025-03"), "atp_products": Other(lists, "2025-01")}
    return GateInput(
        contract=contract,
        data=data.lazy(),
        staged_schemas={"data/part_year=2025/part-0000.parquet": contract.arrow_schema},
        parent=data.lazy(),
        tables=tables,
        vintage="2025-03",
        asked_vintage=None,
        parent_vintage="2025-02",
        yanked_contents={},
        content_sha256="",
        others=others.get,
        today=date(2025, 5, 10),
    )


def failed(report: GateResult) -> dict[str, str]:
    return {r.check_id: r.severity for r in report.results if r.outcome == "failed"}


def test_good_months_raise_no_alarm(world: World) -> None:
    report = world.judged(world.data)
    assert failed(report) == {}, report.failures()
    passed = {r.check_id for r in report.results if r.outcome == "passed"}
    assert {"as_hitech", "as_hitech_aircraft", "in_lists", "control_totals", "size_of_change", "in_order"} <= passed


LARGEST = pl.col("value_usd") == pl.col("value_usd").max()
MARCH = pl.col("period") == date(2025, 3, 1)
EXPORTS = pl.col("flow") == "exports"


def put(column: str, value: pl.Expr, where: pl.Expr) -> Change:
    return lambda data: data.with_columns(pl.when(where).then(value).otherwise(pl.col(column)).alias(column))


CORRUPTIONS: dict[str, tuple[Change, str]] = {
    "a record is lost": (lambda d: d.filter(~LARGEST), "as_extracted"),
    "a record is there twice": (lambda d: pl.concat([d, d.filter(LARGEST)]).sort(d.columns[:13]), "key_unique"),
    "a month is lost": (lambda d: d.filter(~MARCH), "no_gaps"),
    "a month of one flow is lost": (lambda d: d.filter(~(MARCH & EXPORTS)), "no_gaps"),
    "a month is another": (put("period", pl.lit(date(2025, 4, 1)), MARCH), "no_gaps"),
    "a value in thousands": (put("value_usd", pl.col("value_usd") // 1000, LARGEST), "as_extracted"),
    "quantity and value exchanged": (put("quantity_1", pl.col("value_usd"), EXPORTS), "as_extracted"),
    "a figure is negative": (put("quantity_1", -pl.col("quantity_1") - 1, LARGEST), "not_negative"),
    "air is more than all": (put("air_value_usd", pl.col("value_usd") * 3, EXPORTS), "parts_of_value"),
    "a partner for another": (
        put("partner_code", pl.lit("5700"), pl.col("partner_code") == "4280"), "as_hitech"
    ),
    "groups exchanged": (
        lambda d: d.with_columns(pl.col("technology_group").replace({"04": "05", "05": "04"})), "concordance"
    ),
    "rows in another order": (lambda d: d.sort("value_usd"), "in_order"),
    "a code of nine digits": (put("hs10", pl.col("hs10").str.slice(0, 9), LARGEST), "pattern_hs10"),
    "a partner that nobody knows": (put("partner_code", pl.lit("9999"), LARGEST), "resolves_partner_code"),
    "a group's name is another's": (put("technology_group_name", pl.lit("Weapons"), LARGEST), "group_names"),
    "the year to date begins anew": (put("value_ytd_usd", pl.col("value_usd"), MARCH), "months_to_year"),
}  # fmt: skip


@pytest.mark.parametrize("what", CORRUPTIONS)
def test_what_is_corrupted_is_caught_by(world: World, what: str) -> None:
    change, check = CORRUPTIONS[what]
    report = world.judged(change(world.data))
    found = failed(report)
    assert check in found, report.failures()
    assert report.rejected, "what moves figures from one to another blocks"


def test_control_files_that_say_otherwise_block(world: World) -> None:
    facts = world.gate.tables["facts"].collect()
    off = (
        facts.filter(pl.col("kind") == "compared")
        .head(1)
        .with_columns(
            kind=pl.lit("control"),
            code=pl.lit("5700"),
            measure=pl.lit("gen_val_mo"),
            detail=pl.lit(5),
            control=pl.lit(7),
        )
    )
    tables = {**world.gate.tables, "facts": pl.concat([facts, off.select(facts.columns).cast(facts.schema)]).lazy()}
    report = world.judged(world.data, tables=tables)
    assert failed(report) == {"control_totals": "critical"}
    (row,) = next(r for r in report.results if r.check_id == "control_totals").failing_rows
    assert json.loads(row)["control"] == 7


def test_records_of_aircraft_that_are_suppressed_are_a_warning(world: World) -> None:
    api = (world.gate.others("atp_trade_monthly") or pytest.fail()).frame
    more = api.with_columns(
        pl.when(pl.col("technology_group") == "08")
        .then(pl.col("value_usd") * 2)
        .otherwise("value_usd")
        .alias("value_usd")
    )
    others = {"atp_trade_monthly": Other(more, "2025-03")}
    report = world.judged(world.data, others=others.get)
    assert failed(report) == {"as_hitech_aircraft": "warning"} and not report.rejected


@pytest.mark.parametrize(("vintage", "outcome"), [("2025-02", "passed"), ("2025-04", "not_applicable")])
def test_only_what_is_of_the_same_state_is_held_against_the_api(world: World, vintage: str, outcome: str) -> None:
    """April brings the annual revision."""
    api = (world.gate.others("atp_trade_monthly") or pytest.fail()).frame
    kept = api.filter(pl.col("period") <= date.fromisoformat(f"{min(vintage, '2025-03')}-01"))
    report = world.judged(world.data, others={"atp_trade_monthly": Other(kept, vintage)}.get)
    assert next(r for r in report.results if r.check_id == "as_hitech").outcome == outcome


def test_a_list_that_says_otherwise_is_a_warning(world: World) -> None:
    lists = (world.gate.others("atp_products") or pytest.fail()).frame
    moved = lists.with_columns(pl.lit("09").alias("technology_group"))
    report = world.judged(world.data, others={"atp_products": Other(moved, "2025-01")}.get)
    assert failed(report) == {"in_lists": "warning"}


def test_pieces_that_expired_are_made_again(tmp_path: Path) -> None:
    """Nothing of ``_pieces/`` is needed for good."""
    from datetime import UTC, datetime, timedelta

    store = LocalStore(tmp_path)
    store.create("_pieces/x/parts/1.parquet", b"1")
    store.create("_pieces/x/pieces/00/1.rows.parquet", b"1")
    now = datetime.now(UTC)
    assert partitioned.expire(store, now) == []
    assert partitioned.expire(store, now + timedelta(days=8)) == ["x: 1 pieces that are old deleted"]
    assert [e.key for e in store.entries("_pieces/")] == ["_pieces/x/pieces/00/1.rows.parquet"]
