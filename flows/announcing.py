"""Telling readers the news, after everything else: whatever goes wrong here, they have the version already."""

from __future__ import annotations

import logging
from collections.abc import Callable

from configs.contract import Contract
from tasks.storage.object_store import ObjectStore

log = logging.getLogger("techtrade")


def announce(store: ObjectStore, contract: Contract, made: tuple[str, str] | None = None) -> None:
    """Brings feeds and subscribers up to the log. ``made``: event and version of this run. Nothing is raised."""
    feeds(store, contract, deep=True)
    subscribers(store, contract, made)


def feeds(store: ObjectStore, contract: Contract, *, deep: bool = False) -> None:
    """Brings the feeds and their pages up to the log. ``deep``: as of ``news_feed.refresh``. Nothing is raised."""
    from tasks.news import atom

    _safely(contract, "the feeds were not brought up to date", lambda: atom.refresh(store, contract, deep=deep))


def subscribers(store: ObjectStore, contract: Contract, made: tuple[str, str] | None = None) -> None:
    """Tells subscribers what they were not told yet. ``made``: as of ``announce``. Nothing is raised."""
    from tasks.news import webhooks

    _safely(contract, "the subscribers were not told", lambda: webhooks.deliver(store, contract, made))


def _safely(contract: Contract, failed: str, step: Callable[[], object]) -> None:
    try:
        step()
    except Exception as e:  # noqa: BLE001 - what has happened to the version must not look undone by this
        detail = str(e).splitlines()[0] if str(e) else "no more is known"
        log.warning("%s: %s: %s: %s; the next run will", contract.name, failed, type(e).__name__, detail)
