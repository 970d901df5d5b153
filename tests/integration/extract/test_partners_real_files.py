"""The table of partners against the publishers' own lists, where they lie beside the checkout.

Two names agree if they are the same after ``plain``, or if the publisher's stands in OTHER_NAMES word for word. Codes
alone would not do: Nigeria's code on the row of Niger is a code like any other, but not under its name.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from functools import cache

import fastexcel
import polars as pl
import pytest

from benchmarks.synthetic.memory import Memory
from tasks.extract import partners
from tests.paths import SOURCES

pytestmark = pytest.mark.skipif(not SOURCES.is_dir(), reason="the publishers' own files are not beside this checkout")

# Where the World Bank puts our regions, and those of their economies that it puts elsewhere.
REGIONS = {
    "Europe & Central Asia": "Northern Europe|Western Europe|Southern Europe|Eastern Europe|Central Asia",
    "Middle East & North Africa": "Northern Africa|Western Asia",
    "Sub-Saharan Africa": "Eastern Africa|Middle Africa|Southern Africa|Western Africa",
    "South Asia": "Southern Asia",
    "East Asia & Pacific": "East Asia|South-eastern Asia|Australia and New Zealand|Melanesia|Micronesia|Polynesia",
    "Latin America & Caribbean": "Caribbean|Central America|South America",
    "North America": "Northern America",
}
ELSEWHERE = {
    "Europe & Central Asia": {"ARM", "AZE", "CYP", "GEO", "GRL", "TUR"},
    "Middle East & North Africa": {"DJI", "IRN", "MLT"},
    "Sub-Saharan Africa": {"SDN"},
}
Listed = list[tuple[str, str]]
# Schedule C lists the United States; in their own trade they are no partner.
NOT_A_PARTNER = {"1000"}
# Schedule C has letters of its own where ISO has none.
NOT_ISO = {"4803": "KV", "5082": "GZ", "5083": "WE"}
# Earlier codes of the World Bank, in none of the files here but in its archives.
ONLY_IN_ARCHIVES = {"ADO", "IMY", "KSV", "ROM", "TMP", "WBG", "ZAR"}
# What publishers call a partner where ``plain`` does not make it our name for it.
OTHER_NAMES = {
    "world": ("TOTAL FOR ALL COUNTRIES", "All countries"),
    "ATF": ("FRENCH SOUTHERN AND ANTARCTIC LANDS", "French Southern and Antarctic Lands", "French Southern and Antarctic"),
    "BRN": ("Brunei Darussalam",),
    "COD": (
        "Congo, Dem. Rep.",
        "Congo (Kinshasa)",
        "Congo, Democratic Republic of the Congo (formerly Za",
    ),
    "COG": ("CONGO", "Congo, Rep.", "Congo (Brazzaville)", "Congo, Republic of the Congo"),
    "CZE": ("CZECH REPUBLIC", "Czech Republic"),
    "DNK": ("Denmark, except Greenland",),
    "EGY": ("Egypt, Arab Rep.",),
    "FSM": ("MICRONESIA", "Micronesia", "Micronesia, Fed. Sts."),
    "HKG": ("Hong Kong SAR, China",),
    "HMD": ("HEARD AND MCDONALD ISLANDS", "Heard and McDonald Islands"),
    "IOT": ("BRITISH INDIAN OCEAN TERRITORIES", "British Indian Ocean Terr."),
    "IRN": ("Iran, Islamic Rep.",),
    "KGZ": ("Kyrgyz Republic",),
    "KOR": ("Korea, Rep.",),
    "LAO": ("Lao PDR",),
    "MAC": ("MACAU", "Macau", "Macao SAR, China"),
    "MKD": ("MACEDONIA", "Macedonia"),
    "MMR": ("BURMA", "Burma", "Burma (Myanmar)"),
    "PRK": ("Korea, Dem. People's Rep.",),
    "RUS": ("Russian Federation",),
    "SJM": ("SVALBARD, JAN MAYEN ISLAND", "Svalbard, Jan Mayen Island"),
    "SVK": ("Slovak Republic",),
    "SYR": ("Syrian Arab Republic",),
    "TLS": ("East Timor",),
    "TUR": ("TURKEY", "Turkey"),
    "VAT": ("Holy See (Vatican City)",),
    "VEN": ("Venezuela, RB",),
    "VIR": ("Virgin Islands of the United States", "Virgin Islands (U.S.)"),
    "VNM": ("Viet Nam",),
    "YEM": ("Yemen, Rep.", "Republic of Yemen"),
    "schedule_c:4610": ("USSR",),
    "schedule_c:5082": ("GAZA STRIP ADMINISTERED BY ISRAEL", "Gaza Strip administered by Israel", "Gaza Strip admin. by Israel"),
    "schedule_c:5083": ("WEST BANK ADMINISTERED BY ISRAEL", "West Bank administered by Israel", "West Bank admin. by Israel"),
    "bea:UkIslandsCarib": ("United Kingdom Islands, Caribbean",),
    "bea:AllOthSeas": ("All other countries (those not listed separately in tables 2.2 and 3.2)",),
    "bea:ResidualSeas": (
        "Residual between the seasonally adjusted total based on service type or commodity and the sum of the seasonally "
        'adjusted individual countries and the "all other countries" aggregate',
    ),
}  # fmt: skip


def plain(name: str, kind: str) -> str:
    """A name without case, accents, punctuation, "the", and what stands in brackets; "X, Y" as "Y X", "St." as "Saint".

    A group or residual keeps its brackets: "excluding high income" makes it another one.
    """
    text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower().replace("&", " and ")
    if kind in ("economy", "part", "former"):
        text = re.sub(r"\(.*?(\)|$)", "", text)
        if text.count(",") == 1:
            last, first = text.split(",")
            text = f"{first} {last}"
    words = re.sub(r"[^a-z0-9]+", " ", re.sub(r"\bst\b", "saint", text)).split()
    return " ".join(w for w in words if w != "the")


def rows_of(*path: str) -> Iterator[dict[str, str]]:
    with open(SOURCES.joinpath(*path), encoding="utf-8-sig", newline="") as f:
        yield from csv.DictReader(f)


@cache
def schedule_c() -> dict[str, tuple[str, str]]:
    """Code: name, ISO code."""
    text = (SOURCES / "census_reference" / "schedule_c_2021-01-27.txt").read_text(encoding="utf-8")
    found = [re.match(r"(\d{4})\s+\|\s+(.*?)\s*\|.*([A-Z]{2})\s*$", line) for line in text.splitlines()]
    return {m[1]: (m[2], m[3]) for m in found if m}


@cache
def census_workbook() -> Listed:
    """Partners of the balance workbook, former ones among them. Its groups are numbered otherwise than the API's."""
    reader = fastexcel.read_excel(SOURCES / "census_balance" / "country_2025-02.xlsx")
    sheet = reader.load_sheet("country", use_columns=["CTY_CODE", "CTYNAME"], dtypes="string").to_polars()
    return [r for r in sheet.unique().rows() if r[0] >= "1000"]


