"""Census's monthly merchandise trade files: one ZIP a month and flow, of which the advanced technology is kept.

A month has no key and no version but ``Last-Modified``, so that is what is compared (where it is missing, size and end
of the file): months are looked up with ``HEAD``, and asked for where it moved. What a scheduled run looks up: the
months after the newest it knows; and, when one is there or the annual revision came meanwhile, the months that a
revision reaches. A release is there when both flows are.

The files stay on disk: 100 to 200 MB each, up to 2.4 GB of text. They are archived as they are, and read one at a time,
by whoever has room (``read_piece``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from configs.errors import (
    InconsistentVintageError,
    SourceResponseError,
    SourceUnavailableError,
    UsageError,
    VintageUnavailableError,
)
from configs.months import Months
from configs.release_calendar import load_calendar, month_after
from configs.settings import source_settings
from configs.words import plural
from tasks.common.redact import without_secrets
from tasks.extract.census.merchandise.control_totals import control_totals
from tasks.extract.census.merchandise.month import DETAIL, Flow, read_month
from tasks.extract.http.session import Session
from tasks.extract.source import Extraction, FetchRequest, Piece, extracted
from tasks.extract.zip_stream import zip_members
from tasks.raw.documents import Archive, RawDocument

SOURCE = "census_bulk"
FIRST = date(2010, 1, 1)
FLOWS: tuple[Flow, ...] = ("exports", "imports")
FOLDERS: dict[Flow, str] = {"exports": "ex_m/EXDB", "imports": "im_m/IMDB"}


@dataclass(frozen=True)
class File:
    """The file of a month and flow."""

    flow: Flow
    month: date

    @property
    def role(self) -> str:
        return f"{self.flow}/{self.month:%Y-%m}"

    @staticmethod
    def of(role: str) -> File:
        flow, _, month = role.partition("/")
        return File("exports" if flow == "exports" else "imports", date.fromisoformat(f"{month}-01"))

    def url(self, base: str) -> str:
        return f"{base.rstrip('/')}/{self.month:%Y}/Merch/{FOLDERS[self.flow]}{self.month:%y%m}.ZIP"


def vintages(dataset: str) -> Sequence[str]:
    """None by name: the publisher has the current state of each month only."""
    return ()


def fetch(ask: FetchRequest, archive: Archive) -> tuple[RawDocument, ...]:
    """Gets and archives the months that are new or may have moved, and takes over the others.

    Raises:
        UsageError: the months that were asked for leave a gap to those that are known.
        InconsistentVintageError: one flow of a month is there and the other is not, in the middle of the history.
        SourceError: see ``Session.download`` and ``zip_stream.members``.
    """
    expected = load_calendar("ft900").newest(ask.now)
    known = {role: d for role, d in ask.known.items() if role.partition("/")[0] in FLOWS}
    with Session(SOURCE, ask, archive, plan="files", lasting=True) as session:
        looking = _Looking(session, known)
        newest = looking.newest(expected, _last(known))
        wanted = _wanted(ask, known, newest)
        looking.doubtful_too = _may_be_revised(ask, known, newest)
        for month in wanted:
            looking.bring(month)
        ask.meter.reused += looking.reused
        return tuple(looking.documents[role] for role in sorted(looking.documents))


def _wanted(ask: FetchRequest, known: Mapping[str, RawDocument], newest: date) -> list[date]:
    """The months to look up, oldest first."""
    months = sorted({File.of(role).month for role in known})
    if ask.months is not None:
        asked = Months(max(ask.months.first, FIRST), min(ask.months.last, newest))
        _refuse_gap(asked, months)
        return list(every(asked.first, asked.last))
    if not months:
        return list(every(max(FIRST, month_after(newest, 1 - source_settings(SOURCE).first_months)), newest))
    new = list(every(month_after(months[-1]), newest))
    if ask.refresh == "all":
        return [*months, *new]
    if not new and not _may_be_revised(ask, known, newest):
        return []
    reached = month_after(newest, 1 - source_settings(SOURCE).revision_months)
    return [*(m for m in months if m >= reached), *new]


def _may_be_revised(ask: FetchRequest, known: Mapping[str, RawDocument], newest: date) -> bool:
    """Whether somebody asks for known months, or the annual revision came since."""
    last = _last(known)
    asked = ask.refresh == "all" or ask.months is not None
    return last is None or asked or load_calendar("ft900").revised_between(last, newest)


def _refuse_gap(asked: Months, known: Sequence[date]) -> None:
    if not known or (month_after(asked.last) >= known[0] and asked.first <= month_after(known[-1])):
        return
    to_join = (
        f"--to {month_after(known[0], -1):%Y-%m}" if asked.last < known[0] else f"--from {month_after(known[-1]):%Y-%m}"
    )
    raise UsageError(
        f"{SOURCE}: {asked} leaves a gap to the months that are published, {known[0]:%Y-%m} to {known[-1]:%Y-%m}, and "
        f"a history has none; join them with {to_join}"
    )


class _Looking:
    """The documents so far: known at first, each replaced by what the publisher has now where that is another.
    ``doubtful_too``: also where nothing tells whether it is another (no time, no size, no parts), as after the annual
    revision. Else a new month would bring the whole window of a revision again."""

    def __init__(self, session: Session, known: Mapping[str, RawDocument]) -> None:
        self._session, self._known = session, known
        self.documents = dict(known)
        self.doubtful_too = True
        self.reused = len(known)

    def newest(self, expected: date, known: date | None) -> date:
        """The newest month of which both flows are there, counted back from the one expected to the one known, however
        late releases are; of three, where none is known."""
        month, oldest = expected, month_after(known or month_after(expected, -3))
        while month >= oldest:
            if all(self._session.find(self._url(File(flow, month))) for flow in FLOWS):
                return month
            month = month_after(month, -1)
        if known is not None:
            return known
        raise SourceUnavailableError(
            SOURCE,
            f"none of the months {month_after(month):%Y-%m} to {expected:%Y-%m} is at "
            f"{without_secrets(self._session.settings.url)}; check the address of the source "
            f"(TECHTRADE_SOURCES__{SOURCE.upper()}__URL)",
        )

    def bring(self, month: date) -> None:
        for file in (File(flow, month) for flow in FLOWS):
            url, had = self._url(file), self._known.get(file.role)
            shown = without_secrets(url)
            if (found := self._session.find(url)) is None:
                if had is not None:  # it was there: the publisher is putting it up anew, or has lost it
                    told = f"{shown} was there and is not any more"
                    raise InconsistentVintageError(SOURCE, f"{told}: a release may be under way; run again in an hour")
                raise SourceResponseError(SOURCE, f"{shown} is not there, and later months are; check the address")
            if had is not None:
                same = self._session.same(found, had)
                if same or (same is None and not self.doubtful_too):
                    continue
                self.reused -= 1
            self.documents[file.role] = self._session.download(file.role, found, _judge(file, url), ".zip")

    def _url(self, file: File) -> str:
        return file.url(self._session.settings.url)


def _judge(file: File, url: str) -> Callable[[Path], None]:
    """Whether a file is a whole ZIP with the detail and the concordance, which is all that is looked at here."""

    def look(path: Path) -> None:
        with zip_members(path, without_secrets(url)) as found:
            for record in (DETAIL[file.flow], "CONCORD"):
                found.refuse_missing(record)

    return look


def every(first: date, last: date) -> Iterator[date]:
    """The months from ``first`` to ``last``."""
    while first <= last:
        yield first
        first = month_after(first)


def _last(known: Mapping[str, RawDocument]) -> date | None:
    return max((File.of(role).month for role in known), default=None)


def parse(dataset: str, documents: tuple[RawDocument, ...], vintage: str | None) -> Extraction:
    """Says what there is to read: nothing is unpacked yet.

    Returns:
        A piece for each month and flow, and no tables. The vintage is the newest month.

    Raises:
        InconsistentVintageError: a month is there of one flow only, or is missing between others.
        VintageUnavailableError: another vintage was asked for.
    """
    months = {flow: sorted(File.of(d.role).month for d in documents if d.role.startswith(flow)) for flow in FLOWS}
    have = months["exports"]
    if not have or have != months["imports"] or have != list(every(have[0], have[-1])):
        told = "; ".join(
            f"{flow}: {plural(len(m), 'month')} to {m[-1]:%Y-%m}" if m else f"{flow}: none"
            for flow, m in months.items()
        )
        raise InconsistentVintageError(SOURCE, f"the months are not those of one unbroken time, both flows ({told})")
    found = f"{have[-1]:%Y-%m}"
    if vintage is not None and vintage != found:
        raise VintageUnavailableError(
            SOURCE, f"vintage {vintage} was asked for, the newest month is {found}; ask for that one or for none"
        )
    pieces = tuple(Piece(f"part_year={File.of(d.role).month.year}", d) for d in documents)
    return extracted(SOURCE, dataset, found, documents, {}, pieces)


def piece_settings() -> str:
    """Return which codes are kept."""
    return source_settings(SOURCE).scope


def read_piece(role: str, file: Path, told: str, listed_by: Path | None = None) -> Mapping[str, pl.DataFrame]:
    """One file; by the list of products that came with another, if one is named.

    Returns:
        The records that are kept, under the name of the flow (see ``month.Month``); ``codes``, the concordance;
        and ``facts`` (see ``control_totals``).

    Raises:
        SourceError: see ``month.read_month``.
    """
    of = File.of(role)
    month = read_month(file, of.flow, f"{of.month:%Y-%m}", told, source_settings(SOURCE).scope, listed_by=listed_by)
    return {of.flow: month.detail, "codes": month.codes, "facts": control_totals(month, file, told)}


def requests_for(months: Months, now: datetime) -> int:
    """How many requests a backfill of these months is at the most: each file is looked up, and asked for if it moved.

    Raises:
        UsageError: there are no files of these months.
    """
    newest = load_calendar("ft900").newest(now)
    if not (asked := list(every(max(months.first, FIRST), min(months.last, newest)))):
        raise UsageError(f"{SOURCE}: {months} is not within {FIRST:%Y-%m} to {newest:%Y-%m}, of which there are files")
    return 2 * len(FLOWS) * (len(asked) + 1)
