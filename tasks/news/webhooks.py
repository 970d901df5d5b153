"""Telling subscribers: a POST of JSON for each event, oldest first, each at least once.

How far each was told stands in ``announced.json``, so what a subscriber did not take is told by the next run of the
dataset, and a run that was killed between publish and telling is made up for. A receiver may get an event twice (its
reply was lost, two runs told at once) and knows it by its ``id``. A new subscriber begins with what happens next.

The address is a secret (it carries a token, mostly). So of a failure only its kind is told, never the library's words,
and the library's own log of addresses is kept still.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import httpx2
import stamina

from configs.contract import Contract
from configs.errors import ConfigError
from configs.subscribers import Subscriber, Subscribers, load_subscribers
from configs.words import plural
from tasks.extract.http.wire import Bounds, TooMuchError, opened
from tasks.news.events import News, news_of
from tasks.news.held import held_news
from tasks.storage.documents import DamagedRecordError, if_sound, read_document, write_derived
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.protocol import read_latest
from tasks.warehouse.records import Announced, Latest

log = logging.getLogger("techtrade")
# So many events at most after a long silence: whoever missed more reads the log.
MOST = 20
HEADERS = {"User-Agent": "techtrade/0.1 (open data pipeline)"}


class _RefusedError(Exception):  # not an error of ours: it becomes a line of the log
    """The subscriber did not take it; ``passing``: asking again may help."""

    def __init__(self, what: str, *, passing: bool) -> None:
        self.passing = passing
        super().__init__(what)


def deliver(store: ObjectStore, contract: Contract, made: tuple[str, str] | None = None) -> bool:
    """Tells each subscriber of the dataset what it was not told yet; whether all were told.

    Args:
        made: event and version that this run has made, where a new subscriber begins.

    Raises:
        ConfigError: ``configs/subscribers.yaml`` is wrong.
        StoreError: the store could not be read.
    """
    config = load_subscribers()
    wanting = [s for s in config.subscribers if s.wants(contract.name)]
    latest, _ = read_latest(store, contract.name) if wanting else (None, None)
    if latest is None:
        return True
    known = _announced(store, contract.name)
    begin = next((e.seq - 1 for e in latest.log if (e.event, e.version) == made), latest.seq)
    reached = {s.id: _told(store, contract, latest, s, config, known.seq.get(s.id, begin)) for s in wanting}
    held = held_news(store, contract)
    waits = {s.id: _told_of_holds(held, s, config, _begin(held, known, s.id, made)) for s in wanting}
    if any(known.seq.get(name) != seq for name, seq in reached.items()) or not waits.items() <= known.held.items():
        told = Announced(seq=reached, held=waits)
        write_derived(store, layout.announced(contract.name), lambda body: _merged(body, contract.name, told))
    last = held[-1].event.at if held else ""
    return all(seq == latest.seq for seq in reached.values()) and all(at >= last for at in waits.values())


def _told(
    store: ObjectStore, contract: Contract, latest: Latest, subscriber: Subscriber, config: Subscribers, seq: int
) -> int:
    """Tells one subscriber what comes after ``seq``; up to where that went."""
    for entry in [e for e in latest.log if e.seq > seq][-MOST:]:
        name = f"{contract.name}@{entry.version}"
        try:
            post(subscriber.address(), payload(news_of(store, contract, latest, entry)), config)
        except (_RefusedError, ConfigError) as e:
            log.warning("%s was not told that %s is %s: %s; the next run will", subscriber.id, name, entry.event, e)
            return seq
        seq = entry.seq
    return seq


def _begin(held: list[News], known: Announced, subscriber: str, made: tuple[str, str] | None) -> str:
    """The time up to which a subscriber was told of what is held; a new one begins with what this run has made."""
    if subscriber in known.held or subscriber in known.seq:
        return known.held.get(subscriber, "")
    before = [n.event.at for n in held if (n.event.event, n.event.version) != made]
    return before[-1] if before else ""


def _told_of_holds(held: list[News], subscriber: Subscriber, config: Subscribers, at: str) -> str:
    """Tells one subscriber what of the waits comes after that time; up to where that went."""
    for news in [n for n in held if n.event.at > at][-MOST:]:
        try:
            post(subscriber.address(), payload(news), config)
        except (_RefusedError, ConfigError) as e:
            log.warning("%s was not told: %s: %s; the next run will", subscriber.id, news.title, e)
            return at
        at = news.event.at
    return at


def payload(news: News) -> dict[str, Any]:
    """What a subscriber gets. Its fields are public: docs/news.md."""
    event, m = news.event, news.told
    return {
        "id": news.id,
        "dataset": news.dataset,
        "version": event.version,
        "event": event.event,
        "seq": event.seq,
        "at": event.at,
        "title": news.title,
        "text": "\n".join([*news.lines, *(c.words() for c in news.largest)]),
        "vintage": event.vintage or None,
        "rows": m.rows if m else None,
        "parent": m.parent if m else None,
        "schema_version": m.schema_version if m else None,
        "changes": m.changes.model_dump() if m else None,
        "largest_changes": [asdict(c) for c in news.largest],
        "override": m.override.model_dump() if m and m.override else None,
        "reason": event.reason or None,
        "replaced_by": event.replaced_by,
        "manifest": news.manifest,
    }


def post(address: str, body: dict[str, Any], config: Subscribers) -> None:
    """Posts until the subscriber has taken it, within the budget. Redirects are not followed.

    Raises:
        _RefusedError: it did not; says how it went, without the address.
    """
    tried = 0
    try:
        for attempt in stamina.retry_context(
            on=lambda error: isinstance(error, _RefusedError) and error.passing,
            attempts=config.attempts,
            timeout=config.budget,
            wait_initial=config.backoff,
            wait_max=config.budget / 4,
            wait_jitter=config.backoff / 2,
        ):
            with attempt:
                tried += 1
                _post_once(address, body, config.timeout)
                return
    except _RefusedError as e:
        raise _RefusedError(f"{e}, in {plural(tried, 'attempt')}", passing=False) from None


def _post_once(address: str, body: dict[str, Any], timeout: float) -> None:
    try:
        request = httpx2.Request("POST", address, json=body, headers=HEADERS)
        if request.url.userinfo:
            request = next(httpx2.BasicAuth(request.url.username, request.url.password).sync_auth_flow(request))
        # The status is all that is asked for: what else a subscriber may send, and how slowly, is left unread.
        with _silent(), opened(request, Bounds(time.monotonic() + timeout), timeout, timeout) as response:
            status = response.status_code
    except httpx2.TransportError as e:
        raise _RefusedError(type(e).__name__, passing=True) from None
    except (TooMuchError, httpx2.HTTPError, httpx2.InvalidURL) as e:
        raise _RefusedError(type(e).__name__, passing=False) from None
    if not 200 <= status < 300:
        raise _RefusedError(f"status {status}", passing=status == 429 or status >= 500)


@contextmanager
def _silent() -> Iterator[None]:
    """The library's log names each address it asks."""
    logger = logging.getLogger("httpx2")

    def nothing(record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


def _announced(store: ObjectStore, dataset: str) -> Announced:
    try:
        return read_document(store, layout.announced(dataset), Announced.load) or Announced()
    except DamagedRecordError as e:
        log.warning("%s; subscribers are told of what happens from now on", e)
        return Announced()


def _merged(body: bytes | None, dataset: str, told: Announced) -> bytes:
    """With what another run has told meanwhile: never back."""
    before = if_sound(Announced, body, layout.announced(dataset)) or Announced()
    further = {s: max(seq, before.seq.get(s, 0)) for s, seq in told.seq.items()}
    held = {s: max(at, before.held.get(s, "")) for s, at in told.held.items()}
    return Announced(seq=before.seq | further, held=before.held | held).onto(before).dump()
