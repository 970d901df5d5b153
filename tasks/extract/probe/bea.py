"""Probes of BEA: its lists, the annual total of all countries, and one quarterly series. All of them need the key.

All areas of one type are some 25 MB. So areas come from BEA's list of them, and the annual figures of the total only.
"""

from __future__ import annotations

import polars as pl

from configs.words import plural
from tasks.extract.bea import code_tree, tables
from tasks.extract.bea import parse as answers
from tasks.extract.bea import source as bea
from tasks.extract.drift import check as drift
from tasks.extract.probe import known
from tasks.extract.probe.census import compared_as_frozen
from tasks.extract.probe.findings import Finding
from tasks.extract.probe.visit import Outcome, Unkept, Visit
from tasks.raw.documents import RawDocument

ROW_FIELDS = {"CL_UNIT", "UNIT_MULT", "DataValue", "NoteRef"}
# Sent beside what we read, and not used: described in BEA's user guide.
OTHER_FIELDS = {"TimeSeriesId", "TimeSeriesDescription", "METRIC_NAME", "Year", "TimePeriod", "Frequency"}


def statistics(visit: Visit) -> None:
    """Ask for the lists of types, indicators and areas, and for the total, annual and quarterly."""
    for probe in drift.expectation(visit.source).probes:

        def listing(outcome: Outcome, probe: drift.Probe = probe) -> None:
            answer = visit.recorder.get(visit.settings.url, probe.params, lambda answer: answer)
            document = RawDocument.of(probe.name, answer.url, visit.recorder.scrub.bytes(answer.body))
            compared_as_frozen(visit, outcome, document, probe)
            outcome.read.append(plural(len(answers.listed(document)), "code"))

        visit.probe(f"list of {probe.name}", listing, needs_key=True)
    nesting = code_tree.tables(code_tree.documents(Unkept()))
    visit.probe("list of areas", lambda outcome: _areas(visit, outcome, nesting["areas"]), needs_key=True)
    visit.probe("annual total", lambda outcome: _annual(visit, outcome, nesting), needs_key=True)
    visit.probe("quarterly total", lambda outcome: _quarterly(visit, outcome), needs_key=True)


def _areas(visit: Visit, outcome: Outcome, areas: pl.DataFrame) -> None:
    series = tables.SERIES["us_ip_trade_annual"]
    query = {"method": "GetParameterValues", "datasetname": series.bea_dataset, "ParameterName": "AreaOrCountry"}
    query["ResultFormat"] = "JSON"
    found = answers.listed(visit.session().get("areas", visit.settings.url, query))
    outcome.read.append(plural(len(found), "area"))
    # "All" asks for every area and is none itself.
    outcome.findings += known.unknown_codes(visit.source, outcome.probe, "area", found, {*areas["code"], "All"})
    if gone := sorted(set(areas["code"]) - set(found)):
        text = f"It no longer lists {plural(len(gone), 'area')} that we know: {', '.join(gone[:8])}."
        outcome.findings.append(Finding(visit.source, outcome.probe, "look at", text))


def _annual(visit: Visit, outcome: Outcome, nesting: dict[str, pl.DataFrame]) -> None:
    session, series = visit.session(), tables.SERIES["us_ip_trade_annual"]
    url, query = bea._data(session, series, code_tree.TOTAL, None)
    document = session.get("annual", url, {**(query or {}), "AreaOrCountry": "AllCountries"})
    _fields(visit, outcome, document, series.fields)
    found = tables.annual([(document, code_tree.TOTAL)], nesting)["observations"]
    years = found["year"].to_list()
    vintage = answers.vintage([document])
    outcome.read.append(f"{plural(found.height, 'observation')} of {min(years)} to {max(years)}, vintage {vintage}")


def _quarterly(visit: Visit, outcome: Outcome) -> None:
    session, series = visit.session(), tables.SERIES["us_ip_trade_quarterly"]
    code, frequency = f"ExpServ{code_tree.TOTAL}", "QSA"
    document = session.get("quarterly", *bea._data(session, series, code, frequency))
    _fields(visit, outcome, document, series.fields)
    found = tables.quarterly([(document, code, frequency)])["observations"]
    newest = max(found["period"].to_list())
    outcome.read.append(
        f"{plural(found.height, 'observation')} to {newest:%Y-%m}, vintage {answers.vintage([document])}"
    )


def _fields(visit: Visit, outcome: Outcome, document: RawDocument, believed: tuple[str, ...]) -> None:
    """Name the fields of rows that are new, and units other than millions of US dollars."""
    rows = answers.results(document).get("Data") or []
    data = [rows] if isinstance(rows, dict) else rows
    fields = {name for row in data if isinstance(row, dict) for name in row}
    if new := sorted(fields - ROW_FIELDS - OTHER_FIELDS - set(believed)):
        text = f"Rows have fields that are new to us: {', '.join(new[:8])}."
        outcome.findings.append(Finding(visit.source, outcome.probe, "good to know", text))
    units = {(str(r.get("CL_UNIT")), str(r.get("UNIT_MULT"))) for r in data if isinstance(r, dict)}
    if odd := sorted(units - {("USD", "6")}):
        told = ", ".join(f"{unit} times ten to the {power}" for unit, power in odd[:3])
        text = f"Figures are in {told}; until now all were in millions of US dollars."
        outcome.findings.append(Finding(visit.source, outcome.probe, "look at", text))
