"""BEA: charges for the use of intellectual property in US trade, annual (IntlServTrade) and quarterly (ITA).

One request a type of service (annual, all areas, directions and affiliations at once), one an indicator and seasonal
adjustment (quarterly); the lists of both come from BEA's metadata. ``TsLastUpdated`` is the vintage, one over all
answers. A run that finds it and the figures of the total unchanged takes the rest from the version published before;
``--refresh all`` asks for everything.

Answers are read in ``parse`` and made into tables in ``tables``; how codes nest is in ``code_tree``. This
module decides what to ask for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from configs.errors import (
    IncompleteResponseError,
    InconsistentVintageError,
    ObjectNotFoundError,
    VintageUnavailableError,
)
from tasks.extract.bea import code_tree as codes
from tasks.extract.bea import parse as answers
from tasks.extract.bea import tables as bea_tables
from tasks.extract.bea.tables import ADJUSTMENTS, FLOWS, SERIES, BeaSeries
from tasks.extract.http.session import Session
from tasks.extract.source import Extraction, FetchRequest, extracted
from tasks.raw.documents import Archive, RawDocument

SOURCE = "bea"
# An update of the publisher takes minutes, not seconds: more than one fresh start would only ask again and again.
FRESH_STARTS = 1


def vintages(dataset: str) -> Sequence[str]:
    """None by name: the API gives its current state."""
    return ()


def fetch(ask: FetchRequest, archive: Archive) -> tuple[RawDocument, ...]:
    """Gets and archives the list of types and the answer of each; begins once more if an update landed in between.

    Raises:
        SourceError: see ``parse.results``; SourceLayoutError if BEA's list is not ours;
            InconsistentVintageError if an update landed in between twice.
    """
    series, reference = SERIES[ask.dataset], codes.documents(archive)
    known = codes.tables(reference)["types"]
    for attempt in range(FRESH_STARTS + 1):
        # The list is asked for anew each time, and is part of the plan: a type that came meanwhile must not be missed.
        with Session(SOURCE, ask, archive) as session:
            listing = session.get(series.listing, *_listing(session, series), judge=answers.listed)
        wanted = list(_wanted(series, known, listing))
        with Session(SOURCE, ask, archive, plan=f"{series.bea_dataset} {wanted}") as session:
            documents = _fetch_all(session, ask, series, listing, wanted)
        try:
            answers.vintage(documents[1:])
            return (*documents, *reference)
        except InconsistentVintageError:
            # What was resumed may be of before an update that is long over. That session came to its end, and dropped
            # its notes: nothing of it is resumed the second time.
            if attempt == FRESH_STARTS:
                raise
    raise AssertionError("unreachable")


def _fetch_all(
    session: Session,
    ask: FetchRequest,
    series: BeaSeries,
    listing: RawDocument,
    wanted: Sequence[tuple[str, str | None]],
) -> list[RawDocument]:
    documents = [listing]
    for code, frequency in wanted:
        role = _role(code, frequency)
        url, params = _data(session, series, code, frequency)
        documents.append(session.get(role, url, params, judge=answers.refuse_no_data))
        if len(documents) == 2:
            kept = _unchanged(ask, documents[1], [series.listing, *[_role(*w) for w in wanted]])
            if kept is not None:
                ask.meter.reused += len(kept)
                return kept
    return documents


def _unchanged(ask: FetchRequest, total: RawDocument, roles: Sequence[str]) -> list[RawDocument] | None:
    """The documents of the version before, if it has all and the total is what it was in it, stamp and figures."""
    if ask.refresh == "all" or not all(r in ask.known for r in roles):
        return None
    try:
        same = answers.same(ask.known[total.role], total)
    except ObjectNotFoundError:  # taken down: asked for again
        return None
    return [ask.known[r] for r in roles] if same else None


def _wanted(series: BeaSeries, types: pl.DataFrame, listing: RawDocument) -> Iterator[tuple[str, str | None]]:
    """What to ask for, one at a time, the total first: the type or indicator, and the adjustment where there is one."""
    found = answers.listed(listing)
    if series.listing == "types":
        of_ip = [c for c in found if codes.is_ip(c)]
        yield from ((c, None) for c in codes.agreed(of_ip, list(types["code"]), listing))
        return
    of_ip = [c for c in found if c[:7] in FLOWS and codes.is_ip(c[7:])]
    known = [f"{flow}{c}" for c in types.filter("is_quarterly")["code"] for flow in FLOWS]
    yield from ((c, frequency) for c in codes.agreed(of_ip, known, listing) for frequency in ADJUSTMENTS)


def _role(code: str, frequency: str | None) -> str:
    return f"data/{code}/{frequency}" if frequency else f"data/{code}"


def _listing(session: Session, series: BeaSeries) -> tuple[str, dict[str, str] | None]:
    query = {"method": "GetParameterValues", "datasetname": series.bea_dataset, "ParameterName": series.parameter}
    return _address(session, series.listing, query)


def _data(session: Session, series: BeaSeries, code: str, frequency: str | None) -> tuple[str, dict[str, str] | None]:
    query = {"method": "GetData", "datasetname": series.bea_dataset, series.parameter: code, "Year": "ALL"}
    query |= (
        {"AreaOrCountry": "AllCountries", "Frequency": frequency}
        if frequency
        else {"AreaOrCountry": "All", "TradeDirection": "All", "Affiliation": "All"}
    )
    return _address(session, f"{code}.{frequency}" if frequency else code, query)


def _address(session: Session, file: str, query: dict[str, str]) -> tuple[str, dict[str, str] | None]:
    url = session.settings.url
    file_url = f"{url.rstrip('/')}/{file}.json"
    return (file_url, None) if url.startswith("file:") else (url, query | {"ResultFormat": "JSON"})


def parse(dataset: str, documents: tuple[RawDocument, ...], vintage: str | None) -> Extraction:
    """Reads the answers.

    Returns:
        Tables ``types``, ``affiliations`` and ``areas`` (see ``code_tree.tables``) and ``observations``: direction,
        ip_type, value_usd (US dollars), observation_status, reported_precision_usd, source_vintage; annual also
        affiliation, partner_code and year, quarterly seasonal_adjustment and period (date). Annual also ``balance``,
        with BEA's own balance_usd, where it gives a figure.

    Raises:
        SourceError: an answer is no data or missing, codes are unknown, a row stands twice, vintages differ.
        VintageUnavailableError: another vintage was asked for.
    """
    series, nesting, by_role = SERIES[dataset], codes.tables(documents), {d.role: d for d in documents}
    wanted = list(_wanted(series, nesting["types"], _document(by_role, series.listing)))
    data = [(_document(by_role, _role(*w)), *w) for w in wanted]
    found = answers.vintage([d for d, _, _ in data])
    if vintage not in (None, found):
        told = f"vintage {vintage} was asked for, BEA is at {found}; ask for that one or for none"
        raise VintageUnavailableError(SOURCE, told, raw_keys=tuple(d.raw_key for d, _, _ in data))
    answered = [(document, code) for document, code, _ in data]
    tables = bea_tables.annual(answered, nesting) if series.listing == "types" else bea_tables.quarterly(data)
    tables["observations"] = tables["observations"].with_columns(source_vintage=pl.lit(found))
    given = {name: frame.lazy() for name, frame in {**nesting, **tables}.items()}
    return extracted(SOURCE, dataset, found, documents, given)


def _document(by_role: Mapping[str, RawDocument], role: str) -> RawDocument:
    if role not in by_role:
        raise IncompleteResponseError(SOURCE, f"the answer {role} is missing; run again")
    return by_role[role]