def lists() -> dict[str, tuple[str, Listed]]:
    """By list: our column, and the publisher's codes and names."""
    metadata = {
        "2024": ("world_bank_api", "country_metadata_2024-10-24.csv"),
        "2021": ("wdi_bulk", "Metadata_Country_API_14_DS2_en_csv_v2_3054360.csv"),
    }
    return {
        "api": (
            "schedule_c_code",
            [(r["CTY_CODE"], r["CTY_NAME"]) for r in rows_of("census_reference", "api_partner_codes.csv")],
        ),
        "schedule_c": ("schedule_c_code", [(c, n) for c, (n, _) in schedule_c().items() if c not in NOT_A_PARTNER]),
        "workbook": ("schedule_c_code", census_workbook()),
        **{
            f"world_bank_{k}": ("world_bank_code", [(r["Country Code"], r["TableName"]) for r in rows_of(*path)])
            for k, path in metadata.items()
        },
        **{
            f"bea_{k}": ("bea_code", [(r["Key"], r["Desc"]) for r in rows_of("bea_metadata", f"{k}_AreaOrCountry.csv")])
            for k in ("IntlServTrade", "ITA")
        },
    }


NAMES = ("api", "schedule_c", "workbook", "world_bank_2024", "world_bank_2021", "bea_IntlServTrade", "bea_ITA")
SIZES = {"api": 256, "schedule_c": 239, "world_bank_2024": 265, "world_bank_2021": 265, "bea_IntlServTrade": 90}


@pytest.fixture(scope="module", name="ours")
def table_of_partners() -> pl.DataFrame:
    return partners.table(partners.document(Memory())).collect()


def by_code(ours: pl.DataFrame, column: str) -> dict[str, dict[str, str]]:
    return {r[column]: r for r in ours.drop_nulls(column).iter_rows(named=True)}


