"""``feed.xml``: the news of a dataset, and of all, as Atom (RFC 4287), for any feed reader.

Derived from logs and manifests, like the catalog: swap-looped, never a reason for a publish to fail, made anew where it
is lost or damaged. An entry once written is taken over as it is, so that a publish reads one manifest and not fifty;
only what was refreshed with an event may be added later. Each entry links to a page (``tasks.news.page``).
Addresses in it are relative: a store can be copied, or served under any address, and the feed still holds.
"""

from __future__ import annotations

import html
import logging
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from configs.contract import Contract
from configs.contracts import load_contract, published_names
from configs.errors import ConfigError, NewerFormatError
from configs.words import visible
from tasks.news import page
from tasks.news.dependents import Logs, is_dependent, refreshed
from tasks.news.events import NAMESPACE, News, id_of, news_of
from tasks.news.held import EVENTS as HELD
from tasks.news.held import held_news
from tasks.storage.documents import write_derived
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, reader
from tasks.warehouse.protocol import read_latest
from tasks.warehouse.records import Latest, LogEntry

log = logging.getLogger("techtrade")
ATOM = "http://www.w3.org/2005/Atom"
ENTRIES = 50
PAGE = "text/html"
OF_DATASET, OF_EVENT, OF_REFRESHED = (f"urn:techtrade:{what}" for what in ("dataset", "event", "refreshed"))
ET.register_namespace("", ATOM)


@dataclass(frozen=True)
class FeedEntry:
    """An entry; ``key``: the page that it links to, in the store. ``body`` is HTML. ``refreshed``: name and version of
    the histories and marts that were refreshed with the event, which follow the body."""

    id: str
    dataset: str
    event: str
    at: str
    title: str
    key: str
    body: str
    refreshed: tuple[tuple[str, str], ...] = ()

    @property
    def summary(self) -> str:
        return self.body + _refreshed_words(self.refreshed)

    @property
    def version(self) -> str:
        return self.key.rpartition("/")[2].removesuffix(".html")

    @property
    def common(self) -> bool:
        """Whether it stands in the feed of all datasets: what a dataset's own entry reports does not stand there twice,
        what a person did to a mart does."""
        return self.event != "published" or not is_dependent(self.dataset)


@dataclass(frozen=True)
class Feed:
    """A feed, newest entry first. ``dataset`` None: of all of them."""

    id: str
    dataset: str | None
    title: str
    author: str
    entries: tuple[FeedEntry, ...]


def refresh(store: ObjectStore, contract: Contract, *, deep: bool = False) -> bool:
    """Bring the feed of the dataset and that of all up to the log, with their pages; write nothing if they are.

    Args:
        deep: also look what was refreshed with each event, and whether each page is there. Where there is a new event,
            the former is looked at anyhow.

    Returns:
        Whether all are up to date.

    Raises:
        StoreError: the log could not be read.
    """
    latest, _ = read_latest(store, contract.name)
    if latest is None:
        return True
    made = _Made(store, contract, latest, deep)

    def of_dataset(body: bytes | None) -> bytes:
        entries = made.entries(_parsed(body, contract.name))
        made.write_pages()  # before the feed that links to them
        title = f"techtrade: {contract.title}"
        return render(Feed(_first_id(contract.name, latest), contract.name, title, contract.owner, entries))

    def of_all(body: bytes | None) -> bytes:
        known = _parsed(body, None)
        if known is None or not all(e.common for e in known.entries):
            return render(_whole(store))
        others = [e for e in known.entries if e.dataset != contract.name]
        return render(_all(known.id, [*others, *(e for e in made.last if e.common)]))

    if not write_derived(store, layout.feed(contract.name), of_dataset):
        return False
    return made.written and (not any(e.common for e in made.last) or write_derived(store, layout.feed(), of_all))


