"""Every figure of a record has its column, named in the contract; no two have one, and none is of another record."""

from __future__ import annotations

import pytest

from configs.contracts import load_contract
from configs.merchandise_records import DATASET, RECORDS, fields
from tasks.extract.census.merchandise.fixed_width import layouts


@pytest.mark.parametrize("record", RECORDS.values())
def test_every_figure_of_a_record_is_a_column(record: str) -> None:
    figures = {f.name for f in layouts()[record].fields if f.is_number}
    assert len(figures) > 15
    assert sorted(fields(record).values()) == sorted(figures)


def test_every_measure_is_of_a_record_and_has_a_unit() -> None:
    for measure in load_contract(DATASET).measures:
        assert any(measure.name in fields(record) for record in RECORDS.values()), measure.name
        assert measure.unit and measure.unit != "none"
