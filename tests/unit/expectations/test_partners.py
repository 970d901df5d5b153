"""The table of partners: what it must hold, what its rules catch, and what is refused before anything joins it.

Rules are run as far as their violations, without Great Expectations, which adds nothing but their count.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from importlib import reload
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.synthetic.memory import Memory
from configs.contracts import load_contract
from configs.errors import SourceLayoutError, VintageUnavailableError
from expectations.check import Check, GateInput
from expectations.datasets import partners as rules
from tasks.build.parquet import conform
from tasks.extract import partners as partner_reference
from tasks.extract.bundled import snapshot
from tasks.extract.source import FetchRequest
from tasks.raw.documents import RawDocument
from tasks.transform import partners

CONTRACT = load_contract("partners")
BODY = partner_reference.document(Memory()).body
GOOD = partner_reference.table(RawDocument.of("reference/partners", "x", BODY)).collect()
CODES = sorted(set(partner_reference.UNIQUE) - {"partner_id"})


def file(body: bytes, name: str = "2026-01-01.csv") -> RawDocument:
    return RawDocument.of(partner_reference.ROLE, f"configs/reference/partners/{name}", body, raw_key="raw/key")


def csv_of(frame: pl.DataFrame) -> bytes:
    return frame.write_csv().encode()


def gate(data: pl.DataFrame, parent: pl.DataFrame | None = None) -> GateInput:
    return GateInput(
        contract=CONTRACT,
        data=data.lazy(),
        staged_schemas={},
        parent=parent.lazy() if parent is not None else None,
        tables={},
        vintage="2026-01-01",
        asked_vintage=None,
        parent_vintage=None,
        yanked_contents={},
        content_sha256="x",
    )


def violations(found: list[Check]) -> dict[str, int]:
    """By rule: how many rows violate it, where any does. A rule held against nothing counts as violated."""
    counts = {}
    for check in found:
        if check.frame is None:
            continue
        held = check.over is None or check.over.head(1).collect().height
        rows = check.frame.collect().height
        if rows or not held:
            counts[check.id] = rows
    return counts


def with_cell(frame: pl.DataFrame, partner: str, **cells: object) -> pl.DataFrame:
    assert partner in set(frame["partner_id"]), partner
    here = pl.col("partner_id") == partner
    return frame.with_columns(
        pl.when(here).then(pl.lit(value, dtype=frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in cells.items()
    )


def swapped(one: str, other: str, *columns: str) -> pl.DataFrame:
    cells = {p: GOOD.filter(pl.col("partner_id") == p).select(columns).row(0, named=True) for p in (one, other)}
    return with_cell(with_cell(GOOD, one, **cells[other]), other, **cells[one])


# ------------------------------------------------------------------ what the table holds


def test_the_table_breaks_no_rule_of_its_own() -> None:
    assert violations(rules.checks(gate(GOOD, GOOD))) == {}


def test_the_result_is_what_the_contract_declares() -> None:
    assert conform(partners.transform({"partners": GOOD.lazy()}), CONTRACT).collect().height == GOOD.height


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_file_does_not_matter(order: object) -> None:
    shuffled = GOOD.sample(fraction=1.0, shuffle=True, seed=hash(order) % 2**32)
    one, other = (partners.transform({"partners": f.lazy()}).collect() for f in (GOOD, shuffled))
    assert one.equals(other)


def test_every_code_of_the_bundled_figures_resolves_with_the_same_mark() -> None:
    extraction = snapshot.parse("ip_trade_annual", snapshot.fetch(FetchRequest("ip_trade_annual"), Memory()), None)
    economies = extraction.tables["economies"].collect()
    figures = extraction.tables["observations"].collect()["economy_code"].unique()
    ours = dict(GOOD.drop_nulls("world_bank_code").select("world_bank_code", "is_aggregate").iter_rows())
    assert set(figures) <= set(ours)
    assert {c: ours[c] for c in economies["economy_code"]} == dict(
        economies.select("economy_code", "is_aggregate").iter_rows()
    )


@pytest.mark.parametrize(
    ("partner", "codes"),
    [
        ("TWN", {"iso2": "TW", "iso3": "TWN", "m49": "158", "schedule_c_code": "5830", "world_bank_code": None}),
        ("world_bank:XKX", {"iso2": None, "iso3": None, "m49": None, "schedule_c_code": "4803", "kind": "economy"}),
        ("USA", {"iso3": "USA", "world_bank_code": "USA", "schedule_c_code": None, "kind": "economy"}),
        ("world", {"schedule_c_code": "-", "world_bank_code": "WLD", "bea_code": "AllCountries", "is_aggregate": True}),
        ("SSD", {"valid_from": date(2011, 7, 1), "predecessor_id": "schedule_c:7320"}),
        ("CUW", {"valid_from": date(2010, 10, 1), "predecessor_id": "schedule_c:2771"}),
        ("schedule_c:2771", {"valid_to": date(2010, 10, 1), "kind": "former"}),
        ("schedule_c:8220", {"kind": "residual", "is_aggregate": False, "region": None}),
        ("bea:UkIslandsCarib", {"kind": "part", "iso3": None, "schedule_c_code": None}),
        ("bea:OthAfricaIst", {"kind": "residual", "is_aggregate": False}),
        ("bea:AllOthThanCanada", {"kind": "group", "is_aggregate": True, "iso3": None}),
        ("schedule_c:5XXX", {"kind": "group", "is_aggregate": True, "region": None}),
    ],
)
def test_what_is_known_apart_from_the_table(partner: str, codes: dict[str, object]) -> None:
    row = GOOD.filter(pl.col("partner_id") == partner).row(0, named=True)
    assert {name: row[name] for name in codes} == codes


def test_codes_keep_their_zeros_and_namibia_its_letters() -> None:
    assert {"0003", "0028"} <= set(GOOD["schedule_c_code"])
    assert GOOD.filter(pl.col("partner_id") == "AFG")["m49"].item() == "004"
    assert GOOD.filter(pl.col("partner_id") == "NAM")["iso2"].item() == "NA"


# ------------------------------------------------------------------ what the rules catch

CORRUPTIONS: dict[str, tuple[Callable[[], pl.DataFrame], set[str]]] = {
    "niger and nigeria swapped": (lambda: swapped("NER", "NGA", "schedule_c_code"), {"known_codes"}),
    "the world bank's congos swapped": (
        lambda: swapped("COD", "COG", "world_bank_code"),
        {"known_codes", "id_is_its_code"},
    ),
    "letters of two economies swapped": (lambda: swapped("SVK", "SVN", "iso3"), {"id_is_its_code"}),
    "a code twice": (lambda: with_cell(GOOD, "FRA", schedule_c_code="4280"), {"codes_unique"}),
    "a group not marked": (lambda: with_cell(GOOD, "world_bank:EUU", is_aggregate=False), {"aggregate_marks"}),
    "a residual marked": (lambda: with_cell(GOOD, "bea:OthEuropeIst", is_aggregate=True), {"aggregate_marks"}),
    "an economy without letters": (lambda: with_cell(GOOD, "FRA", iso2=None), {"iso_given"}),
    "an economy without a number": (lambda: with_cell(GOOD, "FRA", m49=None), {"iso_given"}),
    "letters for kosovo": (
        lambda: with_cell(GOOD, "world_bank:XKX", iso2="XK", iso3="XKX"),
        {"iso_given", "id_is_its_code"},
    ),
    "a number for a group": (lambda: with_cell(GOOD, "bea:Europe", m49="150"), {"iso_given"}),
    "an economy nowhere": (lambda: with_cell(GOOD, "FRA", region=None), {"region_given"}),
    "a group somewhere": (lambda: with_cell(GOOD, "bea:Africa", region="Middle Africa"), {"region_given"}),
    "taiwan left out": (lambda: with_cell(GOOD, "TWN", region="South-eastern Asia"), {"east_asia"}),
    "vietnam let in": (lambda: with_cell(GOOD, "VNM", region="East Asia"), {"east_asia"}),
    "a publisher that has no code": (lambda: with_cell(GOOD, "AIA", source="bea,census"), {"sources"}),
    "a partner of the united states that they are": (
        lambda: with_cell(GOOD, "USA", schedule_c_code="1000", source="census,world_bank"),
        {"known_codes"},
    ),
    "no world": (lambda: GOOD.filter(pl.col("partner_id") != "world"), {"known_codes"}),
    "over before it began": (
        lambda: with_cell(GOOD, "schedule_c:4799", valid_to=date(1992, 3, 1)),
        {"validity", "predecessors"},
    ),
    "a day that is no month": (lambda: with_cell(GOOD, "SSD", valid_from=date(2011, 7, 9)), {"validity", "predecessors"}),
    "an economy that is over": (lambda: with_cell(GOOD, "FRA", valid_to=date(2020, 1, 1)), {"validity"}),
    "a predecessor that is not there": (lambda: with_cell(GOOD, "SRB", predecessor_id="YUG"), {"predecessors"}),
    "a predecessor that began later": (
        lambda: with_cell(GOOD, "world_bank:TMP", valid_from=date(2003, 1, 1)),
        {"predecessors"},
    ),
    "its own predecessor": (lambda: with_cell(GOOD, "ROU", predecessor_id="ROU"), {"predecessors"}),
    "two that precede each other": (
        lambda: with_cell(GOOD, "world_bank:ROM", predecessor_id="ROU"),
        {"predecessors"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_is_caught_by_its_rule(name: str) -> None:
    corrupt, expected = CORRUPTIONS[name]
    assert set(violations(rules.checks(gate(corrupt())))) == expected


@settings(max_examples=40)
@given(st.sampled_from(CODES), st.data())
def test_a_code_that_is_lost_is_found_and_named(column: str, data: st.DataObject) -> None:
    partner = data.draw(st.sampled_from(GOOD.drop_nulls(column)["partner_id"].to_list()))
    now = with_cell(GOOD, partner, **{column: None})
    (lost,) = [c for c in rules.checks(gate(now, GOOD)) if c.id == "codes_lost"]
    code = GOOD.filter(pl.col("partner_id") == partner)[column].item()
    assert lost.severity == "critical"
    assert lost.frame is not None and lost.frame.collect().rows() == [(partner, column, code)]


def test_a_code_that_went_to_another_partner_is_told_but_not_lost() -> None:
    found = violations(rules.checks(gate(swapped("ARG", "AUT", "bea_code"), GOOD)))
    assert (found.get("codes_moved"), "codes_lost" in found) == (2, False)
    (moved,) = [c for c in rules.checks(gate(GOOD, GOOD)) if c.id == "codes_moved"]
    assert moved.severity == "warning"


def test_a_version_before_without_a_code_column_is_compared_in_the_others() -> None:
    parent = GOOD.drop("bea_code")
    assert violations(rules.checks(gate(GOOD, parent))) == {}
    lost = violations(rules.checks(gate(with_cell(GOOD, "AIA", m49=None), parent)))
    assert "codes_lost" in lost


# ------------------------------------------------------------------ the source


def test_the_newest_file_is_taken_unless_another_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partner_reference, "FOLDER", tmp_path)
    for name in ("2025-01-01.csv", "2026-02-03.csv", "2026-02-03.csv.bak", "notes.csv"):
        (tmp_path / name).write_bytes(BODY)
    assert partner_reference.vintages("partners") == ["2025-01-01", "2026-02-03"]
    for asked, given_ in ((None, "2026-02-03"), ("2025-01-01", "2025-01-01")):
        extraction = partner_reference.parse(
            "partners", partner_reference.fetch(FetchRequest("partners", asked), Memory()), asked
        )
        assert extraction.vintage == given_
        assert extraction.vintage_may_go_back
        assert extraction.tables["partners"].collect_schema() == CONTRACT.polars_schema
    assert partner_reference.document(Memory()).url == "configs/reference/partners/2026-02-03.csv"


def test_a_vintage_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(VintageUnavailableError, match=partner_reference.vintages()[-1]):
        partner_reference.fetch(FetchRequest("partners", "1999-01-01"), Memory())
    with pytest.raises(VintageUnavailableError, match="2026-01-01"):
        partner_reference.parse("partners", (file(BODY),), "1999-01-01")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"a,b\n1,2\n",
        b"\x00\xff",
        BODY.splitlines(keepends=True)[0],
        BODY.replace(b"iso2,iso3", b"iso3,iso2"),
        BODY.replace(b",economy,false,", b",economy,no,", 1),
        BODY.replace(b"2011-07-01", b"July 2011", 1),
        BODY.replace(b"\nABW,", b"\n,", 1),
        BODY.replace(b",source\n", b",source,more\n", 1),
    ],
)
def test_a_spoilt_file_is_a_named_error(body: bytes) -> None:
    with pytest.raises(SourceLayoutError, match=r"2026-01-01\.csv.*README") as e:
        partner_reference.table(file(body))
    assert e.value.raw_keys == ("raw/key",)


def test_a_file_without_a_date_is_a_named_error() -> None:
    with pytest.raises(SourceLayoutError, match="not a date"):
        partner_reference.parse("partners", (file(BODY, "newest.csv"),), None)


@settings(max_examples=40)
@given(st.sampled_from(partner_reference.UNIQUE), st.data())
def test_a_code_that_stands_twice_is_refused_before_anything_joins_it(column: str, data: st.DataObject) -> None:
    """Other datasets join the table without its gate in between."""
    have = GOOD.drop_nulls(column)["partner_id"].to_list()
    one = data.draw(st.sampled_from(have))
    other = data.draw(st.sampled_from([p for p in have if p != one]))
    code = GOOD.filter(pl.col("partner_id") == one)[column].item()
    with pytest.raises(SourceLayoutError, match=column):
        partner_reference.table(file(csv_of(with_cell(GOOD, other, **{column: code}))))


def test_the_table_reads_back_as_it_was_written() -> None:
    assert partner_reference.table(file(csv_of(GOOD))).collect().equals(GOOD)


def test_no_package_of_country_codes_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a package changes names and codes with its own releases, and the table is for good."""
    for package in ("pycountry", "country_converter"):
        monkeypatch.setitem(sys.modules, package, None)
    for module in (partner_reference, partners, rules):
        reload(module)
    table = partner_reference.table(partner_reference.document(Memory()))
    assert violations(rules.checks(gate(partners.transform({"partners": table}).collect()))) == {}