class _Made:
    """The entries of a dataset as they have to be, and the pages that have to be written for them."""

    def __init__(self, store: ObjectStore, contract: Contract, latest: Latest, deep: bool) -> None:
        self._store, self._contract, self._latest, self._deep = store, contract, latest, deep
        self._news: dict[str, News] = {}
        self._pages: set[str] = set()
        self._logs = Logs(store)
        self._held = held_news(store, contract)
        self.last: tuple[FeedEntry, ...] = ()
        self.written = True

    def entries(self, known: Feed | None) -> tuple[FeedEntry, ...]:
        """The last events of the log and of what is held, newest first; read from the store only where they are not
        known."""
        there = {e.id: e for e in known.entries} if known else {}
        events = {id_of(self._contract.name, e): e for e in self._latest.log[: -ENTRIES - 1 : -1]}
        found = [(event, there.get(id_) or self._new(event)) for id_, event in events.items()]
        own = not is_dependent(self._contract.name)
        if own and (self._deep or not set(events) <= set(there)):
            with_it = refreshed(self._logs, self._contract.name)
            found = [(event, replace(e, refreshed=with_it.get(event.seq, ()))) for event, e in found]
        self.last = tuple(_merged([e for _, e in found], self._held, there))
        self._pages = {e.version for e in self.last if there.get(e.id) != e}
        return self.last

    def _new(self, event: LogEntry) -> FeedEntry:
        news = news_of(self._store, self._contract, self._latest, event)
        self._news[news.id] = news
        return entry_of(news)

    def write_pages(self) -> None:
        """Write the pages of the versions that there is news of, and those that are lost."""
        name = self._contract.name
        wanted = set(self._pages)
        if self._deep:
            there = {e.key for e in self._store.entries(layout.news(name))}
            wanted |= {e.version for e in self.last if e.key not in there}
        with_it = {e.id: e.refreshed for e in self.last}
        self.written = False not in [self._page(version, with_it) for version in sorted(wanted)]

    def _page(self, version: str, with_it: Mapping[str, tuple[tuple[str, str], ...]]) -> bool:
        events = [e for e in reversed(self._latest.log) if e.version == version]
        ids = [id_of(self._contract.name, e) for e in events]
        held = [n for n in reversed(self._held) if n.event.version == version]
        news = held + [
            self._news.get(id_) or news_of(self._store, self._contract, self._latest, event)
            for id_, event in zip(ids, events, strict=True)
        ]
        return page.write(self._store, self._contract, news, [pair for id_ in ids for pair in with_it.get(id_, ())])


def _merged(
    entries: list[FeedEntry], held: list[News], there: Mapping[str, FeedEntry] = MappingProxyType({})
) -> list[FeedEntry]:
    """Events of the log, in its order, with those of what is held put between them by their times; not too many."""
    found = [*entries]
    for news in held:
        after = next((n for n, e in enumerate(found) if e.at <= news.event.at), len(found))
        found.insert(after, there.get(news.id) or entry_of(news))
    return found[:ENTRIES]


def _whole(store: ObjectStore) -> Feed:
    """The feed of all datasets, from their logs."""
    entries: list[FeedEntry] = []
    firsts: list[tuple[str, str]] = []
    logs = Logs(store)
    for name in published_names():
        try:
            latest, _ = read_latest(store, name)
            if latest is None:
                continue
            contract, own = load_contract(name), not is_dependent(name)
            with_it = refreshed(logs, name) if own else {}
            events = [e for e in latest.log if own or e.event != "published"][: -ENTRIES - 1 : -1]
            made = [(e, entry_of(news_of(store, contract, latest, e))) for e in events]
        except (*reader.DAMAGED, ConfigError, NewerFormatError) as e:
            log.warning("%s: left out of the news: %s", name, e)
            continue
        entries += _merged(
            [replace(entry, refreshed=with_it.get(e.seq, ())) for e, entry in made], held_news(store, contract)
        )
        firsts.append((latest.log[0].at, _first_id(name, latest)))
    return _all(_urn(f"all {min(firsts)[1]}"), entries)


def _all(feed_id: str, entries: list[FeedEntry]) -> Feed:
    newest = sorted(entries, key=lambda e: (e.at, e.id), reverse=True)[:ENTRIES]
    return Feed(feed_id, None, "techtrade: all datasets", "techtrade", tuple(newest))


def entry_of(news: News) -> FeedEntry:
    """The news as an entry."""
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in news.lines)
    items = "".join(f"<li>{html.escape(change.words())}</li>" for change in news.largest)
    largest = f"<p>Largest changes:</p><ul>{items}</ul>" if items else ""
    event = news.event
    key = layout.news(news.dataset, event.version)
    return FeedEntry(news.id, news.dataset, event.event, event.at, news.title, key, lines + largest)


