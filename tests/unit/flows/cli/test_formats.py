"""The format of an output: by its extension, and never against it."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from configs.contracts import load_contract
from configs.errors import UsageError
from flows.cli.formats import EXTENSIONS, format_of, write_table


@pytest.mark.parametrize(("extension", "form"), EXTENSIONS.items())
def test_the_extension_names_the_format(extension: str, form: str) -> None:
    assert format_of(None, f"a.b/c{extension}") == form == format_of(form, f"c{extension.upper()}")


def test_without_a_file_it_is_a_table_and_with_another_extension_what_is_said() -> None:
    assert format_of(None, None) == "table" and format_of("csv", None) == "csv"
    assert format_of("csv", "c.dat") == "csv" and format_of("json", "c") == "json"


@pytest.mark.parametrize(
    ("form", "output", "told"),
    [
        ("csv", "figures.json", "contradicts --output figures.json, which is json by its extension.*figures.csv"),
        ("table", "figures.csv", "leave out --format"),
        (None, "figures.xlsx", "its extension .xlsx is not known.*.csv, .json, .parquet, .pq, .txt, or give --format"),
        (None, "figures.csv.gz", "its extension .gz is not known"),
        (None, "figures", "it has no extension"),
    ],
)
def test_a_contradiction_and_an_unknown_extension_are_refused(form: str | None, output: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as e:
        format_of(form, output)
    assert e.value.exit_code == 2


def test_a_table_sets_figures_apart_and_leaves_years_alone(capsys: pytest.CaptureFixture[str]) -> None:
    contract = load_contract("ip_position_annual")
    keep = ("economy_code", "is_aggregate", "year", "receipts_usd", "receipts_share", "receipts_rank")
    some = contract.model_copy(update={"columns": tuple(contract.column(c) for c in keep)})
    rows = [("USA", False, 2020, 115_935_000_000.0, 0.25, 1), ("CHN", False, 2021, None, 0.5, None)]
    write_table("head", [pl.DataFrame(rows, schema=some.polars_schema, orient="row")], some, None)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["head"] and lines[1] == list(keep)
    assert lines[3] == ["USA", "false", "2020", "115,935,000,000", "0.250000", "1"]
    assert lines[4] == ["CHN", "false", "2021", "null", "0.500000", "null"]


def test_between_two_parts_a_row_shows_that_some_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    contract = load_contract("atp_world_monthly")
    some = contract.model_copy(update={"columns": (contract.column("period"), contract.column("exports_usd"))})
    parts = [pl.DataFrame({"period": [date(y, 1, 1)], "exports_usd": [y]}) for y in (1989, 2025)]
    write_table("head", parts, some, None)
    assert [line.split() for line in capsys.readouterr().out.splitlines()[3:]] == [
        ["1989-01-01", "1,989"],
        ["…", "…"],
        ["2025-01-01", "2,025"],
    ]
