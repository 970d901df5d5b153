"""``held.json``: the candidates of a dataset that were held until confirmed, and how each hold ended.

At most one is open: a newer candidate that is held takes over the open holds, and closes the older. What is held is
sealed in the manifest of the candidate (``held``) and its ``held.parquet``; this document says since when, and what
became of it. A run that was killed between the two is repaired by the next.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.storage.documents import Document, Record, change_document, read_document
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.records import MisplacedRecordError

Ending = Literal["confirmed", "promoted", "superseded", "replaced"]


class Hold(Record):
    """One held candidate.

    ``since``: when the first of its cells was held, in this candidate or an older one. ``cells``: how many are not
    confirmed. ``why``: in a sentence. ``confirmable_by``: the second sources that together could confirm them.
    ``reminded``: the days after ``since`` on which the owner was reminded. ``ended``: how the hold was closed, empty
    while it is open: by a second source, by a person, by a published version that has other figures (``superseded``),
    or by a newer held candidate (``replaced``); ``successor`` is the version that came of it, or took its place.
    """

    version: str
    vintage: str
    since: str
    held_at: str
    why: str
    checks: tuple[str, ...]
    cells: int
    confirmable_by: tuple[str, ...] = ()
    reminded: tuple[int, ...] = ()
    ended: Ending | Literal[""] = ""
    ended_at: str = ""
    successor: str = ""
    by: str = ""

    identified_by = ("version",)


class Holds(Document):
    """``held.json``: oldest first."""

    dataset: str
    holds: tuple[Hold, ...] = Field(default=())

    @property
    def open(self) -> Hold | None:
        """The hold that is open, if one is."""
        return next((h for h in reversed(self.holds) if not h.ended), None)

    def of(self, version: str) -> Hold | None:
        """The hold of a candidate."""
        return next((h for h in self.holds if h.version == version), None)


def read(store: ObjectStore, dataset: str) -> Holds:
    """Return the holds of a dataset; none if it has no such document.

    Raises:
        StoreError: it cannot be read, or is not of this dataset.
    """
    found = read_document(store, layout.held(dataset), Holds.load) or Holds(dataset=dataset)
    if found.dataset != dataset:
        raise MisplacedRecordError(layout.held(dataset), found.dataset)
    return found


def opened(store: ObjectStore, dataset: str, hold: Hold) -> None:
    """Enter a held candidate, and close the older one in its place; one that a newer candidate came before is entered
    as replaced by that. Doing so twice changes nothing."""

    def change(found: Holds | None) -> Holds:
        now = found or Holds(dataset=dataset)
        if now.of(hold.version):
            return now
        newer = now.open
        if newer and newer.version > hold.version:  # of a run that was faster
            late = _ended(hold, "replaced", newer.held_at, newer.version)
            return now.model_copy(update={"holds": (*(h for h in now.holds if h is not newer), late, newer)})
        closed = tuple(h if h.ended else _ended(h, "replaced", hold.held_at, hold.version) for h in now.holds)
        return now.model_copy(update={"holds": (*closed, hold)})

    change_document(store, layout.held(dataset), Holds.load, change)


def close(
    store: ObjectStore,
    dataset: str,
    ended: Ending,
    at: str,
    successor: str,
    by: str = "",
    of: str = "",
    vintage: str = "",
) -> Hold | None:
    """Close the open hold, if there is one; return it as it was.

    Args:
        of: the candidate that was confirmed or promoted. A hold of another one has been superseded.
        vintage: of the successor; a hold of a newer vintage stays open.
    """
    was: Hold | None = None

    def change(found: Holds | None) -> Holds | None:
        nonlocal was
        was = found.open if found else None
        if vintage and was and was.vintage > vintage:
            was = None
        if found is None or was is None:
            return None
        other = of and was.version != of
        done = _ended(was, "superseded", at, successor) if other else _ended(was, ended, at, successor, by)
        return found.model_copy(update={"holds": tuple(done if h is was else h for h in found.holds)})

    change_document(store, layout.held(dataset), Holds.load, change)
    return was


def reminded(store: ObjectStore, dataset: str, version: str, day: int) -> None:
    """Record that the owner was reminded of a held candidate on that day after it began."""

    def change(found: Holds | None) -> Holds | None:
        if found is None or (hold := found.of(version)) is None or day in hold.reminded:
            return None
        done = hold.model_copy(update={"reminded": (*hold.reminded, day)})
        return found.model_copy(update={"holds": tuple(done if h is hold else h for h in found.holds)})

    change_document(store, layout.held(dataset), Holds.load, change)


def _ended(hold: Hold, ended: Ending, at: str, successor: str, by: str = "") -> Hold:
    return hold.model_copy(update={"ended": ended, "ended_at": at, "successor": successor, "by": by})
