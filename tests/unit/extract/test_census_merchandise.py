"""Reading the Census Bureau's bulk files: records by their layouts, ZIPs from outside, a month with its own codes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import IncompleteResponseError, SourceLayoutError, SourceResponseError
from tasks.extract.census.merchandise.fixed_width import layouts, records, table
from tasks.extract.census.merchandise.month import control, read_month
from tasks.extract.zip_stream import zip_members
from tests.paths import SOURCES
from tests.support.merchandise import concord, detail, record, zipped

REFERENCE = SOURCES / "census_reference"


def month(tmp_path: Path, body: bytes, **more: bytes) -> pl.DataFrame:
    return read_month(
        zipped(tmp_path, {"EXP_DETL.TXT": body, "concord.txt": concord()} | more), "exports", "2025-03", "EXDB2503.ZIP"
    ).detail


def test_layouts_are_as_long_as_the_publisher_says() -> None:
    lengths = {
        "EXP_DETL": 323,
        "IMP_DETL": 688,
        "EXP_COMM": 373,
        "IMP_COMM": 732,
        "EXP_CTY": 280,
        "IMP_CTY": 580,
        "CONCORD": 235,
        "COUNTRY": 61,
        "DISTRICT": 59,
        "HITECH": 32,
    }
    assert {k: v.length for k, v in layouts().items()} == lengths


def test_codes_of_advanced_technology_are_kept_with_the_group_of_that_month(tmp_path: Path) -> None:
    rows = (
        detail("8471300100", all_val_mo=500, qty_1_mo=2)
        + detail("8802400040", all_val_mo=7)
        + detail("0101210000", all_val_mo=9)
    )
    read = read_month(
        zipped(tmp_path, {"exp_detl.TXT": rows, "Documentation/x.lay": b"", "CONCORD.TXT": concord()}),
        "exports",
        "2025-03",
        "a",
    )
    assert read.detail.select("commodity", "hitech", "all_val_mo", "qty_1_mo").rows() == [
        ("8471300100", "04", 500, 2),
        ("8802400040", "08", 7, 0),
    ]
    assert (read.rows, read.idle, read.other) == (3, 0, 1)
    everything = read_month(tmp_path / "EXDB2503.ZIP", "exports", "2025-03", "a", "all_products")
    assert everything.detail.height == 3 and everything.other == 0


def test_rows_of_nothing_in_the_month_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = detail("8471300100", all_val_yr=500) + detail("8471300100", all_val_mo=1, cty_code="4280")
    read = read_month(zipped(tmp_path, {"EXP_DETL.TXT": rows, "CONCORD.TXT": concord()}), "exports", "2025-03", "a")
    assert (read.detail.height, read.rows, read.idle) == (1, 2, 1)


@given(size=st.integers(1, 2000))
def test_chunks_of_any_size_give_the_same_records(size: int) -> None:
    body = b"".join(detail("8471300100", all_val_mo=n) for n in range(12)) + b"\x1a"
    layout = layouts()["EXP_DETL"]
    parts = [
        table(lines, layout, "a")
        for lines in records((body[i : i + size] for i in range(0, len(body), size)), layout, "a")
    ]
    assert pl.concat(parts)["all_val_mo"].to_list() == list(range(12))


@pytest.mark.parametrize(
    ("body", "error", "told"),
    [
        (detail("8471300100") + detail("8471300100")[:-12] + b"\r\n" + detail("8471300100"), SourceLayoutError, "record 2 has 313 characters"),
        (detail("8471300100") + detail("8471300100")[:100], IncompleteResponseError, "in the middle of a record, after 1"),
        (detail("8471300100", all_val_mo="12x"), SourceLayoutError, "all_val_mo is not a number"),
        (detail("8471300100", month="02"), SourceLayoutError, "rows of 2025-02, not of 2025-03"),
        (detail("9999999999", all_val_mo=1), SourceLayoutError, "not in its own concordance: 9999999999"),
        (b"", SourceLayoutError, "no rows"),
    ],
)  # fmt: skip
def test_detail_that_is_not_as_it_should_be_is_told(
    tmp_path: Path, body: bytes, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        month(tmp_path, body)


def test_a_concordance_with_a_code_twice_or_a_group_that_is_none_is_told(tmp_path: Path) -> None:
    rows = detail("8471300100", all_val_mo=1)
    for codes, told in (
        (concord() + concord({"8471300100": "05"}), "8471300100 twice"),
        (concord({"8471300100": "11"}), "none: 11"),
    ):
        with pytest.raises(SourceLayoutError, match=told):
            read_month(zipped(tmp_path, {"EXP_DETL.TXT": rows, "CONCORD.TXT": codes}), "exports", "2025-03", "a")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"../EXP_DETL.TXT": b"x"}, "member with the path"),
        ({"C:\\EXP_DETL.TXT": b"x"}, "member with the path"),
        ({"EXP_DETL.TXT": b" " * 50_000_000}, "the bound is 200 to 1"),
        ({"EXP_DETL.TXT": b"x", "exp_detl.txt": b"x"}, "two members named"),
        ({"EXP_DETL.TXT": b"x", "a/exp_detl.txt": b"x"}, "EXP_DETL twice"),
        ({f"{n}.TXT": b"" for n in range(201)}, "201 members"),
        ({"CONCORD.TXT": b""}, "has no EXP_DETL.TXT"),
    ],
)
def test_a_zip_that_no_publisher_makes_is_refused(tmp_path: Path, files: dict[str, bytes], told: str) -> None:
    with pytest.raises(SourceResponseError, match=told), zip_members(zipped(tmp_path, files), "a") as found:
        list(found.chunks("EXP_DETL"))


def test_a_zip_that_was_cut_or_damaged_is_incomplete(tmp_path: Path) -> None:
    whole = zipped(tmp_path, {"EXP_DETL.TXT": detail("8471300100") * 500}).read_bytes()
    cut, damaged = tmp_path / "cut.zip", tmp_path / "damaged.zip"
    cut.write_bytes(whole[:-30])
    damaged.write_bytes(whole[:60] + bytes(b ^ 255 for b in whole[60:90]) + whole[90:])
    with pytest.raises(IncompleteResponseError, match="was cut short"), zip_members(cut, "a"):
        pass
    with pytest.raises(IncompleteResponseError, match="cannot be unpacked"), zip_members(damaged, "a") as found:
        list(found.chunks("EXP_DETL"))


def test_what_a_member_says_of_its_size_is_not_believed(tmp_path: Path) -> None:
    file = zipped(tmp_path, {"EXP_DETL.TXT": detail("8471300100") * 50})
    body = io.BytesIO(file.read_bytes())
    true = zipfile.ZipFile(body).getinfo("EXP_DETL.TXT").file_size
    forged = body.getvalue().replace(true.to_bytes(4, "little"), (true // 2).to_bytes(4, "little"))
    file.write_bytes(forged)
    with pytest.raises((SourceResponseError, IncompleteResponseError)), zip_members(file, "a") as found:
        list(found.chunks("EXP_DETL"))


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the publishers' files are not here")
def test_the_publishers_own_records_are_read() -> None:
    body = (REFERENCE / "EXP_COMM_2009-12_first500.txt").read_bytes()
    layout = layouts()["EXP_COMM"]
    read = pl.concat([table(lines, layout, "EXP_COMM") for lines in records([body], layout, "EXP_COMM")])
    assert read.height == 500
    first = read.row(0, named=True)
    assert (first["commodity"], first["unit_qy1"], first["year"], first["month"]) == ("0101100000", "NO", "2009", "12")
    assert (first["cards_mo"], first["qty_1_mo"], first["all_val_mo"]) == (88, 1966, 12101172)
    modes = pl.col("air_val_mo") + pl.col("ves_val_mo")
    assert read.filter(modes > pl.col("all_val_mo")).is_empty()


def test_control_files_are_read_by_their_layout(tmp_path: Path) -> None:
    body = record("EXP_CTY", cty_code="5700", cty_name="CHINA", year="2025", month="03", all_val_mo=42)
    with zip_members(zipped(tmp_path, {"EXP_CTY.TXT": body}), "a") as found:
        assert control(found, "EXP_CTY", "a").select("cty_code", "cty_name", "all_val_mo").row(0) == (
            "5700",
            "CHINA",
            42,
        )
