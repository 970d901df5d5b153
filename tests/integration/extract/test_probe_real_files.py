"""The publishers' own files, served as a publisher serves them: our parsers read them, and nothing is reported amiss."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.extract.probe import publishers as probes
from tests.doubles import first_day
from tests.doubles.first_day import WORKBOOK, Altered
from tests.paths import SOURCES
from tests.support.newcomer import patient

pytestmark = pytest.mark.skipif(not SOURCES.is_dir(), reason="the publishers' own files are not here")

FILES = {
    "/2025-02/country.xlsx": ("census_balance/country_2025-02.xlsx", WORKBOOK),
    "/2023-01/country.xlsx": ("census_balance/country_2023-01.xlsx", WORKBOOK),
    "/ft900_2108.xlsx": ("census_ft900/exh16a_2021-08.xlsx", WORKBOOK),
    "/impatp22.txt": ("census_atp_lists/impatp22.txt", "text/plain"),
    "/impatp21.txt": ("census_atp_lists/impatp21.txt", "text/plain"),
    "/expatp22.txt": ("census_atp_lists/expatp22.txt", "text/plain"),
    "/exp-code-2019.txt": ("census_atp_lists/exp-code-2019.txt", "text/plain"),
}


class Files(Altered):
    """Serves the files as they are."""

    def document(self, path: str) -> tuple[bytes, str]:
        name, media = FILES[path]
        return (SOURCES / name).read_bytes(), media


class RealLists(first_day.Bea):
    """BEA's own lists of May 2025, with made-up figures."""

    def _listing(self, parameter: str, fault: str) -> Any:
        dataset = "ITA" if parameter == "Indicator" else "IntlServTrade"
        with open(SOURCES / "bea_metadata" / f"{dataset}_{parameter}.csv", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def files() -> Iterator[Files]:
    with Files() as double:
        yield double


@pytest.fixture(autouse=True)
def served(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ("CENSUS_BALANCE", "CENSUS_FT900", "CENSUS_ATP_LISTS", "BEA"):
        for name, value in patient(source, files.url).items():
            monkeypatch.setenv(name, value)


def texts(found: probes.Probed) -> list[str]:
    return [f"{f.severity}: {f.probe}: {f.text}" for f in found.findings]


@pytest.mark.parametrize(("vintage", "now", "months"), [
    ("2023-01", datetime(2023, 3, 9, tzinfo=UTC), "409 months to 2023-01"),
    ("2025-02", datetime(2025, 4, 10, tzinfo=UTC), "434 months to 2025-02"),
])  # fmt: skip
def test_a_real_workbook_is_as_believed(
    vintage: str, now: datetime, months: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{files.url}/{vintage}/country.xlsx")
    found = probes.probe(("census_balance",), now)
    assert found.visits[0].outcomes[0].read == [months]
    # Known are the months of 2025-02, of which an older workbook lacks the last.
    gone = [f"look at: workbook: {flow}: 25 of 434 known figures are gone." for flow in ("Exports", "Imports")]
    assert texts(found) == (gone if vintage == "2023-01" else [])


def test_a_real_exhibit_is_as_believed(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_FT900__URL", f"{files.url}/ft900_{{yymm}}.xlsx")
    found = probes.probe(("census_ft900",), datetime(2021, 10, 10, tzinfo=UTC))
    assert texts(found) == []
    assert found.visits[0].outcomes[0].read == ["Exhibits 16 and 16a of 2021-08, 10 technology groups"]


@pytest.mark.parametrize("named", [
    {"imports/2022-01": "impatp22.txt", "exports/2022-01": "expatp22.txt"},
    {"imports/2021-01": "impatp21.txt", "exports/2019-01": "exp-code-2019.txt"},
])  # fmt: skip
def test_real_lists_are_as_believed(named: dict[str, str], files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = {role: f"{files.url}/{name}" for role, name in named.items()}
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_ATP_LISTS__DOCUMENTS", json.dumps(addresses))
    found = probes.probe(("census_atp_lists",), datetime(2022, 10, 10, tzinfo=UTC))
    assert texts(found) == []
    assert found.as_believed


def test_real_lists_of_the_other_flow_are_found(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = {"imports/2022-01": f"{files.url}/expatp22.txt", "exports/2022-01": f"{files.url}/impatp22.txt"}
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_ATP_LISTS__DOCUMENTS", json.dumps(addresses))
    found = probes.probe(("census_atp_lists",), datetime(2022, 10, 10, tzinfo=UTC))
    assert [("is it of that flow" in t) for t in texts(found)] == [True, True]


def test_real_lists_of_bea_are_as_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    with RealLists("small") as double:
        monkeypatch.setenv("TECHTRADE_SOURCES__BEA__URL", f"{double.url}/api/data")
        monkeypatch.setenv("BEA_API_KEY", first_day.BEA_KEY)
        found = probes.probe(("bea",), datetime(2025, 5, 10, tzinfo=UTC))
    assert texts(found) == []
    assert found.as_believed


def test_recorded_answers_of_the_world_bank_keep_their_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies of 2021 that are errors with status 200: each is described, none is taken for data."""
    recorded = json.loads((SOURCES / "world_bank_api" / "recorded_v2_responses.json").read_text(encoding="utf-8"))
    errors = [r["body"] for r in recorded if '"message"' in r["body"] and r["code"] == 200]
    assert errors
    with first_day.publishers() as given:
        for name, value in given.variables.items():
            monkeypatch.setenv(name, value)
        given["world_bank"].alter = first_day.answer("ROYL", body=errors[0].encode())
        found = probes.probe(("world_bank",), first_day.NOW)
    breaking = {f.probe for f in found.findings if f.severity == "breaks us"}
    assert {"receipts", "payments"} <= breaking
    assert all("Our parser crashed" not in f.text for f in found.findings)
