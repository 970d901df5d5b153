"""Probes of the World Bank: the country list, each series as publishing asks for it, and one page of the archives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from configs.contracts import dataset_names, load_contract
from configs.errors import SourceResponseError
from configs.source_series import series_of_dataset
from configs.words import few, plural
from tasks.extract.drift import check as drift
from tasks.extract.drift.metadata import TYPES
from tasks.extract.probe import known
from tasks.extract.probe.census import compared_as_frozen
from tasks.extract.probe.findings import Finding, Severity
from tasks.extract.probe.visit import Outcome, Visit
from tasks.extract.world_bank import archives, archives_parse, indicators
from tasks.extract.world_bank import indicators_parse as pages
from tasks.raw.documents import RawDocument

PAGE = 50  # cells of an archived version: enough to see the form


def datasets(source: str) -> list[str]:
    """Return the datasets that are made from the source."""
    return [n for n in dataset_names() if load_contract(n).sources.live == source]


def series(visit: Visit) -> None:
    """Ask for what each series is, the country list, and all pages of each series."""
    probes = drift.expectation(visit.source).probes
    shape = {p.name: p for p in probes if p.read == "world_bank_pair"}
    for probe in (p for p in probes if p.read != "world_bank_pair"):

        def about(outcome: Outcome, probe: drift.Probe = probe) -> None:
            url = f"{visit.settings.url.rstrip('/')}/{probe.path}"
            answer = visit.recorder.get(url, probe.params, lambda answer: answer)
            compared_as_frozen(visit, outcome, RawDocument.of(probe.name, answer.url, answer.body), probe)

        visit.probe(probe.name, about)
    countries = visit.probe("country list", lambda outcome: _countries(visit, outcome))
    for dataset in datasets(visit.source):
        got: list[RawDocument] = []
        for name, of in series_of_dataset(dataset).items():

            def cells(outcome: Outcome, name: str = name, code: str = of.code) -> list[RawDocument]:
                path = f"country/all/indicator/{code}"
                found = indicators.all_pages(visit.session(), name, path, {"source": "2"})
                _cells(visit, outcome, found, shape[name])
                return found

            got += visit.probe(name, cells) or []
        if countries and got:
            visit.probe(dataset, _parsed(visit, dataset, (*countries, *got)))


def _countries(visit: Visit, outcome: Outcome) -> list[RawDocument]:
    found = indicators.all_pages(visit.session(), "country", "country", {})
    table = pages.economies(found)
    outcome.read.append(f"{plural(table.height, 'entry', 'entries')}, {table['is_aggregate'].sum()} aggregates")
    codes = known.partner_codes("world_bank_code") | set(known.bundled("ip_trade_annual", "economies")["economy_code"])
    outcome.findings += known.unknown_codes(visit.source, outcome.probe, "economy code", table["economy_code"], codes)
    return found


def _cells(visit: Visit, outcome: Outcome, documents: list[RawDocument], probe: drift.Probe) -> None:
    """Compare keys, types, units and marks of every row, of which the metadata shows only the first."""
    compared_as_frozen(visit, outcome, documents[0], probe)
    rows = [row for d in documents for row in pages.read_page(d).rows]
    outcome.read.append(plural(len(rows), "cell"))

    def add(severity: Severity, text: str) -> None:
        outcome.findings.append(Finding(visit.source, outcome.probe, severity, text))

    if new := sorted({key for row in rows for key in row} - {n.split(".")[1] for n in probe.expect if "." in n}):
        add("good to know", f"Rows have keys that are new to us: {few(new)}.")
    types = {TYPES.get(type(row.get("value")), "structure") for row in rows}
    if odd := sorted(types - set(probe.expect["row.value"].split("|"))):
        add("breaks us", f"Values come as {few(odd)}; we believed {probe.expect['row.value']}.")
    units = Counter(str(row["unit"]) for row in rows if row.get("unit"))
    for unit, count in units.most_common(3):
        add("look at", f"{plural(count, 'row')} with the unit {unit!r}; until now none had any.")
    marks = Counter(str(row["obs_status"]) for row in rows if row.get("obs_status"))
    for mark, count in marks.most_common(3):
        what = " (F is a forecast, and no figure)" if mark == "F" else ""
        add("look at", f"{plural(count, 'row')} with the obs_status {mark!r}{what}; until now none had any.")


def _parsed(visit: Visit, dataset: str, documents: tuple[RawDocument, ...]) -> Callable[[Outcome], None]:
    def step(outcome: Outcome) -> None:
        found = indicators.parse(dataset, documents, None)
        observations = found.tables["observations"].collect()
        years = observations["year"].to_list()
        told = f"{plural(observations.height, 'figure')} of {min(years)} to {max(years)}, vintage {found.vintage}"
        outcome.read.append(told)
        before = known.bundled(dataset, "observations")
        newest = str(before["source_vintage"].max())
        if found.vintage < newest:
            text = f"Its vintage is {found.vintage}, older than the bundled one of {newest}."
            outcome.findings.append(Finding(visit.source, outcome.probe, "look at", text))
        key = ["economy_code", "indicator", "year"]
        outcome.findings += known.figures_compared(visit.source, outcome.probe, observations, before, key, "value_usd")

    return step


def versions(visit: Visit) -> None:
    """Ask for the list of versions, and for the first cells of one series in the newest one that has any."""

    def listing(outcome: Outcome) -> tuple[str, ...]:
        documents = archives._all_pages(visit.session(), "versions", "version", archives_parse.read_versions)
        (probe,) = drift.expectation(visit.source).probes
        compared_as_frozen(visit, outcome, documents[0], probe)
        found = archives_parse.versions(documents)
        outcome.read.append(f"{plural(len(found), 'version')}, {found[0]} to {found[-1]}")
        return found

    def cells(outcome: Outcome) -> None:
        session = visit.session()
        session.settings = session.settings.model_copy(update={"page_size": PAGE})
        name, of = next(iter(archives_parse.series().items()))
        for vintage in reversed(listed[-3:]):
            path = f"country/all/series/{of.code}/time/all/version/{vintage}/data"
            document = session.get(f"{vintage}/{name}/1", *archives._address(session, path, 1))
            if archives_parse.absent(document):
                continue
            page = archives_parse.read_cells(document)
            outcome.read.append(f"{len(page.items):,} of {plural(page.total, 'cell')} of {vintage}")
            return
        raise SourceResponseError(visit.source, f"the newest versions ({few(listed[-3:])}) have no data of {of.code}")

    listed = visit.probe("list of versions", listing) or ()
    if listed:
        visit.probe("cells of a version", cells)
