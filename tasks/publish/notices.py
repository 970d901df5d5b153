"""Who is told how a run goes: handed in by the flow or command, which knows alerts, the terminal and Prefect.

None of the functions may raise: what has happened to a version must not look undone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tasks.storage.object_store import ObjectStore
from tasks.warehouse.outcomes import Outcome


@dataclass(frozen=True)
class Notices:
    """By default nobody is told."""

    # A run ended well.
    ended: Callable[[ObjectStore, Outcome], None] = lambda store, outcome: None
    # The dataset's run failed, in the store at this address.
    failed: Callable[[str, str, Exception], None] = lambda url, dataset, error: None
    # A person published the rejected version of a dataset as the other version.
    promoted: Callable[[ObjectStore, str, str, str], None] = lambda store, dataset, rejected, version: None
    # ``DATASET@VERSION`` was published by a run that was stopped then.
    published: Callable[[str], None] = lambda target: None
    # An error in one line without secrets.
    describe: Callable[[Exception], str] = lambda error: type(error).__name__
    # Whether the process was asked to stop, so that whatever fails now fails because of that.
    is_stopping: Callable[[], bool] = lambda: False


SILENT = Notices()
