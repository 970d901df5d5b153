"""The right to restore a dataset: one restoration at a time, in ``_restore/<dataset>.json``."""

from __future__ import annotations

import os
import socket
import uuid
from contextlib import suppress
from dataclasses import dataclass

from configs.errors import PreconditionFailedError, RestoreError, StoreError
from tasks.common.clock import stamp, utc_now
from tasks.storage.documents import Document, read_document, stored_at
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout


class Lock(Document):
    """Who restores. Gone when it is done."""

    token: str
    at: str
    by: str


@dataclass(frozen=True)
class Hold:
    """Held from ``take`` until ``release``, or until somebody takes over."""

    store: ObjectStore
    dataset: str
    lock: Lock

    @staticmethod
    def take(store: ObjectStore, dataset: str, take_over: bool) -> Hold:
        """Raises ``RestoreError`` if another restoration holds the dataset, and is not to be taken over."""
        key = layout.restoring(dataset)
        lock = Lock(token=uuid.uuid4().hex, at=stamp(utc_now()), by=f"{socket.gethostname()}:{os.getpid()}")
        stored = stored_at(store, key)
        if stored:
            other = Lock.load(stored.body, key)
            if not take_over:
                raise RestoreError(
                    f"{dataset}: a restoration into {store.url} was begun at {other.at} by {other.by}; if that is "
                    "dead, run it again with --take-over, and what it made is kept"
                )
            lock = lock.onto(other)
        hold = Hold(store, dataset, lock)
        try:
            store.replace(key, lock.dump(), stored.etag if stored else None)
        except PreconditionFailedError as e:
            # Ours may have been applied, and the reply lost.
            if not hold.stands():
                raise RestoreError(f"{dataset}: another restoration into {store.url} has just begun") from e
        return hold

    def stands(self) -> bool:
        """Whether nobody has taken over."""
        now = read_document(self.store, layout.restoring(self.dataset), Lock.load)
        return now is not None and now.token == self.lock.token

    def check(self) -> None:
        """Raises ``RestoreError`` if somebody has taken over."""
        if not self.stands():
            raise RestoreError(
                f"{self.dataset}: another restoration has taken over; this one stops, and showed nothing"
            )

    def release(self) -> None:
        """Gives it back. Whoever has taken over keeps it."""
        with suppress(StoreError):  # a mark that stays behind is told to the next one, who takes over
            if self.stands():
                self.store.delete(layout.restoring(self.dataset))
