"""World Bank API v2: the indicators that a dataset's contract names in ``series``, all economies and years.

The API answers errors with status 200: a ``message`` body instead of data, XML although JSON was asked for, HTML, or
``null`` instead of rows. Each becomes an error here. Paging is believed only if the rows add up to ``total``, and an
update that lands in the middle of an extraction shows in ``lastupdated``, which must be one over all pages of all
series: it is the vintage.

Parsing is in ``indicators_parse``; this module decides what to ask for.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from configs.errors import InconsistentVintageError, VintageUnavailableError
from configs.source_series import series_of_dataset
from tasks.extract.http.session import Session
from tasks.extract.source import Extraction, FetchRequest, extracted
from tasks.extract.world_bank import indicators_parse as pages
from tasks.raw.documents import Archive, RawDocument

SOURCE = "world_bank"
# An update of the publisher takes minutes, not seconds: more than one fresh start would only ask again and again.
FRESH_STARTS = 1


def vintages(dataset: str) -> Sequence[str]:
    """None by name: the API gives its current state."""
    return ()


def fetch(ask: FetchRequest, archive: Archive) -> tuple[RawDocument, ...]:
    """Gets and archives the country list and every page of each series; begins once more if an update landed
    in between.

    Raises:
        SourceError: see ``indicators_parse.read_page``; ``InconsistentVintageError`` if it happened again.
    """
    for attempt in range(FRESH_STARTS + 1):
        # Nothing is resumed: pages of two runs can be of two vintages.
        with Session(SOURCE, ask, archive) as session:
            documents = _fetch_all(session, ask.dataset)
        try:
            pages.vintage(documents)
            return documents
        except InconsistentVintageError:
            if attempt == FRESH_STARTS:
                raise
    raise AssertionError("unreachable")


def _fetch_all(session: Session, dataset: str) -> tuple[RawDocument, ...]:
    documents = all_pages(session, "country", "country", {})
    for name, series in series_of_dataset(dataset).items():
        documents += all_pages(session, name, f"country/all/indicator/{series.code}", {"source": "2"})
    return tuple(documents)


def all_pages(session: Session, role: str, path: str, extra: dict[str, str]) -> list[RawDocument]:
    """The pages of one list, each archived before it is looked into."""
    documents: list[RawDocument] = []
    number, last = 1, 1
    while number <= last:
        url, params = _address(session, path, extra, number)
        document = session.get(f"{role}/{number}", url, params, judge=pages.refuse_busy)
        last = pages.read_page(document).pages
        documents.append(document)
        number += 1
    return documents


def _address(session: Session, path: str, extra: dict[str, str], number: int) -> tuple[str, dict[str, str] | None]:
    base = session.settings.url.rstrip("/")
    if base.startswith("file:"):
        suffix = f".page{number}" if number > 1 else ""
        return f"{base}/{path.rsplit('/', 1)[-1]}{suffix}.json", None
    query = {"format": "json", "per_page": str(session.settings.page_size), "page": str(number)}
    return f"{base}/{path}", query | extra


def parse(dataset: str, documents: tuple[RawDocument, ...], vintage: str | None) -> Extraction:
    """Reads the pages.

    Returns:
        Tables ``observations`` (economy_code, indicator: the name in the contract's ``series``, year, value_usd in
        current US dollars, observation_status: the publisher's mark, source_vintage; cells without a value are left
        out) and ``economies`` (economy_code, economy_name, is_aggregate, iso2).

    Raises:
        SourceError: a page is no data, pages are missing, economies are unknown, vintages differ.
        VintageUnavailableError: another vintage was asked for.
    """
    found = pages.vintage(documents)
    kept = tuple(d.raw_key for d in documents)
    if vintage is not None and vintage != found:
        raise VintageUnavailableError(
            SOURCE,
            f"vintage {vintage} was asked for, the World Bank is at {found}; ask for that one or for none",
            raw_keys=kept,
        )
    economies = pages.economies([d for d in documents if d.role.startswith("country/")])
    observations = pl.concat(
        [
            pages.observations([d for d in documents if d.role.startswith(f"{name}/")], name, series.code, economies)
            for name, series in series_of_dataset(dataset).items()
        ]
    ).with_columns(source_vintage=pl.lit(found))
    given = {"observations": observations.lazy(), "economies": economies.lazy()}
    return extracted(SOURCE, dataset, found, documents, given)
