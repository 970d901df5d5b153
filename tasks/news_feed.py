"""``feed.xml``: the news of a dataset, and of all, as Atom (RFC 4287), for any feed reader.

Derived from logs and manifests, like the catalog: swap-looped, never a reason for a publish to fail, made anew where it
is lost or damaged. An entry once written is taken over as it is, so that a publish reads one manifest and not fifty.
Addresses in it are relative: a store can be copied, or served under any address, and the feed still holds.
"""

from __future__ import annotations

import html
import logging
import re
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from configs.contract import Contract, load_contract, published_names
from tasks.news import NAMESPACE, News, id_of, news_of
from tasks.store import layout
from tasks.store.derived import swap_loop
from tasks.store.objects import ObjectStore
from tasks.store.records import Latest
from tasks.store.versions import read_latest

log = logging.getLogger("techtrade")
ATOM = "http://www.w3.org/2005/Atom"
ENTRIES = 50
ET.register_namespace("", ATOM)
# What XML 1.0 cannot say, not even escaped: a reason that a person typed may hold any character.
_UNSAYABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class FeedEntry:
    """An entry; ``key``: what it links to, in the store. ``body`` is HTML."""

    id: str
    dataset: str
    event: str
    at: str
    title: str
    key: str
    body: str


@dataclass(frozen=True)
class Feed:
    """A feed, newest entry first. ``dataset`` None: of all of them."""

    id: str
    dataset: str | None
    title: str
    author: str
    entries: tuple[FeedEntry, ...]


def refresh(store: ObjectStore, contract: Contract) -> bool:
    """Brings the feed of the dataset and that of all up to the log; writes nothing if they are. Whether both are."""
    latest, _ = read_latest(store, contract.name)
    if latest is None:
        return True
    ours: list[FeedEntry] = []

    def of_dataset(body: bytes | None) -> bytes:
        known = _parsed(body, contract.name)
        ours[:] = _entries(store, contract, latest, {e.id: e for e in known.entries} if known else {})
        title = f"techtrade: {contract.title}"
        return render(Feed(_first_id(contract.name, latest), contract.name, title, contract.owner, tuple(ours)))

    def of_all(body: bytes | None) -> bytes:
        known = _parsed(body, None)
        if known is None:
            return render(_whole(store))
        others = [e for e in known.entries if e.dataset != contract.name]
        return render(_all(known.id, [*others, *ours]))

    return swap_loop(store, layout.feed(contract.name), of_dataset) and swap_loop(store, layout.feed(), of_all)


def _whole(store: ObjectStore) -> Feed:
    """The feed of all datasets, from their logs."""
    entries: list[FeedEntry] = []
    firsts: list[tuple[str, str]] = []
    for name in published_names():
        latest, _ = read_latest(store, name)
        if latest is not None:
            entries += _entries(store, load_contract(name), latest, {})
            firsts.append((latest.log[0].at, _first_id(name, latest)))
    return _all(_urn(f"all {min(firsts)[1]}"), entries)


def _all(feed_id: str, entries: list[FeedEntry]) -> Feed:
    newest = sorted(entries, key=lambda e: (e.at, e.id), reverse=True)[:ENTRIES]
    return Feed(feed_id, None, "techtrade: all datasets", "techtrade", tuple(newest))


def _entries(store: ObjectStore, contract: Contract, latest: Latest, known: dict[str, FeedEntry]) -> list[FeedEntry]:
    """The last events of a log, newest first; read from the store only where they are not known."""
    last = latest.log[: -ENTRIES - 1 : -1]
    return [known.get(id_of(contract.name, e)) or entry_of(news_of(store, contract, latest, e)) for e in last]


def entry_of(news: News) -> FeedEntry:
    """The news as an entry."""
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in news.lines)
    items = "".join(f"<li>{html.escape(change.words())}</li>" for change in news.largest)
    largest = f"<p>Largest changes:</p><ul>{items}</ul>" if items else ""
    event = news.event
    return FeedEntry(news.id, news.dataset, event.event, event.at, news.title, news.manifest, lines + largest)


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
        href = entry.key.removeprefix(f"{feed.dataset}/") if feed.dataset else entry.key
        ET.SubElement(node, _tag("link"), rel="alternate", href=href, type="application/json")
        ET.SubElement(node, _tag("category"), term=entry.dataset, scheme="urn:techtrade:dataset")
        ET.SubElement(node, _tag("category"), term=entry.event, scheme="urn:techtrade:event")
        _text(node, "summary", entry.body, type="html")
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
    link, (named, event) = node.find(_tag("link")), [c.get("term", "") for c in node.findall(_tag("category"))]
    if link is None:
        raise ValueError("an entry without a link")
    key = link.get("href", "")
    return FeedEntry(
        id=_said(node, "id"),
        dataset=named,
        event=event,
        at=_said(node, "updated"),
        title=_said(node, "title"),
        key=f"{dataset}/{key}" if dataset else key,
        body=_said(node, "summary"),
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
    ET.SubElement(parent, _tag(name), attributes).text = _UNSAYABLE.sub("\ufffd", text)


def _tag(name: str) -> str:
    return f"{{{ATOM}}}{name}"
