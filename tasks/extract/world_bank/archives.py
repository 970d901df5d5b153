"""World Bank, "WDI Database Archives": every official vintage of the series that the contracts name.

Not the source of a dataset: the vintages lie in the archive, listed in an inventory
(``tasks.extract.world_bank.archive_inventory``), for a history that is built of them. They never enter a chain of
versions, where each would be older than the one before it.

What was asked for one series of one version is one or more pages; each is known to be whole before it is believed.
Parsing is in ``archives_parse``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import polars as pl

from configs.errors import IncompleteResponseError
from tasks.extract.http.session import Session
from tasks.extract.source import FetchRequest
from tasks.extract.world_bank import archives_parse as pages
from tasks.extract.world_bank.indicators_parse import fail, refuse_busy
from tasks.raw.documents import Archive, RawDocument

SOURCE = pages.SOURCE
Read = Callable[[RawDocument], pages.Page]


def listing(ask: FetchRequest, archive: Archive) -> tuple[RawDocument, ...]:
    """Gets and archives the list of versions. Never resumed: a new version must be seen.

    Raises:
        SourceError: see ``archives_parse.read_versions``.
    """
    with Session(SOURCE, ask, archive) as session:
        return _all_pages(session, "versions", "version", pages.read_versions)


def series(session: Session, vintage: str, indicator: str) -> tuple[RawDocument, ...]:
    """Gets and archives one series in one version: all its pages, or the one answer that says that there is no data.

    Raises:
        SourceError: see ``archives_parse.read_cells``.
    """
    path = f"country/all/series/{pages.series()[indicator].code}/time/all/version/{vintage}/data"
    return _all_pages(session, f"{vintage}/{indicator}", path, pages.read_cells, may_be_absent=True)


def parse(documents: Sequence[RawDocument]) -> pl.DataFrame:
    """The archived pages of any number of vintages, see ``archives_parse.table``.

    Raises:
        SourceError: a page is no data, pages or cells are missing, or cells contradict each other.
    """
    return pages.table(documents)


def tables(documents: Sequence[RawDocument], vintage: str) -> Mapping[str, pl.LazyFrame]:
    """Return one vintage as the transform of ``world_bank`` takes it, without names of economies."""
    cells = parse([replace(d, role=d.role.partition("/")[2]) for d in documents]).lazy()
    names = {"economy_code": pl.String, "economy_name": pl.String, "is_aggregate": pl.Boolean}
    of_vintage = pl.lit(vintage).alias("source_vintage")
    return {
        "observations": cells.select("economy_code", "indicator", "year", "value_usd", of_vintage),
        "economies": pl.LazyFrame(schema=names),
    }


def _all_pages(
    session: Session, role: str, path: str, read: Read, *, may_be_absent: bool = False
) -> tuple[RawDocument, ...]:
    documents: list[RawDocument] = []
    number, last = 1, 1
    while number <= last:
        url, params = _address(session, path, number)
        looked_into: list[pages.Page | None] = []
        judge = _judge(read, number, may_be_absent and number == 1, looked_into)
        document = session.get(f"{role}/{number}", url, params, judge=judge)
        documents.append(document)
        if not looked_into:  # taken over from a run that was cut off
            judge(document)
        page = looked_into[-1]
        if page is None:
            break
        last = page.pages
        number += 1
    return tuple(documents)


def _judge(
    read: Read, number: int, may_be_absent: bool, looked_into: list[pages.Page | None]
) -> Callable[[RawDocument], None]:
    """Looks into a page before it is noted as got: a run that takes up another must not take over what is no data.
    What it saw goes into ``looked_into``, None for "no data", so that megabytes of JSON are not decoded again."""

    def judge(document: RawDocument) -> None:
        if document.size <= pages.LONGEST_EXCUSE:
            refuse_busy(document, SOURCE)
        if may_be_absent and pages.absent(document):
            looked_into.append(None)
            return
        page = read(document)
        if page.number != number:
            raise fail(IncompleteResponseError, document, f"is page {page.number}, asked was page {number}", SOURCE)
        looked_into.append(page)

    return judge


def _address(session: Session, path: str, number: int) -> tuple[str, dict[str, str] | None]:
    base = session.settings.url.rstrip("/")
    if base.startswith("file:"):
        suffix = f".page{number}" if number > 1 else ""
        parts = path.split("/")
        return f"{base}/{f'{parts[3]}.{parts[7]}' if len(parts) > 1 else path}{suffix}.json", None
    return f"{base}/{path}", {"format": "json", "per_page": str(session.settings.page_size), "page": str(number)}
