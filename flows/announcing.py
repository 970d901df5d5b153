"""Telling readers the news, after everything else: whatever goes wrong here, they have the version already."""

from __future__ import annotations

import logging

from configs.contract import Contract
from tasks.store.objects import ObjectStore

log = logging.getLogger("techtrade")


def announce(store: ObjectStore, contract: Contract, made: tuple[str, str] | None = None) -> None:
    """Brings feeds and subscribers up to the log. ``made``: event and version of this run. Nothing is raised."""
    from tasks import news_feed, news_webhooks

    def feeds() -> None:
        news_feed.refresh(store, contract)

    def subscribers() -> None:
        news_webhooks.deliver(store, contract, made)

    for what, tell in (("the feeds", feeds), ("the subscribers", subscribers)):
        try:
            tell()
        except Exception as e:  # noqa: BLE001 - what has happened to the version must not look undone by this
            detail = str(e).splitlines()[0] if str(e) else "no more is known"
            log.warning(
                "%s: %s were not told: %s: %s; the next run will", contract.name, what, type(e).__name__, detail
            )
