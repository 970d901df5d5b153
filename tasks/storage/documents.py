"""What all JSON documents of the store share, so that older and newer code can use one store.

Within a format number newer code only adds fields. Code that does not know a field keeps it whenever it rewrites the
document: dropping it once lost ``retired`` of ``latest.json``, and readers then looked for data that had been deleted.
A document with a higher number is refused, never taken for a damaged one, because a damaged one may be rewritten.
docs/upgrading.md makes these rules a promise.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from configs.errors import NewerFormatError, ObjectNotFoundError, PreconditionFailedError, StoreError
from tasks.storage.object_store import ObjectStore, StoredObject

log = logging.getLogger("techtrade")
TRIES = 20
T = TypeVar("T")


class DamagedRecordError(StoreError):
    """A document of the store is not valid: cut short or overwritten."""


class KeptChangingError(StoreError):
    """A document could not be written, because other runs were faster every time."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"{key} was not written: others kept changing it; run again when fewer runs write to it")


class Record(BaseModel):
    """A frozen part of a document. Fields that this code does not know are kept and written again."""

    model_config = ConfigDict(frozen=True, extra="allow")

    # The fields that tell a record apart from the others of its list; none if it is never rewritten in one.
    identified_by: ClassVar[tuple[str, ...]] = ()

    @property
    def identity(self) -> object:
        """Return what tells this record apart from the others of its list; None if it is never rewritten in one."""
        return attrgetter(*self.identified_by)(self) if self.identified_by else None

    def onto(self, before: Self) -> Self:
        """Return this record with the fields that newer code added to ``before``, the one that it replaces.

        Nested records get theirs, too; in lists they are matched by ``identity``, in tables by name.
        """
        if before is self:
            return self
        now = self.model_extra or {}
        kept = {name: value for name, value in (before.model_extra or {}).items() if name not in now}
        for name in type(self).model_fields:
            mine = getattr(self, name)
            if (merged := _onto(mine, getattr(before, name))) is not mine:
                kept[name] = merged
        return self.model_copy(update=kept) if kept else self

    def same_as(self, other: Self) -> bool:
        """Whether all fields that this code knows are equal: newer code may have added others since."""
        return self.__dict__ == other.__dict__


class Document(Record):
    """A JSON document: written indented, its format number first. One without a number is of format 1."""

    # The newest format that this code reads and writes. A kind of document overrides it to raise its own.
    newest: ClassVar[int] = 1
    format: int = Field(default=1, ge=1)

    def dump(self) -> bytes:
        return (self.model_dump_json(indent=2) + "\n").encode()

    @classmethod
    def load(cls, body: bytes, key: str) -> Self:
        """Read a document.

        Raises:
            NewerFormatError: it is of a newer format than this code reads.
            DamagedRecordError: it is not valid.
        """
        try:
            found = cls.model_validate_json(body)
        except ValidationError as e:
            with suppress(ValueError):  # not even JSON: damaged
                refuse_newer(from_json(body), key, cls.newest)
            kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cls.__name__).lower()
            what = f"{key}: not a valid {kind} document: {e.errors()[0]['msg']}"
            raise DamagedRecordError(f"{what}; restore it from a copy") from e
        refuse_newer({"format": found.format}, key, cls.newest)
        return found


def refuse_newer(content: object, key: str, newest: int = Document.newest) -> None:
    """Refuse parsed JSON that says that it is of a newer format.

    Raises:
        NewerFormatError: it does.
    """
    number = content.get("format") if isinstance(content, dict) else None
    if isinstance(number, int | float) and number > newest:
        raise NewerFormatError(key, number, newest)


D = TypeVar("D", bound=Document)


def stored_at(store: ObjectStore, key: str) -> StoredObject | None:
    """Return the object under a key; None if there is none."""
    try:
        return store.get(key)
    except ObjectNotFoundError:
        return None


def read_document(store: ObjectStore, key: str, load: Callable[[bytes, str], D]) -> D | None:
    """Return the document under a key; None if there is none.

    Args:
        load: how it is read, as ``Document.load``.

    Raises:
        NewerFormatError: it is of a newer format than this code reads.
        DamagedRecordError: it is not valid.
    """
    stored = stored_at(store, key)
    return load(stored.body, key) if stored else None