def _refreshed_words(pairs: tuple[tuple[str, str], ...]) -> str:
    told = ", ".join(f"{name} {version}" for name, version in pairs)
    return f"<p>Refreshed with it: {html.escape(told)}.</p>" if told else ""


def _first_id(dataset: str, latest: Latest) -> str:
    """The id of a dataset's feed: of its first event, which never changes."""
    return _urn(f"feed {id_of(dataset, latest.log[0])}")


def _urn(text: str) -> str:
    return f"urn:uuid:{uuid.uuid5(NAMESPACE, text)}"


# ------------------------------------------------------------------------ Atom


def render(feed: Feed) -> bytes:
    """The document. ``feed`` has at least one entry."""
    root = ET.Element(_tag("feed"))
    _text(root, "id", feed.id)
    _text(root, "title", feed.title)
    _text(root, "updated", max(e.at for e in feed.entries))
    _text(ET.SubElement(root, _tag("author")), "name", feed.author)
    ET.SubElement(root, _tag("link"), rel="self", href="feed.xml", type="application/atom+xml")
    for entry in feed.entries:
        node = ET.SubElement(root, _tag("entry"))
        _text(node, "id", entry.id)
        _text(node, "title", " ".join(entry.title.split()))
        _text(node, "updated", entry.at)
        links = [(entry.key, PAGE)]
        if entry.event not in HELD:
            links.append((layout.manifest(entry.dataset, entry.version), "application/json"))
        for key, kind in links:
            href = key.removeprefix(f"{feed.dataset}/") if feed.dataset else key
            ET.SubElement(node, _tag("link"), rel="alternate", href=href, type=kind)
        ET.SubElement(node, _tag("category"), term=entry.dataset, scheme=OF_DATASET)
        ET.SubElement(node, _tag("category"), term=entry.event, scheme=OF_EVENT)
        for name, version in entry.refreshed:
            ET.SubElement(node, _tag("category"), term=name, scheme=OF_REFRESHED, label=version)
        _text(node, "summary", entry.summary, type="html")
    ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def parse(body: bytes, dataset: str | None) -> Feed:
    """A document that ``render`` has written.

    Raises:
        ValueError: it is none.
    """
    try:
        root = ET.fromstring(body)
    except ET.ParseError as e:
        raise ValueError(f"no XML: {e}") from e
    if root.tag != _tag("feed"):
        raise ValueError(f"no feed, but {root.tag}")
    entries = tuple(_read(node, dataset) for node in root.findall(_tag("entry")))
    return Feed(_said(root, "id"), dataset, _said(root, "title"), _said(root, "author/name"), entries)


def _read(node: ET.Element, dataset: str | None) -> FeedEntry:
    key = next((link.get("href", "") for link in node.findall(_tag("link")) if link.get("type") == PAGE), None)
    if key is None:
        raise ValueError("an entry that links to no page, as before there were any")
    told = [(c.get("scheme"), c.get("term", ""), c.get("label", "")) for c in node.findall(_tag("category"))]
    pairs = tuple((term, label) for scheme, term, label in told if scheme == OF_REFRESHED)
    (named,), (event,) = ([term for scheme, term, _ in told if scheme == wanted] for wanted in (OF_DATASET, OF_EVENT))
    return FeedEntry(
        id=_said(node, "id"),
        dataset=named,
        event=event,
        at=_said(node, "updated"),
        title=_said(node, "title"),
        key=f"{dataset}/{key}" if dataset else key,
        body=_said(node, "summary").removesuffix(_refreshed_words(pairs)),
        refreshed=pairs,
    )


def _parsed(body: bytes | None, dataset: str | None) -> Feed | None:
    if body is None:
        return None
    try:
        return parse(body, dataset)
    except ValueError as e:
        log.warning("%s cannot be read (%s); it is made anew", layout.feed(dataset), e)
        return None


def _said(node: ET.Element, path: str) -> str:
    found = node.find("/".join(_tag(p) for p in path.split("/")))
    if found is None or not found.text:
        raise ValueError(f"no {path}")
    return found.text


def _text(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    # XML 1.0 cannot have controls, not even escaped, and a reason that a person typed may hold any character.
    ET.SubElement(parent, _tag(name), attributes).text = visible(text)


def _tag(name: str) -> str:
    return f"{{{ATOM}}}{name}"
