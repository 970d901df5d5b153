"""What a changed contract means to readers: each contract against its last release, and against what is published."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from configs.contract import NOT_TOLD, Contract, parse_contract
from configs.contracts import load_contract, published_names
from configs.errors import BreakingChangeError, ConfigError
from tasks.publish import compatibility
from tasks.publish.compatibility import differences, shape_of, violations
from tasks.warehouse.protocol import Head
from tasks.warehouse.records import FileEntry, Manifest, SchemaField
from tests.paths import ROOT

NAME = "ip_trade_annual"


@cache
def contract_of_1_0() -> Contract:
    """Return the contract as if it were the first, whatever has changed since."""
    return load_contract(NAME).model_copy(update={"schema_version": "1.0.0"})


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Release that contract, apart from those of the project."""
    monkeypatch.setattr(compatibility, "PUBLISHED", tmp_path)
    compatibility.freeze(contract_of_1_0(), tmp_path)


def changed(column: str = "", **told: Any) -> Contract:
    """The contract with one column changed, or with other fields."""
    contract = contract_of_1_0()
    if not column:
        return contract.model_copy(update=told)
    columns = tuple(c.model_copy(update=told) if c.name == column else c for c in contract.columns)
    return contract.model_copy(update={"columns": columns})


def without(column: str) -> Contract:
    contract = contract_of_1_0()
    return contract.model_copy(update={"columns": tuple(c for c in contract.columns if c.name != column)})


def with_one_more(**told: Any) -> Contract:
    contract = contract_of_1_0()
    more = contract.column("receipts_usd").model_copy(update={"name": "fees_usd"} | told)
    return contract.model_copy(update={"columns": (*contract.columns, more)})


@pytest.mark.parametrize("name", published_names())
def test_every_contract_takes_the_step_that_its_changes_need(name: str) -> None:
    assert violations(load_contract(name)) == []


CHANGES = {
    "a column is gone": (without("payments_usd"), "major"),
    "a column is renamed": (changed("payments_usd", name="paid_usd"), "major"),
    "another type": (changed("receipts_usd", type="int64"), "major"),
    "another unit": (changed("receipts_usd", unit="thousands of US dollars"), "major"),
    "another basis": (changed("receipts_usd", basis="fiscal years"), "major"),
    "a basis no longer told": (changed("receipts_usd", basis=""), "major"),
    "newly nullable": (changed("economy_name", nullable=True), "major"),
    "another key": (changed("is_aggregate", role="key"), "major"),
    "no longer of the key": (changed("year", role="attribute"), "major"),
    "other folders": (changed(partition_by="year"), "major"),
    "an absent row means another thing": (changed(absent_row_means="zero"), "major"),
    "a nullable column more": (with_one_more(), "minor"),
    "a column more that is never null": (with_one_more(nullable=False), "minor"),
    "never null any more": (changed("receipts_usd", nullable=False), "minor"),
    "a wider range": (changed("year", minimum=1950.0), "minor"),
    "a value more": (changed("economy_code", allowed=("USA",)), "minor"),
    "another order": (changed(columns=contract_of_1_0().columns[::-1]), "minor"),
    "a column in other words": (changed("year", description="The calendar year."), "patch"),
    "the dataset in other words": (changed(description="Trade in intellectual property."), "patch"),
}


@pytest.mark.usefixtures("released")
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_needs_its_step_and_no_lower_one_will_do(what: str) -> None:
    contract, step = CHANGES[what]
    old = shape_of(contract_of_1_0())
    found = differences(old, shape_of(contract))
    assert found and found[0].step == step, found
    enough = {"patch": ("1.0.1", "1.1.0", "2.0.0"), "minor": ("1.1.0", "2.0.0"), "major": ("2.0.0",)}[step]
    for version in ("1.0.0", "1.0.1", "1.1.0", "2.0.0"):
        told = violations(contract.model_copy(update={"schema_version": version, "breaking_notes": {"2": "look out"}}))
        assert (told == []) is (version in enough), (version, told)


@pytest.mark.usefixtures("released")
def test_what_is_no_matter_of_the_schema_takes_no_step() -> None:
    for told in ({"notes": ("another",)}, {"biases": ()}, {"quality": {}}, {"owner": "others"}):
        assert violations(changed(**told)) == []


@pytest.mark.usefixtures("released")
def test_a_version_goes_neither_back_nor_up_without_a_word_to_readers() -> None:
    assert "goes back from 1.0.0 to 0.9.0" in violations(changed(schema_version="0.9.0"))[0]
    assert 'nothing for "2"' in violations(changed(schema_version="2.0.0"))[0]
    assert violations(changed(schema_version="2.0.0", breaking_notes={"2": "look out"})) == []


def test_a_note_is_of_a_major_step_and_says_something() -> None:
    text = (ROOT / "configs" / "datasets" / f"{NAME}.yaml").read_text("utf-8")
    for wrong in ('{"2.0": text}', '{"2": " "}'):
        with pytest.raises(ConfigError, match="breaking_notes"):
            parse_contract(f"{text}\nbreaking_notes: {wrong}\n", "x")


def test_the_first_note_changes_the_contract_and_none_leaves_its_hash_as_it_was() -> None:
    contract = contract_of_1_0()
    assert changed(breaking_notes={"2": "look out"}).sha256 != contract.sha256
    told = contract.model_dump(mode="json", exclude={*NOT_TOLD, "breaking_notes", "derived_from"})
    import hashlib

    body = json.dumps(told, sort_keys=True, ensure_ascii=False)
    assert contract.sha256 == hashlib.sha256(body.encode()).hexdigest()


