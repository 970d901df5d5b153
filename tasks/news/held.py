"""News of waiting: that newer figures are held until confirmed, since when and why, and how that ended.

Made from ``held.json``. A newer candidate that takes over the figures of an older one has its ``since``: for readers it
is one wait, with one beginning and one end. Where readers have nothing yet there is no such news.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from configs.contract import Contract
from tasks.common.clock import to_minute
from tasks.news.events import NAMESPACE, News
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import holds, layout, reader
from tasks.warehouse.hold_words import because, confirmable, ending, waiting
from tasks.warehouse.holds import Hold, Holds

log = logging.getLogger("techtrade")


@dataclass(frozen=True)
class HoldEvent:
    """The beginning or the end of a wait. It is in no log, so it has no ``seq``; otherwise like an event of one."""

    event: Literal["held", "hold_ended"]
    version: str
    at: str
    vintage: str
    reason: str
    replaced_by: str | None = None
    seq: None = None


EVENTS = ("held", "hold_ended")


def held_news(store: ObjectStore, contract: Contract) -> list[News]:
    """Return the news of a dataset's waits, oldest first; none where ``held.json`` is damaged, which is logged.

    Raises:
        StoreUnavailableError: the store could not be read.
    """
    try:
        found = holds.read(store, contract.name)
    except reader.DAMAGED as e:
        log.warning("%s: what is held is left out of the news: %s", contract.name, e)
        return []
    return sorted(_news(contract, found), key=lambda news: news.event.at)


def waits(found: Holds) -> list[tuple[Hold, Hold]]:
    """Return the first and the last candidate of each wait, oldest first."""
    firsts: dict[str, Hold] = {}
    lasts: dict[str, Hold] = {}
    for hold in found.holds:
        firsts.setdefault(hold.since, hold)
        lasts[hold.since] = hold
    return [(firsts[since], lasts[since]) for since in firsts]


def _news(contract: Contract, found: Holds) -> Iterator[News]:
    name = contract.name
    for first, last in waits(found):
        event = HoldEvent("held", first.version, first.held_at, first.vintage, first.why)
        still = f"Readers of latest get the version before until they are confirmed: {confirmable(first)}."
        yield _one(name, event, first, f"{name}: {waiting(first)}", (f"{contract.title}.", still))
        if last.ended:
            over = HoldEvent("hold_ended", last.version, last.ended_at, last.vintage, ending(last), last.successor)
            was = f"They were held since {to_minute(last.since)}, because {because(last)}."
            title = f"{name}: figures of vintage {last.vintage} are no longer held: {ending(last)}"
            yield _one(name, over, last, title, (f"{contract.title}.", was))


def _one(dataset: str, event: HoldEvent, hold: Hold, title: str, lines: tuple[str, ...]) -> News:
    id_ = f"urn:uuid:{uuid.uuid5(NAMESPACE, f'{dataset} {event.event} {hold.since}')}"
    return News(id_, dataset, event, title, lines, (), layout.manifest(dataset, event.version), None)