@pytest.mark.parametrize("name", NAMES)
def test_every_code_of_the_publishers_resolves(ours: pl.DataFrame, name: str) -> None:
    column, listed = lists()[name]
    assert len({c for c, _ in listed}) == SIZES.get(name, len(listed))
    assert {c for c, _ in listed} - set(ours[column]) == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_code_stands_under_its_own_name(ours: pl.DataFrame, name: str) -> None:
    column, listed = lists()[name]
    known = by_code(ours, column)
    other = lists()[{"bea_ITA": "bea_IntlServTrade", "bea_IntlServTrade": "bea_ITA"}.get(name, name)][1]
    wrong = {}
    for code, theirs in listed:
        row = known[code]
        # BEA describes the same residual in another way in each of its lists; ours is one of the two.
        residual = [n for c, n in other if c == code and row["kind"] == "residual"]
        same = {plain(n, row["kind"]) for n in (theirs, *residual)}
        named = theirs in OTHER_NAMES.get(row["partner_id"], ()) or plain(row["partner_name"], row["kind"]) in same
        if theirs and not named:
            wrong[code] = (theirs, row["partner_name"])
    assert wrong == {}


def test_no_two_partners_of_a_publisher_have_the_same_plain_name(ours: pl.DataFrame) -> None:
    """Else the test above could not tell them apart."""
    for column in ("schedule_c_code", "world_bank_code", "bea_code"):
        names = [
            plain(r["partner_name"], r["kind"])
            for r in ours.drop_nulls(column).iter_rows(named=True)
            if r["kind"] in ("economy", "part", "group")
        ]
        assert len(set(names)) == len(names)


def test_every_code_of_ours_is_in_a_list_of_the_publishers(ours: pl.DataFrame) -> None:
    theirs: dict[str, set[str]] = {
        "schedule_c_code": set(),
        "world_bank_code": {"INX"} | ONLY_IN_ARCHIVES,
        "bea_code": set(),
    }
    for column, listed in lists().values():
        theirs[column] |= {c for c, _ in listed}
    for column, known in theirs.items():
        assert set(ours[column].drop_nulls()) - known == set()


def test_the_two_letters_of_schedule_c_are_ours(ours: pl.DataFrame) -> None:
    known = by_code(ours, "schedule_c_code")
    theirs = {c: iso for c, (_, iso) in schedule_c().items() if c not in NOT_A_PARTNER}
    differ = {c: iso for c, iso in theirs.items() if known[c]["iso2"] != iso}
    assert len(theirs) == 239
    assert differ == NOT_ISO


def test_the_world_banks_marks_are_ours(ours: pl.DataFrame) -> None:
    known = by_code(ours, "world_bank_code")
    theirs = {r["Country Code"]: not r["Region"] for r in rows_of("world_bank_api", "country_metadata_2024-10-24.csv")}
    assert {c: known[c]["is_aggregate"] for c in theirs} == theirs


def test_the_world_banks_regions_are_where_ours_are(ours: pl.DataFrame) -> None:
    known = by_code(ours, "world_bank_code")
    differ: dict[str, set[str]] = {}
    for row in rows_of("world_bank_api", "country_metadata_2024-10-24.csv"):
        partner = known[row["Country Code"]]
        if row["Region"] and partner["region"] not in REGIONS[row["Region"]].split("|"):
            differ.setdefault(row["Region"], set()).add(partner["partner_id"])
    assert differ == ELSEWHERE


def test_71_of_the_90_areas_of_bea_are_single_countries(ours: pl.DataFrame) -> None:
    known = by_code(ours, "bea_code")
    kinds = {c: known[c]["kind"] for c, _ in lists()["bea_IntlServTrade"][1]}
    assert sum(k == "economy" for k in kinds.values()) == 71
    assert [c for c, k in kinds.items() if k == "part"] == ["UkIslandsCarib"]
    others = {c for c in known if c.startswith("Oth") and known[c]["kind"] != "residual"}
    assert others == {"OthWestHem"}, "a region, with Bermuda in it"


def test_the_groups_of_census_are_groups(ours: pl.DataFrame) -> None:
    known = by_code(ours, "schedule_c_code")
    groups = {c for c, _ in lists()["api"][1] if c.startswith("00") or c.endswith("XXX")}
    assert len(groups) == 20
    assert {c for c, r in known.items() if r["kind"] == "group"} == groups
