"""A contract is the one definition; what is generated from it, and what it refuses."""

from __future__ import annotations

import polars as pl
import pytest

from configs.contract import Contract, parse_contract
from configs.contracts import dataset_names, load_contract
from configs.errors import ConfigError, UnknownDatasetError

MINIMAL = """
name: tiny
title: Tiny
description: A tiny dataset.
grain: one row a year
primary_key: [year]
sort_by: [year]
absent_row_means: missing
schema_version: 1.0.0
owner: somebody
cadence: yearly
freshness_limit_days: 400
revision_window: none
licence: CC0
citation: nobody
ask_within_days: 366
sources: {live: a, snapshot: b}
columns:
  - {name: year, type: int32, role: key, unit: year, description: The year.}
  - {name: value_usd, type: int64, role: measure, unit: US dollars, description: The value., nullable: true}
"""


def tiny() -> Contract:
    return parse_contract(MINIMAL, "tiny.yaml")


@pytest.mark.parametrize("name", dataset_names())
def test_every_column_tells_unit_and_meaning_in_the_arrow_field(name: str) -> None:
    contract = load_contract(name)
    for field in contract.arrow_schema:
        assert field.metadata[b"unit"] and field.metadata[b"description"]
    for measure in contract.measures:
        assert contract.arrow_schema.field(measure.name).metadata[b"basis"], "a measure without a basis"


@pytest.mark.parametrize("name", dataset_names())
def test_arrow_and_polars_schema_say_the_same(name: str) -> None:
    contract = load_contract(name)
    empty = pl.from_arrow(contract.arrow_schema.empty_table())
    assert isinstance(empty, pl.DataFrame)
    assert empty.schema == contract.polars_schema


def test_the_file_metadata_does_not_hold_the_version() -> None:
    """So that an unchanged file can be copied from version to version."""
    assert set(tiny().arrow_schema.metadata) == {b"dataset", b"title", b"licence", b"citation", b"schema_version"}


def test_the_hash_changes_with_what_readers_are_told_and_not_with_the_layout() -> None:
    one = parse_contract(MINIMAL, "x")
    assert one.sha256 == parse_contract("# a comment\n" + MINIMAL.replace("The value.", '"The value."'), "x").sha256
    assert one.sha256 != parse_contract(MINIMAL.replace("The value.", "Another meaning."), "x").sha256


def test_another_bound_or_pace_is_no_new_version() -> None:
    one = parse_contract(MINIMAL, "x")
    stricter = MINIMAL + "quality: {row_count: {severity: warning, bounds: {minimum_share: 0.9}}}\n"
    assert parse_contract(stricter, "x").sha256 == one.sha256
    assert parse_contract(MINIMAL.replace("ask_within_days: 366", "ask_within_days: 7"), "x").sha256 == one.sha256


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("primary_key: [year]", "primary_key: [value_usd]", "primary_key"),
        ("sort_by: [year]", "sort_by: [month]", "'month' is not a column"),
        ("type: int64", "type: decimal", "columns.1.type"),
        ("description: The value.", "minimum: 3, description: The value.", "range_reason"),
        ("name: value_usd", "name: year", "defined twice"),
        ("title: Tiny", "titel: Tiny", "titel"),
        ("name: tiny", "name: [", "not YAML"),
        ("role: key, unit", "role: key, nullable: true, unit", "cannot be nullable"),
    ],
)
def test_a_wrong_contract_is_refused_with_the_place(old: str, new: str, told: str) -> None:
    assert old in MINIMAL
    with pytest.raises(ConfigError, match=r"tiny\.yaml") as e:
        parse_contract(MINIMAL.replace(old, new), "tiny.yaml")
    assert told in str(e.value) or told in str(e.value.__cause__)


def test_an_unknown_dataset_is_told_with_those_that_exist() -> None:
    with pytest.raises(UnknownDatasetError, match="atp_world_monthly") as e:
        load_contract("apt_world_monthly")
    assert e.value.exit_code == 2


def test_a_name_with_a_path_in_it_is_no_dataset() -> None:
    with pytest.raises(UnknownDatasetError):
        load_contract("../datasets/atp_world_monthly")