# ---------------------------------------------------------------------- released


def test_a_contract_with_a_todo_is_not_frozen(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(compatibility, "PUBLISHED", tmp_path)
    column = contract_of_1_0().columns[0].model_copy(update={"unit": "TODO: the unit"})
    laid_out = contract_of_1_0().model_copy(update={"columns": (column, *contract_of_1_0().columns[1:])})
    with pytest.raises(ConfigError, match="has a TODO; fill it in"):
        compatibility.freeze(laid_out, tmp_path)
    assert not list(tmp_path.iterdir())


def test_freezing_writes_what_is_released_and_refuses_what_breaks_the_rules(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(compatibility, "PUBLISHED", tmp_path)
    assert "never frozen" in violations(contract_of_1_0())[0]
    assert compatibility.freeze(contract_of_1_0(), tmp_path)
    assert not compatibility.freeze(contract_of_1_0(), tmp_path), "it stood there already"
    assert compatibility.last_published(NAME) == shape_of(contract_of_1_0())
    before = (tmp_path / f"{NAME}.json").read_bytes()
    with pytest.raises(ConfigError, match="column payments_usd is gone: takes a major step from 1.0.0"):
        compatibility.freeze(without("payments_usd"), tmp_path)
    assert (tmp_path / f"{NAME}.json").read_bytes() == before
    declared = without("payments_usd").model_copy(update={"schema_version": "2.0.0", "breaking_notes": {"2": "gone"}})
    assert compatibility.freeze(declared, tmp_path)
    (tmp_path / f"{NAME}.json").write_text("{}")
    with pytest.raises(ConfigError, match="restore it"):
        violations(contract_of_1_0())


# --------------------------------------------------------------------- published


# What the schema in a manifest does not say. Folders are told by its files.
UNTOLD = ("an absent row means another thing", "other folders")


def published(contract: Contract, *, old: bool = False) -> Head:
    """What readers have, made by that contract; ``old``: by code that did not tell of nulls, keys and bases."""
    more = {} if old else {"role": True, "nullable": True, "basis": True}
    fields = tuple(
        SchemaField(
            name=c.name, type=c.type, unit=c.unit, description=c.description,
            **{k: getattr(c, k) for k in more},
        )
        for c in contract.columns
    )  # fmt: skip
    manifest = Manifest(
        dataset=NAME, version="2026-01-01.0001", parent=None, status="passed", token="t", schema_=fields,
        schema_version=contract.schema_version, contract_sha256="of then", created_at="2026-01-01T00:00:00Z",
    )  # fmt: skip
    return Head(NAME, None, None, Manifest.load(manifest.dump(), "x"))


@pytest.mark.parametrize("what", [w for w, (_, step) in CHANGES.items() if step == "major" and w not in UNTOLD])
def test_a_breaking_change_is_refused_unless_it_is_declared_and_told(what: str) -> None:
    contract = CHANGES[what][0]
    head = published(contract_of_1_0())
    for told in ({}, {"schema_version": "2.0.0"}, {"breaking_notes": {"2": "look out"}}):
        with pytest.raises(BreakingChangeError, match=r"schema_version: 2\.0\.0") as raised:
            compatibility.require_compatible(head, contract.model_copy(update=told))
        assert raised.value.changes
    both = {"schema_version": "2.0.0", "breaking_notes": {"2": "look out"}}
    compatibility.require_compatible(head, contract.model_copy(update=both))


@pytest.mark.parametrize("what", [w for w, (_, step) in CHANGES.items() if step != "major"])
def test_what_breaks_nobody_is_published_under_any_number(what: str) -> None:
    compatibility.require_compatible(published(contract_of_1_0()), CHANGES[what][0])


def test_what_an_older_manifest_does_not_say_is_not_held_against_it() -> None:
    head = published(contract_of_1_0(), old=True)
    compatibility.require_compatible(head, contract_of_1_0())
    compatibility.require_compatible(head, changed("economy_name", nullable=True))
    with pytest.raises(BreakingChangeError, match="column payments_usd is gone"):
        compatibility.require_compatible(head, without("payments_usd"))
    nothing = head.manifest.model_copy(update={"schema_": ()})
    compatibility.require_compatible(Head(NAME, None, None, nothing), without("payments_usd"))
    compatibility.require_compatible(Head(NAME, None, None, None), without("payments_usd"))


def test_files_that_go_to_other_folders_break_readers() -> None:
    head = published(contract_of_1_0())
    file = FileEntry(path="data/part-0000.parquet", bytes=1, sha256="x", rows=3)
    whole = Head(NAME, None, None, head.manifest.model_copy(update={"files": (file,)}))
    compatibility.require_compatible(whole, contract_of_1_0().model_copy(update={"title": "another"}))
    with pytest.raises(BreakingChangeError, match="folders of the files is 'part_year', was ''"):
        compatibility.require_compatible(whole, CHANGES["other folders"][0])


def test_code_of_before_a_major_step_does_not_take_readers_back() -> None:
    then = with_one_more().model_copy(update={"schema_version": "2.0.0", "breaking_notes": {"2": "look out"}})
    with pytest.raises(BreakingChangeError, match=r"column fees_usd is gone.*schema_version: 3\.0\.0"):
        compatibility.require_compatible(published(then), contract_of_1_0())
