"""What all JSON documents of the store share, so that older and newer code can use one store.

Within a format number newer code only adds fields. Code that does not know a field keeps it whenever it rewrites the
document: dropping it once lost ``retired`` of ``latest.json``, and readers then looked for data that had been deleted.
A document with a higher number is refused, never taken for a damaged one, because a damaged one may be rewritten.
docs/upgrading.md makes these rules a promise.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from configs.errors import NewerFormatError, StoreError


class DamagedRecordError(StoreError):
    """A document of the store is not valid: cut short or overwritten."""


class Record(BaseModel):
    """A frozen part of a document. Fields that this code does not know are kept and written again."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @property
    def identity(self) -> object:
        """Return what tells this record apart from the others of its list; None if it is never rewritten in one."""
        return None

    def onto(self, before: Self) -> Self:
        """Return this record with the fields that newer code added to ``before``, the one that it replaces.

        Nested records get theirs, too; in lists they are matched by ``identity``.
        """
        if before is self:
            return self
        now = self.model_extra or {}
        kept = {name: value for name, value in (before.model_extra or {}).items() if name not in now}
        for name in type(self).model_fields:
            mine = getattr(self, name)
            merged = _onto(mine, getattr(before, name))
            if merged is not mine:
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
            what = f"{key}: not a valid {cls.__name__.lower()} document: {e.errors()[0]['msg']}"
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


def _onto(now: Any, was: Any) -> Any:
    """Merge one field; ``now`` itself where there is nothing to add."""
    if isinstance(now, Record) and type(now) is type(was):
        return now.onto(was)
    if not (isinstance(now, tuple) and isinstance(was, tuple)):
        return now
    known = {r.identity: r for r in was if isinstance(r, Record) and r.identity is not None}
    merged = tuple(r.onto(known[r.identity]) if isinstance(r, Record) and r.identity in known else r for r in now)
    return now if all(a is b for a, b in zip(now, merged, strict=True)) else merged
