"""News of waiting: in the feeds, on a page, and to subscribers; once when it begins, once when it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from configs.contracts import load_contract
from tasks.common.clock import stamp, utc_now
from tasks.news import atom, webhooks
from tasks.publish.after import announce, announce_held
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import holds, layout
from tasks.warehouse.records import Catalog
from tests.support import sealing
from tests.support.atom import checked
from tests.support.holding import WHY, held
from tests.support.receiver import Receiver
from tests.support.sealing import WORLD

CONTRACT = load_contract(WORLD)
GOOD, STRANGE, NEXT = {0: 100, 1: 110}, {0: 100, 1: 110, 2: 900}, {0: 100, 1: 110, 2: 901, 3: 120}


@pytest.fixture
def published(local_store: ObjectStore) -> str:
    version = sealing.seal(local_store, WORLD, sealing.world(GOOD), "2025-02")
    announce(local_store, CONTRACT, ("published", version))
    return version


def now() -> str:
    return stamp(utc_now())


def titles(store: ObjectStore, dataset: str | None = WORLD) -> list[str]:
    return [e["title"] for e in checked(store.get(layout.feed(dataset)).body)]


def began(since: str) -> str:
    at = f"{since[:16].replace('T', ' ')} UTC"
    return f"{WORLD}: newer figures (vintage 2025-03) are held since {at}, because {WHY}"


def test_feeds_say_that_newer_figures_are_held(local_store: ObjectStore, published: str) -> None:
    since = now()
    version = held(local_store, STRANGE, since=since)
    announce_held(local_store, CONTRACT, version)
    for dataset in (WORLD, None):
        assert titles(local_store, dataset)[0] == began(since) and len(titles(local_store, dataset)) == 2
    (entry, _) = checked(local_store.get(layout.feed(WORLD)).body)
    assert entry["hrefs"] == f"news/{version}.html", "readers are not sent to the files of a candidate"
    page = local_store.get(layout.news(WORLD, version)).body.decode()
    assert WHY in page and "manifest.json" not in page and "it can be confirmed by atp_trade_monthly" in page


def test_wait_has_one_beginning_and_one_end(local_store: ObjectStore, published: str) -> None:
    since = now()
    for months in (STRANGE, NEXT):
        announce_held(local_store, CONTRACT, held(local_store, months, since=since))
    assert titles(local_store).count(began(since)) == 1 and len(titles(local_store)) == 2
    version = sealing.seal(local_store, WORLD, sealing.world(NEXT), "2025-03")
    holds.close(local_store, WORLD, "confirmed", now(), version, "atp_trade_monthly")
    announce(local_store, CONTRACT, ("published", version))
    over = f"{WORLD}: figures of vintage 2025-03 are no longer held: confirmed by atp_trade_monthly"
    assert titles(local_store)[0] == over and titles(local_store)[2] == began(since)
    whole = {d: local_store.get(layout.feed(d)) for d in (WORLD, None)}
    for dataset, feed in whole.items():
        local_store.delete(layout.feed(dataset))
        assert atom.refresh(local_store, CONTRACT)
        assert local_store.get(layout.feed(dataset)).body == feed.body, "made again, it is the same"


def test_feed_is_made_where_what_is_held_is_damaged(local_store: ObjectStore, published: str) -> None:
    local_store.create(layout.held(WORLD), b"{")
    assert atom.refresh(local_store, CONTRACT) and len(titles(local_store)) == 1


def test_subscriber_is_told_when_it_begins_and_ends(
    local_store: ObjectStore, published: str, subscribed: Callable[..., None]
) -> None:
    with Receiver(200, 500, 500, 500) as receiver:
        subscribed(platform=receiver.address)
        since = now()
        version = held(local_store, STRANGE, since=since)
        announce_held(local_store, CONTRACT, version)
        announce_held(local_store, CONTRACT, version)
        holds.close(local_store, WORLD, "superseded", now(), published)
        assert not webhooks.deliver(local_store, CONTRACT), "it does not take it"
        assert webhooks.deliver(local_store, CONTRACT) and webhooks.deliver(local_store, CONTRACT)
    first, second = receiver.told
    assert (first["event"], first["version"], first["title"], first["seq"]) == ("held", version, began(since), None)
    assert (first["reason"], first["vintage"], first["at"]) == (WHY, "2025-03", since)
    assert (second["event"], second["replaced_by"]) == ("hold_ended", published)
    assert second["title"].endswith(f"no longer held: superseded by {published}, which has other figures")


def test_new_subscriber_is_not_told_of_waits_before(
    local_store: ObjectStore, published: str, subscribed: Callable[..., None]
) -> None:
    held(local_store, STRANGE, since=now())
    with Receiver() as receiver:
        subscribed(late=receiver.address)
        assert webhooks.deliver(local_store, CONTRACT) and receiver.told == []
        holds.close(local_store, WORLD, "superseded", now(), published)
        assert webhooks.deliver(local_store, CONTRACT)
    assert [t["event"] for t in receiver.told] == ["hold_ended"]


def test_catalog_says_what_is_held(local_store: ObjectStore, published: str) -> None:
    def entry() -> object:
        (found,) = Catalog.load(local_store.get(layout.CATALOG).body, layout.CATALOG).datasets
        return found.held and (found.held.version, found.held.vintage, found.held.why)

    version = held(local_store, STRANGE, since=now())
    announce_held(local_store, CONTRACT, version)
    assert entry() == (version, "2025-03", WHY)
    newer = sealing.seal(local_store, WORLD, sealing.world(NEXT), "2025-04")
    announce_held(local_store, CONTRACT, newer)
    assert entry() is None, "a later version took its place, though held.json does not say so yet"