def if_sound(kind: type[D], body: bytes | None, key: str) -> D | None:
    """Return a document that may be written again: None if there is none, or if it is damaged.

    Raises:
        NewerFormatError: it is of a newer format than this code reads, so it must be left as it is.
    """
    with suppress(DamagedRecordError):
        return kind.load(body, key) if body is not None else None
    return None


def read_modify_write(
    store: ObjectStore, key: str, change: Callable[[bytes | None], bytes | None], tries: int = TRIES
) -> bytes | None:
    """Change an object by compare-and-swap, again from the new state while other runs are faster.

    A write that was applied although its reply got lost is found as the new state: ``change`` then sees its own result.

    Args:
        change: from the body that is there (None: there is none) to the one that is to be there. Nothing is written
            where it returns None, or the same.

    Returns:
        The body that is there now.

    Raises:
        KeptChangingError: others were faster every time.
        StoreError: the store could not be read or written; the change may have been applied.
    """

    def attempt() -> bytes | None:
        stored = stored_at(store, key)
        body = stored.body if stored else None
        wanted = change(body)
        if wanted is None or wanted == body:
            return body
        store.replace(key, wanted, stored.etag if stored else None)
        return wanted

    try:
        return retry_races(attempt, (PreconditionFailedError,), tries)
    except PreconditionFailedError as e:
        raise KeptChangingError(key) from e


def change_document(
    store: ObjectStore,
    key: str,
    load: Callable[[bytes, str], D],
    change: Callable[[D | None], D | None],
    tries: int = TRIES,
) -> D | None:
    """Change a document like ``read_modify_write``, with the fields that newer code added kept.

    Args:
        load: how it is read, as ``Document.load``.
        change: a pure step. Nothing is written where it returns None, or an equal document.

    Returns:
        The document that is there now.
    """
    found: D | None = None

    def of_bytes(body: bytes | None) -> bytes | None:
        nonlocal found
        found = load(body, key) if body is not None else None
        wanted = change(found)
        wanted = wanted.onto(found) if wanted and found else wanted
        if wanted is None or wanted == found:
            return None
        found = wanted
        return found.dump()

    read_modify_write(store, key, of_bytes, tries)
    return found


def write_derived(store: ObjectStore, key: str, change: Callable[[bytes | None], bytes | None]) -> bool:
    """Do what ``read_modify_write`` does for a document that no run may fail for; return whether it was written.

    Any later run writes it again, so an error of the store is logged and not raised.
    """
    try:
        read_modify_write(store, key, change)
        return True
    except NewerFormatError as e:
        told = "it was left as it is" if e.key == key else f"{key} was not written"
        log.warning("%s; %s", e, told)
    except KeptChangingError:
        log.warning("%s was not written: others kept changing it; a later run will", key)
    except StoreError as e:
        log.warning("%s was not written: %s; a later run will", key, e)
    return False


def retry_races(attempt: Callable[[], T], lost: tuple[type[StoreError], ...], tries: int = TRIES) -> T:
    """Return what an attempt gives; repeat it, from the new state, while it loses a race to other runs.

    Args:
        lost: the errors that say so. The last attempt raises them.
    """
    for _ in range(tries - 1):
        with suppress(*lost):
            return attempt()
    return attempt()


def _onto(now: Any, was: Any) -> Any:
    """Merge one field; ``now`` itself where there is nothing to add."""
    if isinstance(now, Record) and type(now) is type(was):
        return now.onto(was)
    if isinstance(now, dict) and isinstance(was, dict):
        named = {name: _onto(value, was.get(name)) for name, value in now.items()}
        return now if all(named[name] is value for name, value in now.items()) else named
    if not (isinstance(now, tuple) and isinstance(was, tuple)):
        return now
    known = {r.identity: r for r in was if isinstance(r, Record) and r.identity is not None}
    merged = tuple(r.onto(known[r.identity]) if isinstance(r, Record) and r.identity in known else r for r in now)
    return now if all(a is b for a, b in zip(now, merged, strict=True)) else merged
