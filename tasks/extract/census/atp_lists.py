"""Census lists of advanced technology products, from the addresses that the settings name.

Which address holds which month's list is for a person to say: the publisher puts the newest list under an address that
does not name its month, and takes old lists away. So every list that the published version was made from is taken over
from the archive, under the flow and month it had, and only what the settings name is asked for: a list that is new or
has another address now, and the newest of each flow again, which may have been corrected.

Where the settings have the address of a flow's yearly lists, those of the years after the newest known one are asked
for too. A list is put up in its own time: one that is not there (404) is not out yet.

``atp_detail_monthly`` has the concordance of each of its months, which says what counted as advanced technology in it.
That is taken before any list of the same month.

Parsing is in ``atp_list_parse``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from configs.addresses import query_of
from configs.errors import ConfigError, NoAddressError, VintageUnavailableError
from configs.settings import source_settings
from tasks.common.redact import without_secrets
from tasks.extract.census import atp_list_parse
from tasks.extract.http.responses import StatusError
from tasks.extract.http.session import Session
from tasks.extract.source import Extraction, FetchRequest, extracted
from tasks.raw.documents import Archive, RawDocument

log = logging.getLogger("techtrade")
SOURCE = "census_atp_lists"
CONCORDANCE = ("atp_detail_monthly", "concordance.parquet")


def vintages(dataset: str) -> Sequence[str]:
    """None by name: the settings say which lists there are."""
    return ()


def fetch(ask: FetchRequest, archive: Archive) -> tuple[RawDocument, ...]:
    """Gets and archives the lists that the settings name, and takes over the others that are known.

    Raises:
        NoAddressError: the settings name no list, and there is none to add those of later years to.
        ConfigError: they name one not by flow and month.
        SourceError: see ``atp_list_parse.read_list``.
    """
    documents = {role: d for role, d in ask.known.items() if atp_list_parse.ROLE.match(role)}
    later = _later(documents, ask.now.year)
    named = {**later, **_named(required=not documents or not later)}
    wanted = {role: url for role, url in named.items() if ask.refresh == "all" or _may_differ(role, url, documents)}
    plan = json.dumps({role: without_secrets(url) for role, url in wanted.items()}, sort_keys=True)
    with Session(SOURCE, ask, archive, plan=plan) as session:
        for role, url in sorted(wanted.items()):
            try:
                documents[role] = session.get(role, url, judge=_judge, suffix=".txt")
            except StatusError as e:
                if e.status != 404 or later.get(role) != url:
                    raise
                log.info("%s: %s is not out yet", SOURCE, role)
    # The concordance of a month is the authority for it.
    documents |= {r: archive.keep(SOURCE, r, address, body, ".csv") for r, address, body in _concordances(ask)}
    return tuple(documents[role] for role in sorted(documents))


def parse(dataset: str, documents: tuple[RawDocument, ...], vintage: str | None) -> Extraction:
    """Reads the lists.

    Returns:
        Table ``lists`` (flow, list_month: first month of validity, hs10, technology_group). The vintage is the month of
        the newest list.

    Raises:
        SourceError: see ``atp_list_parse.read_list``.
        VintageUnavailableError: another vintage was asked for.
    """
    lists = atp_list_parse.lists(SOURCE, documents)
    found = atp_list_parse.newest(lists)
    if vintage is not None and vintage != found:
        raise VintageUnavailableError(
            SOURCE,
            f"vintage {vintage} was asked for, the newest list is of {found}; ask for that one or for none",
            raw_keys=tuple(d.raw_key for d in documents),
        )
    return extracted(SOURCE, dataset, found, documents, {"lists": lists.lazy()})


def _concordances(ask: FetchRequest) -> Iterator[tuple[str, str, bytes]]:
    """Role, address and list, in the project's own form, of each month whose concordance in ``atp_detail_monthly`` is
    another than that of the month before, and of each January and of the first month that it has."""
    if (found := ask.published(*CONCORDANCE)) is None:
        return
    address, body = found
    months = pl.read_parquet(body).sort("flow", "period", "hs10").partition_by("flow", "period", as_dict=True)
    before: dict[str, pl.DataFrame] = {}
    for (flow, period), rows in months.items():
        codes = rows.select("hs10", "technology_group")
        had = before.get(str(flow))
        before[str(flow)] = codes
        if had is None or period.month == 1 or not codes.equals(had):
            yield f"{flow}/{period:%Y-%m}", address, codes.write_csv().encode()


def _judge(document: RawDocument) -> None:
    atp_list_parse.read_list(SOURCE, document)


def _later(known: Mapping[str, RawDocument], year: int) -> dict[str, str]:
    """The lists of the years after the newest known one, and that one where it came from the same address."""
    found: dict[str, str] = {}
    for flow, address in source_settings(SOURCE).yearly.items():
        newest = max((role for role in known if role.startswith(f"{flow}/")), default="")
        first = int(newest.partition("/")[2][:4]) if newest else year
        of_years = {f"{flow}/{y}-01": address.replace("{yy}", f"{y % 100:02d}") for y in range(first, year + 1)}
        found |= {r: url for r, url in of_years.items() if r > newest or known[newest].url == without_secrets(url)}
    return found


def _named(*, required: bool) -> dict[str, str]:
    if not (named := source_settings(SOURCE).documents) and required:
        raise NoAddressError(SOURCE)
    if wrong := sorted(role for role in named if not atp_list_parse.ROLE.match(role)):
        raise ConfigError(f"source {SOURCE}: documents: {wrong[0]!r} is not exports/YYYY-MM or imports/YYYY-MM")
    return named


def _may_differ(role: str, url: str, known: Mapping[str, RawDocument]) -> bool:
    """Whether a list has to be asked for again. Lists of the past do not change; their names sort by month. What the
    query of an address was is not written down, so one with a query may be another."""
    had = known.get(role)
    newest = not any(r > role for r in known if r.split("/")[0] == role.split("/", maxsplit=1)[0])
    return had is None or newest or bool(query_of(url)) or had.url != without_secrets(url)
