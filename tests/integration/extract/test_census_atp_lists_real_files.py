"""The publishers' own ATP lists, Schedule B and Exhibit 16a, where they lie beside the checkout."""

from __future__ import annotations

import csv
from datetime import date

import polars as pl
import pytest

from benchmarks.synthetic.memory import Memory
from tasks.extract.bundled import atp_lists
from tasks.extract.census import atp_list_parse, ft900
from tasks.extract.source import FetchRequest
from tasks.raw.documents import RawDocument
from tests.doubles.atp_lists import all_codes
from tests.paths import SHARED

LISTS, FT900 = SHARED / "sources" / "census_atp_lists", SHARED / "sources" / "census_ft900"
HTS = SHARED / "cases" / "import-codes-with-hitech" / "head.txt"
pytestmark = pytest.mark.skipif(not LISTS.is_dir(), reason="the publishers' own files are not beside this checkout")
FILES = {f"imports/20{y}-01": f"impatp{y}.txt" for y in range(17, 23)}
FILES |= {"exports/2019-01": "exp-code-2019.txt", "exports/2022-01": "expatp22.txt"}


@pytest.fixture(scope="module")
def bundled() -> dict[str, RawDocument]:
    return {d.role: d for d in atp_lists.fetch(FetchRequest("atp_products"), Memory())}


@pytest.mark.parametrize("role", FILES)
def test_the_bundled_list_is_the_publishers(role: str, bundled: dict[str, RawDocument]) -> None:
    real = RawDocument.of(role, FILES[role], (LISTS / FILES[role]).read_bytes())
    ours = atp_list_parse.read_list("x", bundled[role])
    assert atp_list_parse.read_list("x", real).equals(ours)
    known = {"imports/2017-01": 546, "imports/2021-01": 556, "imports/2022-01": 644}
    known |= {"exports/2019-01": 407, "exports/2022-01": 494}
    assert ours.height == known.get(role, ours.height)


def test_no_list_is_bundled_that_is_not_the_publishers(bundled: dict[str, RawDocument]) -> None:
    assert set(bundled) == set(FILES)


@pytest.mark.skipif(not HTS.is_file(), reason="the case is not beside this checkout")
def test_the_import_codes_are_read_in_the_form_of_schedule_b() -> None:
    """Three real records, and the codes of the list of 2022 in records of their form."""
    of_2022 = RawDocument.of("imports/2022-01", "impatp22.txt", (LISTS / "impatp22.txt").read_bytes())
    codes = atp_list_parse.read_list("x", of_2022)
    listed = dict(codes.select("hs10", "technology_group").iter_rows())
    body = HTS.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + all_codes(listed, "imports")
    assert b"\r\n" in body[:300]
    got = atp_list_parse.read_list("x", RawDocument.of("imports/2022-01", "IMP-CODE.TXT", body))
    assert got.equals(codes) and got.height == 644


@pytest.fixture(scope="module")
def exhibit() -> RawDocument:
    return RawDocument.of("ft900/2021-08", "file", (FT900 / "exh16a_2021-08.xlsx").read_bytes())


PERIODS = {
    "2021-08": (date(2021, 8, 1), "month"),
    "2021-07": (date(2021, 7, 1), "month"),
    "2021 YTD Jan-Aug": (date(2021, 8, 1), "ytd"),
    "2020 YTD Jan-Aug": (date(2020, 8, 1), "ytd"),
}


def test_every_figure_of_the_real_exhibit_comes_out(exhibit: RawDocument) -> None:
    sections = {"Technology Group": "technology_group", "Selected Countries and Areas": "partner"}
    with open(SHARED / "figures" / "ft900_exhibit_16a_2021_08.csv", encoding="utf-8", newline="") as f:
        tidy = [
            (sections[r["section"]], r["item"], *PERIODS[r["period"]], flow, float(r[f"{flow}_musd"]))
            for r in csv.DictReader(f)
            for flow in ("balance", "exports", "imports")
        ]
    got = ft900.parse_exhibits(exhibit)
    assert got.select("section", "item", "period", "span", "flow", "value_musd").rows() == tidy
    assert len(tidy) == 504


def test_the_real_groups_and_notes(exhibit: RawDocument) -> None:
    got = ft900.groups(exhibit)
    aerospace = got.filter(pl.col("technology_group") == "08").select("flow", "value_musd").rows()
    assert aerospace == [("exports", 7304.0), ("imports", 2658.0)]
    overstated, basis = ft900.notes(exhibit)
    assert "overstated by $819 million in August 2021" in overstated
    assert basis.startswith("NOTE") and basis.endswith("goods-and-services.")
