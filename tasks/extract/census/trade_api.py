"""Census international trade API, ``hitech``: exports and imports of advanced technology products by technology group,
partner and month, from 2010-01.

What to ask for. A year and flow is one request of about 3 MB: 34 of them are the whole history. Every run asks first
for what can be new (two requests as a rule): the years from the month after the known vintage to the newest month that
can be expected. They are two where a release is late over the turn of the year: in March, December may just have come
while January is expected already. If they say what is known, nothing may have changed and the rest is taken from the
published version; if they have something new, the years of the revision window are asked for too, and all years when
the annual revision (April statistics) came in between. Decided by content: the API orders rows as it likes and has no
date of last update. (The calendar says what to ask, the answers say what there is.)

A year that times out or fails inside is asked for in halves, down to single months.

FT-900 of the newest month comes along as an independent check of the groups; where it cannot be had, the check could
not be made (``ft900_beside``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl

from configs.errors import (
    CredentialError,
    InconsistentVintageError,
    SourceResponseError,
    SourceUnavailableError,
    UsageError,
    VintageUnavailableError,
)
from configs.months import Months
from configs.release_calendar import Calendar, load_calendar, month_after
from tasks.common.text import duration
from tasks.extract.census import trade_api_parse as answers
from tasks.extract.census.ft900_beside import TABLE, fetch_beside, known_beside, read_beside
from tasks.extract.http.responses import RedirectedError
from tasks.extract.http.session import Session
from tasks.extract.source import Extraction, FetchRequest, extracted
from tasks.raw.documents import Archive, RawDocument

log = logging.getLogger("techtrade")
SOURCE = "census_hitech"
FIRST_YEAR = 2010
FLOWS = ("exports", "imports")
# Of a window that can be halved: a third time-out would cost three minutes more and say the same.
ATTEMPTS_AT_A_WINDOW = 2


@dataclass(frozen=True)
class Window:
    """Months of one year and flow, first and last (inclusive): what one request asks for."""

    flow: str
    first: date
    last: date

    @property
    def role(self) -> str:
        return f"{self.flow}/{self.first:%Y-%m}:{self.last:%Y-%m}"

    @property
    def months(self) -> int:
        return (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1

    def halves(self) -> tuple[Window, Window]:
        middle = month_after(self.first, self.months // 2)
        return Window(self.flow, self.first, month_after(middle, -1)), Window(self.flow, middle, self.last)


def vintages(dataset: str) -> Sequence[str]:
    """None by name: the API gives its current state."""
    return ()


def fetch(ask: FetchRequest, archive: Archive) -> tuple[RawDocument, ...]:
    """Gets and archives what may have changed since the known version; the rest is taken over from it.

    Raises:
        CredentialError: the key is missing or not accepted.
        InconsistentVintageError: exports and imports end in different months: a release is under way.
        SourceError: see ``trade_api_parse`` and ``Client.get``.
    """
    calendar = load_calendar("ft900")
    expected = calendar.newest(ask.now)
    known = _whole(ask)
    plan = f"{expected} {ask.refresh} {ask.known_vintage} {ask.months or ''}"
    with Session(SOURCE, ask, archive, plan=plan) as session:
        got: dict[tuple[str, int], tuple[RawDocument, ...]] = {}
        for year in _years_to_begin_with(ask, known, expected):
            got |= _year(session, year, expected)
        if known and not ask.months and all(_same(found, known.get(key, ())) for key, found in got.items()):
            ask.meter.reused += len(ask.known)
            return (*(d for d in ask.known.values() if d.source == SOURCE), *known_beside(ask))
        years, began = _years_to_ask(session, ask, calendar, expected, got, known), time.monotonic()
        for number, year in enumerate(years, start=1):
            got |= _year(session, year, expected)
            left = (time.monotonic() - began) / number * (len(years) - number)
            log.info("%s: %d of %d years asked for, about %s left", SOURCE, number, len(years), duration(left))
        taken = {k: v for k, v in known.items() if k not in got}
        ask.meter.reused += sum(map(len, taken.values()))
        every = {**taken, **got}
        documents = [d for k in sorted(every) for d in every[k]]
    return (*documents, *_exhibit(ask, archive, documents))


def _years_to_begin_with(
    ask: FetchRequest, known: Mapping[tuple[str, int], tuple[RawDocument, ...]], expected: date
) -> list[int]:
    """The years of the months after the known vintage, up to the expected one; the newest in any case."""
    if not known or ask.known_vintage is None:
        return [expected.year]
    after = month_after(date.fromisoformat(f"{ask.known_vintage}-01"))
    return list(range(min(after.year, expected.year), expected.year + 1))


def _years_to_ask(
    session: Session,
    ask: FetchRequest,
    calendar: Calendar,
    expected: date,
    got: Mapping[tuple[str, int], tuple[RawDocument, ...]],
    known: Mapping[tuple[str, int], tuple[RawDocument, ...]],
) -> list[int]:
    """The years that were not asked for yet and may have changed too."""
    asked = {year for _, year in got}
    every = [y for y in range(_first_year(session), expected.year) if y not in asked]
    if not known or ask.known_vintage is None:
        return every
    before = date.fromisoformat(f"{ask.known_vintage}-01")
    found = [m for d in got.values() for x in d if (m := _last_month(x)) is not None]
    if calendar.revised_between(before, max(found, default=before)):
        return every
    oldest = month_after(expected, 1 - session.settings.revision_months).year
    return [y for y in every if y >= oldest or (ask.months and y in _years(ask.months, expected))]


def _years(months: Months, expected: date) -> range:
    """The years that have any of these months; a year is what one request asks for."""
    return range(max(months.first.year, FIRST_YEAR), min(months.last.year, expected.year) + 1)


def requests_for(months: Months, now: datetime) -> int:
    """How many requests a backfill of these months is: one a flow and year, the newest year among them.

    Raises:
        UsageError: the API has none of these months.
    """
    expected = load_calendar("ft900").newest(now)
    if not (years := {*_years(months, expected)}):
        raise UsageError(f"{SOURCE}: {months} is not within {FIRST_YEAR}-01 to {expected:%Y-%m}, which the API has")
    return len(FLOWS) * len(years | {expected.year})


def _first_year(session: Session) -> int:
    """Of files, the first that is there: somebody may have a part of the history only."""
    base = session.settings.url
    if not base.startswith("file:"):
        return FIRST_YEAR
    folder = Path(unquote(urlsplit(base).path))
    return min((int(p.stem[-4:]) for p in folder.glob("exports-[0-9][0-9][0-9][0-9].json")), default=FIRST_YEAR)


def _year(session: Session, year: int, expected: date) -> dict[tuple[str, int], tuple[RawDocument, ...]]:
    last = min(date(year, 12, 1), expected)
    return {(flow, year): tuple(_window(session, Window(flow, date(year, 1, 1), last))) for flow in FLOWS}


def _window(session: Session, window: Window) -> list[RawDocument]:
    """One request; or, where the publisher cannot answer so much at a time, one for each half."""
    try:
        return [_document(session, window, ATTEMPTS_AT_A_WINDOW if window.months > 1 else None)]
    except SourceUnavailableError as e:
        if not e.slow or window.months == 1:
            raise
        first, second = window.halves()
        return _window(session, first) + _window(session, second)


def _document(session: Session, window: Window, attempts: int | None) -> RawDocument:
    base = session.settings.url.rstrip("/")
    if base.startswith("file:"):
        return session.get(window.role, f"{base}/{window.flow}-{window.first.year}.json", judge=answers.validate)
    params = {
        "get": ",".join(answers.asked_columns(window.flow)),
        "time": f"from {window.first:%Y-%m} to {window.last:%Y-%m}",
    }
    # A key that is valid is reported invalid now and then: once more, and then it is believed.
    for last_try in (False, True):
        try:
            return session.get(
                window.role,
                f"{base}/{window.flow}/hitech",
                params,
                judge=answers.validate,
                empty_ok=True,
                attempts=attempts,
                media="application/json",
            )
        except RedirectedError as e:
            if "x-datawebapi-keyerror" not in e.headers and "_key.html" not in e.target:
                raise
            missing = "missing_key" in e.target
            if last_try or missing:
                raise answers.key_refused(f"{base}/{window.flow}/hitech", missing=missing) from e
        except CredentialError:
            if last_try:
                raise
    raise AssertionError("unreachable")


def _exhibit(ask: FetchRequest, archive: Archive, documents: Sequence[RawDocument]) -> tuple[RawDocument, ...]:
    """FT-900 of the newest month that there is."""
    # The newest windows first, so that the others are not decoded for this.
    latest_first = sorted(documents, key=lambda d: d.role[-7:], reverse=True)
    newest = next((m for d in latest_first if (m := _last_month(d)) is not None), None)
    return fetch_beside(SOURCE, ask, archive, newest) if newest else ()


def _whole(ask: FetchRequest) -> dict[tuple[str, int], tuple[RawDocument, ...]]:
    """The known answers by flow and year, if they are to be used and cover every month up to the known vintage; none
    otherwise. Some can be gone from the archive: what is left must not pass for the history."""
    if ask.refresh == "all" or ask.known_vintage is None:
        return {}
    known = _by_year(ask.known.values())
    first, last = min((y for _, y in known), default=FIRST_YEAR), date.fromisoformat(f"{ask.known_vintage}-01")
    have = {(f, m) for (f, _), documents in known.items() for d in documents for m in _months_of(d)}
    month = date(first, 1, 1)
    while month <= last:
        if any((f, month) not in have for f in FLOWS):
            return {}
        month = month_after(month)
    return known


def _months_of(document: RawDocument) -> list[date]:
    """The months that an answer was asked for."""
    first, last = (date.fromisoformat(f"{m}-01") for m in document.role.partition("/")[2].split(":"))
    return [month_after(first, n) for n in range(Window("", first, last).months)]


def _by_year(documents: Iterable[RawDocument]) -> dict[tuple[str, int], tuple[RawDocument, ...]]:
    found: dict[tuple[str, int], tuple[RawDocument, ...]] = {}
    for document in sorted(documents, key=lambda d: d.role):
        flow, _, window = document.role.partition("/")
        if flow in FLOWS:
            key = (flow, int(window[:4]))
            found[key] = (*found.get(key, ()), document)
    return found


def _same(one: Sequence[RawDocument], other: Sequence[RawDocument]) -> bool:
    """Whether two sets of answers have the same rows, in whatever order and windows. Equal bytes are not read."""
    if sorted(d.sha256 for d in one) == sorted(d.sha256 for d in other):
        return True
    left, right = (
        pl.concat([pl.DataFrame(schema=answers.SCHEMA), *(answers.rows(d) for d in documents)]).sort(pl.all())
        for documents in (one, other)
    )
    return left.equals(right)


def _last_month(document: RawDocument) -> date | None:
    found = _last(answers.rows(document))
    return found if found > date.min else None


def _last(rows: pl.DataFrame) -> date:
    """The last month in an answer; the beginning of time, if there is none."""
    found = rows["period"].max()
    return found if isinstance(found, date) else date.min


def parse(dataset: str, documents: tuple[RawDocument, ...], vintage: str | None) -> Extraction:
    """Reads the answers.

    Returns:
        Tables ``trade`` (``trade_api_parse.SCHEMA``: totals and the group "not advanced technology" included, for the
        gate to reconcile), ``ft900`` (technology_group, flow, period, value_musd; no rows where there is none) and
        ``names`` (partner_code, publisher_name).
        The vintage is the last month covered.

    Raises:
        SourceError: see ``trade_api_parse.rows``; ``InconsistentVintageError`` if the flows end in different months.
        VintageUnavailableError: another vintage was asked for.
    """
    own = [d for d in documents if d.role.partition("/")[0] in FLOWS]
    # Two at a time: polars decodes one answer on one thread.
    with ThreadPoolExecutor(2) as pool:
        parsed = list(pool.map(answers.rows_and_names, own))
    read = [(d.role.partition("/")[0], rows) for d, (rows, _) in zip(own, parsed, strict=True)]
    named = pl.concat([pl.DataFrame(schema=answers.NAMES), *(names for _, names in parsed)])
    names = named.sort("publisher_name", nulls_last=True).unique("partner_code", keep="first", maintain_order=True)
    trade = pl.concat([pl.DataFrame(schema=answers.SCHEMA), *(rows for _, rows in read)])
    ends = {f: max(_last(rows) for flow, rows in read if flow == f) for f, some in read if some.height}
    kept = tuple(d.raw_key for d in own[-2:])
    if set(ends) != set(FLOWS):
        raise SourceResponseError(SOURCE, f"gave figures of {sorted(ends) or 'neither flow'} only", raw_keys=kept)
    if len(set(ends.values())) > 1:
        told = " and ".join(f"{flow} to {end:%Y-%m}" for flow, end in sorted(ends.items()))
        raise InconsistentVintageError(
            SOURCE, f"gave {told}: a release is under way; run again in an hour", raw_keys=kept
        )
    found = f"{next(iter(ends.values())):%Y-%m}"
    if vintage is not None and vintage != found:
        raise VintageUnavailableError(
            SOURCE, f"vintage {vintage} was asked for, the API is at {found}; ask for that one or for none"
        )
    exhibit, missing = read_beside(documents)
    tables = {"trade": trade.lazy(), TABLE: exhibit, "names": names.lazy()}
    return extracted(SOURCE, dataset, found, documents, tables, unavailable=missing)
