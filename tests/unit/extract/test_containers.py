"""What the guard of containers lets through: real files with room, workbooks with a wrong extent, embedded ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from configs.errors import SourceResponseError
from tasks.extract import workbook
from tasks.extract.census import balance_workbook
from tasks.extract.containers import MONTH, WORKBOOK, Origin, opened
from tasks.raw.documents import RawDocument
from tests.doubles import publishers
from tests.faults import bombs
from tests.paths import SOURCES

ROOM = 5


def document(body: bytes) -> RawDocument:
    return RawDocument.of("workbook", "https://example.org/country.xlsx", body, raw_key="x/kept")


@pytest.mark.skipif(not SOURCES.is_dir(), reason="the publishers' files are not here")
@pytest.mark.parametrize("file", sorted(SOURCES.rglob("*.xlsx")), ids=lambda p: p.name)
def test_real_workbooks_are_far_from_every_bound(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(file, Origin("census_balance", file.name), WORKBOOK) as found:
        assert len(found.members) * ROOM < WORKBOOK.members
        assert sum(m.file_size for m in found.members) * ROOM < WORKBOOK.total_bytes
        assert max(m.file_size / max(m.compress_size, 1) for m in found.members) * ROOM < WORKBOOK.ratio
    for bound in ("SHEET_CELLS", "SHEET_TEXT", "STRINGS"):
        monkeypatch.setattr(workbook, bound, getattr(workbook, bound) // ROOM)
    assert workbook.open_workbook("census_balance", document(file.read_bytes())).sheet_names


def test_wrong_dimension_does_no_harm() -> None:
    parts = bombs.unpacked(publishers.workbook())
    sheet = "xl/worksheets/sheet1.xml"
    vast = re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', parts[sheet])
    assert vast != parts[sheet]
    body = bombs.packed({**parts, sheet: vast})
    read = balance_workbook.parse("atp_world_monthly", (document(body),), None)
    assert read.vintage == "2025-02"


SHEET = "xl/worksheets/sheet1.xml"
LINKED = (
    b'<externalLink><externalBook><sheetDataSet><sheetData sheetId="0"><row r="1048576"><cell r="XFD1048576"><v>1</v>'
    b"</cell></row></sheetData></sheetDataSet></externalBook></externalLink>"
)


def with_rows(rows: bytes, after: bytes = b"") -> dict[str, bytes]:
    good = bombs.unpacked(publishers.workbook())
    return {SHEET: good[SHEET].replace(b"</sheetData>", rows + b"</sheetData>" + after)}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(with_rows(b'<row r="1048576" ht="15" customHeight="1"/>'), id="row with a height"),
        pytest.param(with_rows(b'<row r="1048576"><c r="XFD1048576" s="3"/></row>'), id="cell with a style"),
        pytest.param(with_rows(b'<row r="99999">\n<c r="A99999" s="3"></c> <c r="ZZ99999" /></row>'), id="cells"),
        pytest.param(with_rows(b"", b'<pageSetup firstPageNumber="4294967295"/>'), id="number of a page"),
        pytest.param({"xl/externalLinks/externalLink1.xml": LINKED}, id="external link"),
    ],
)
def test_what_the_reader_does_not_lay_out_is_let_through(parts: dict[str, bytes]) -> None:
    body = bombs.packed({**bombs.unpacked(publishers.workbook()), **parts})
    assert workbook.open_workbook("census_balance", document(body)).sheet("country", header_row=None).shape == (75, 29)


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="ZZ90000"><v>1</v></c>',
        '<c s="3"r="ZZ90000"><v>1</v></c>',
        '<c r="ZZ90000" s="/>"><v>1</v></c>',
        """<c x='<c y="' r='ZZ90000' z='"/>'><v>1</v></c>""",
        '<c r="ZZ90000" t="str"><v></v></c>',
        '<c r="ZZ90000"><!-- --><v>1</v></c>',
        '<c r="ZZ90000" s="3"/><c><v>1</v></c>',
        '<cell r="ZZ90000"/><c r="ZZ90000"><v>1</v></c>',
    ],
)
def test_what_looks_empty_is_refused(cell: str) -> None:
    body = bombs.packed({**bombs.unpacked(publishers.workbook()), **with_rows(f'<row r="90000">{cell}</row>'.encode())})
    with pytest.raises(SourceResponseError, match="SHEET_CELLS"):
        workbook.open_workbook("census_balance", document(body))


def test_backslashes_between_folders_are_read() -> None:
    parts = {name.replace("/", "\\"): part for name, part in bombs.unpacked(publishers.workbook()).items()}
    assert workbook.open_workbook("census_balance", document(bombs.packed(parts))).sheet_names == ["country"]


def test_embedded_workbook_is_not_opened() -> None:
    good = publishers.workbook()
    body = bombs.packed({**bombs.unpacked(good), "xl/embeddings/Sheet1.xlsx": good})
    assert workbook.open_workbook("census_balance", document(body)).sheet_names == ["country"]


def test_month_is_read_in_chunks(tmp_path: Path) -> None:
    file = tmp_path / "month.zip"
    file.write_bytes(bombs.packed({"EXP_DETL.TXT": bytes(range(256)) * 1000}))
    with opened(file, Origin("census_bulk", "month.zip"), MONTH) as found:
        assert {len(chunk) for chunk in found.chunks(found.members[0], 1000)} == {1000}
