"""What RFC 4287 asks of a feed, as a reader of ours: it raises where a feed does not keep to it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

NS = "{http://www.w3.org/2005/Atom}"
# Section 3.3: a date of RFC 3339, T and Z in upper case.
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
IRI = re.compile(r"[a-z][a-z0-9+.-]*:\S+")


def checked(body: bytes) -> list[dict[str, str]]:
    """The entries of a valid feed: id, title, updated, href (the page), hrefs (all links), summary."""
    assert body.startswith(b"<?xml")
    root = ET.fromstring(body)
    assert root.tag == f"{NS}feed"
    _common(root)
    entries = root.findall(f"{NS}entry")
    # 4.1.1: an author of the feed, unless every entry has one; a feed should say where it is.
    assert root.find(f"{NS}author/{NS}name") is not None
    assert [link.get("rel") for link in root.findall(f"{NS}link")] == ["self"]
    for entry in entries:
        _common(entry)
        # 4.1.2: without content there must be an alternate; no two of one type.
        links = [link for link in entry.findall(f"{NS}link") if link.get("rel", "alternate") == "alternate"]
        assert entry.find(f"{NS}content") is not None or links
        assert len({link.get("type") for link in links}) == len(links) and all(link.get("href") for link in links)
        for category in entry.findall(f"{NS}category"):
            assert category.get("term") and IRI.fullmatch(category.get("scheme", ""))
        summary = _one(entry, "summary")
        assert summary.get("type", "text") in ("text", "html", "xhtml") and not list(summary)
    ids = [_one(e, "id").text for e in entries]
    assert len(set(ids)) == len(ids)
    told = [
        {n: _one(e, n).text or "" for n in ("id", "title", "updated", "summary")}
        | {"href": e.find(f"{NS}link[@type='text/html']").get("href")}
        | {"hrefs": " ".join(link.get("href") for link in e.findall(f"{NS}link"))}
        for e in entries
    ]
    assert [t["updated"] for t in told] == sorted((t["updated"] for t in told), reverse=True)
    assert _one(root, "updated").text == max(t["updated"] for t in told)
    return told


def _common(node: ET.Element) -> None:
    assert IRI.fullmatch(_one(node, "id").text or "")
    assert (_one(node, "title").text or "").strip() and not list(_one(node, "title"))
    assert DATE.fullmatch(_one(node, "updated").text or "")


def _one(node: ET.Element, name: str) -> ET.Element:
    (found,) = node.findall(f"{NS}{name}")
    return found
