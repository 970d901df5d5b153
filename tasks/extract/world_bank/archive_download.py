"""Extracting the official vintages into the inventory.

A vintage that the publisher has archived does not change, so what the inventory has is not asked for again, unless
everything is (``refresh="all"``); then a difference is told, and both states are kept.

A series that a listed version does not hold is ``empty``, with the publisher's words. That message is also what a
wrong address gets, so it is believed only of versions before the first that has the series: later ones are asked
again in every run, and a series that no version has is a failure.

One bad answer does not hide the others: it is written down as ``unreadable`` and asked again in the next run. A
publisher that cannot be reached ends the run; the next one goes on where it was.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field

from configs.errors import LockedOutError, SourceError, SourceUnavailableError
from tasks.common.clock import stamp
from tasks.extract.http.session import Session
from tasks.extract.source import FetchRequest
from tasks.extract.world_bank import archives as source
from tasks.extract.world_bank import archives_parse as pages
from tasks.extract.world_bank.archive_inventory import ArchivedSeries, Inventory, SeriesState, inventory, update
from tasks.raw.documents import Archive, Noted
from tasks.storage.object_store import ObjectStore

log = logging.getLogger("techtrade")
# One version can be beyond what the publisher manages to answer; two in a row mean that it answers nothing.
UNAVAILABLE_IN_A_ROW = 2


@dataclass
class DownloadResult:
    """What a run did. ``failures``: one line each; ``changed``: archived versions that were not what they had been."""

    listed: int = 0
    asked: int = 0
    got: list[ArchivedSeries] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def wanted(known: Inventory, versions: tuple[str, ...], refresh: str) -> list[tuple[str, str]]:
    """The (version, indicator) to ask for, oldest first."""
    every = [(v, i) for v in versions for i in pages.series()]
    if refresh == "all":
        return every
    have = known.by_key
    return [key for key in every if key not in have or not _settled(have[key], known)]


def _settled(archived: ArchivedSeries, known: Inventory) -> bool:
    if archived.state != "empty":
        return archived.state == "data"
    return archived.vintage < min((s.vintage for s in known.series if _has_data(s, archived.indicator)), default="")


def _has_data(archived: ArchivedSeries, indicator: str) -> bool:
    return archived.indicator == indicator and archived.state == "data"


def download_missing(store: ObjectStore, archive: Archive, ask: FetchRequest) -> DownloadResult:
    """Gets what the inventory does not have yet.

    Raises:
        SourceError: the list of versions could not be had, or the publisher cannot be reached any more.
    """
    listing = source.listing(ask, archive)
    versions = pages.versions(listing)
    listed = {"versions": versions, "listing": tuple(map(Noted.of, listing)), "listed_at": stamp(ask.now)}
    known = update(store, lambda i: i.model_copy(update=listed))
    result = DownloadResult(listed=len(versions))
    todo = wanted(known, versions, ask.refresh)
    with Session(source.SOURCE, ask, archive, plan=ask.refresh) as session:
        unavailable = 0
        for number, (vintage, indicator) in enumerate(todo, start=1):
            log.info("%s %s (%d of %d)", vintage, indicator, number, len(todo))
            result.asked += 1
            try:
                found = _extract_one(session, vintage, indicator)
                unavailable = 0
            except LockedOutError:
                raise
            except SourceUnavailableError as e:
                unavailable += 1
                if unavailable == UNAVAILABLE_IN_A_ROW:
                    raise
                result.failures.append(f"{vintage} {indicator}: {e}")
                continue
            _enter(store, found, result)
    for indicator, series in pages.series().items():
        if versions and not any(_has_data(s, indicator) for s in inventory(store).series):
            told = f"no version holds {indicator} ({series.code}); has the series or the address changed?"
            result.failures.append(told)
    return result


def _extract_one(session: Session, vintage: str, indicator: str) -> ArchivedSeries:
    """Raises only where there is no answer; an answer that cannot be read is a state."""
    about = {"vintage": vintage, "indicator": indicator, "series": pages.series()[indicator].code}
    try:
        documents = source.series(session, vintage, indicator)
        cells = source.parse(documents)
    except (SourceUnavailableError, LockedOutError):
        raise
    except SourceError as e:
        return ArchivedSeries(**about, state="unreadable", parsed_ok=False, reason=str(e), kept=e.raw_keys)
    state: SeriesState = "empty" if cells.is_empty() else "data"
    return ArchivedSeries(
        **about,
        state=state,
        parsed_ok=True,
        reason="" if state == "data" else pages.absent(documents[0]) or "every cell is without a value",
        rows=cells.height,
        content_sha256=hashlib.sha256(cells.write_csv().encode()).hexdigest() if state == "data" else "",
        retrieved_at=max(d.retrieved_at for d in documents),
        documents=tuple(map(Noted.of, documents)),
    )


def _enter(store: ObjectStore, found: ArchivedSeries, result: DownloadResult) -> None:
    """Enters it, unless that would put an error or a lack in the place of data."""
    name = f"{found.vintage} {found.indicator}"
    key = (found.vintage, found.indicator)
    before = inventory(store).by_key.get(key)
    if found.state == "unreadable":
        result.failures.append(f"{name}: {found.reason}")
    if before is not None and before.state == "data":
        if found.state == "empty":
            result.failures.append(f"{name}: was extracted before, and now the publisher says {found.reason!r}")
        if found.state != "data":
            return
        if found.content_sha256 != before.content_sha256:
            result.changed.append(f"{name}: is not what it was; both are kept")
            found = found.model_copy(update={"earlier": (*before.earlier, *(n.raw_key for n in before.documents))})
        else:
            found = found.model_copy(update={"earlier": before.earlier})
    result.got.append(found)

    def change(known: Inventory) -> Inventory:
        entries = dict(known.by_key) | {key: found}
        return known.model_copy(update={"series": tuple(entries[k] for k in sorted(entries))})

    update(store, change)
