"""What is made once is made again where anything that it is made from, or by, is another."""

from __future__ import annotations

import pytest

from configs.contracts import load_contract
from tasks.build import partitioned
from tasks.build.fingerprint import HERE, Checkout
from tasks.extract import partners as partner_reference
from tasks.extract.source import Extraction, Piece
from tasks.raw.documents import RawDocument

CONTRACT = load_contract("atp_detail_monthly")
MONTHS = ("2024-12", "2025-01")
REFERENCE = RawDocument.of(partner_reference.ROLE, "partners.csv", b"a,b\n")


def extraction(body: str = "zip", partners: RawDocument = REFERENCE) -> Extraction:
    documents = [RawDocument.of(f"{flow}/{m}", m, f"{body} {m}".encode()) for m in MONTHS for flow in ("exports",)]
    given = tuple(Piece(f"part_year={d.role[-7:-3]}", d) for d in documents)
    return Extraction("census_bulk", CONTRACT.name, MONTHS[-1], (*documents, partners), {}, "", "", pieces=given)


def keys(plan: partitioned.Plan) -> tuple[list[str], list[str]]:
    return [p.key for p in plan.pieces], [p.key for p in plan.parts]


def test_the_same_bytes_and_code_give_the_same_names() -> None:
    assert keys(partitioned.plan(CONTRACT, extraction(), None)) == keys(partitioned.plan(CONTRACT, extraction(), None))


@pytest.mark.parametrize(
    ("module", "both"),
    [
        ("tasks.transform.atp_detail_monthly", True),
        ("configs.technology_groups", True),
        ("tasks.extract.census.merchandise.fixed_width", True),
        ("tasks.common.sorted_merge", False),
        ("tasks.build.partitioned", False),
        ("tasks.build", False),
        ("tasks.warehouse.content_hash", False),
    ],
)
def test_other_code_makes_other_pieces_or_other_files(monkeypatch: pytest.MonkeyPatch, module: str, both: bool) -> None:
    before = keys(partitioned.plan(CONTRACT, extraction(), None))
    path = HERE.path_of(module) or ""
    edited = Checkout(HERE.root, {path: (HERE.read(path) or b"") + b"EDITED = 1\n"})
    monkeypatch.setattr(partitioned, "HERE", edited)
    after = keys(partitioned.plan(CONTRACT, extraction(), None))
    assert (set(before[0]).isdisjoint(after[0]), set(before[1]).isdisjoint(after[1])) == (both, True)


def test_other_settings_names_or_bytes_make_others(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(partitioned.plan(CONTRACT, extraction(), None))
    other = RawDocument.of(partner_reference.ROLE, "partners.csv", b"a,c\n")
    renamed = keys(partitioned.plan(CONTRACT, extraction(partners=other), None))
    assert renamed[0] == before[0] and set(renamed[1]).isdisjoint(before[1])
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BULK__SCOPE", "all_products")
    scoped = keys(partitioned.plan(CONTRACT, extraction(), None))
    moved = keys(partitioned.plan(CONTRACT, extraction("another"), None))
    for found in (scoped, moved):
        assert set(found[0]).isdisjoint(before[0]) and set(found[1]).isdisjoint(before[1])


def test_other_words_make_other_files_and_other_columns_other_pieces() -> None:
    before = keys(partitioned.plan(CONTRACT, extraction(), None))
    reworded = CONTRACT.model_copy(update={"description": "other words"})
    fields = tuple(
        c.model_copy(update={"publisher_name": "EXP_DETL ves_val_mo"}) if c.name == "value_usd" else c
        for c in CONTRACT.columns
    )
    remapped = CONTRACT.model_copy(update={"columns": fields})
    sorted_otherwise = CONTRACT.model_copy(update={"sort_by": CONTRACT.sort_by[::-1]})
    after = keys(partitioned.plan(reworded, extraction(), None))
    assert after[0] == before[0] and set(after[1]).isdisjoint(before[1])
    for contract in (remapped, sorted_otherwise):
        after = keys(partitioned.plan(contract, extraction(), None))
        assert set(after[0]).isdisjoint(before[0]) and set(after[1]).isdisjoint(before[1])


def test_other_libraries_read_and_merge_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a library has a part in would otherwise change when a piece expires, and for no reason that is told."""
    contract = load_contract("atp_detail_monthly")
    before = partitioned._reading(contract, "census_bulk"), partitioned._merging(contract)
    monkeypatch.setattr(partitioned, "libraries", lambda: {"polars": "another"})
    after = partitioned._reading(contract, "census_bulk"), partitioned._merging(contract)
    assert before[0] != after[0] and before[1] != after[1]
