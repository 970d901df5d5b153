"""What the headers of an answer say, compared with what the extraction relies on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from configs.words import few
from tasks.extract.probe.exchanges import Exchange
from tasks.extract.probe.findings import Finding

WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ZIP = ("application/zip", "application/x-zip-compressed", "application/octet-stream")
# The media types that are believed, by source; ours or a server's default.
MEDIA: Mapping[str, tuple[str, ...]] = {
    "bea": ("application/json", "text/json"),
    "census_atp_lists": ("text/plain", "application/octet-stream"),
    "census_balance": (WORKBOOK, "application/octet-stream"),
    "census_bulk": ZIP,
    "census_ft900": (WORKBOOK, *ZIP),
    "census_hitech": ("application/json",),
    "world_bank": ("application/json",),
    "world_bank_archives": ("application/json",),
}
# What becomes worse without a header that HEAD should give, by source.
RELIED_ON: Mapping[str, Mapping[str, str]] = {
    "census_bulk": {
        "last-modified": "whether a month was revised is then known by its size alone",
        "content-length": "a revised month of the same time is then not recognized, and a cut download not at once",
    },
}


def host_of(url: str) -> str:
    """Return host and port of an address."""
    return urlsplit(url).netloc.rpartition("@")[2]


def compared(source: str, probe: str, exchanges: Sequence[Exchange]) -> list[Finding]:
    """Return what differs from what we expect in the headers of answers with a body."""
    good = [x for x in exchanges if x.status in (200, 206)]
    return [*_media(source, probe, good), *_missing(source, probe, good), *_sizes(source, probe, good)]


def _media(source: str, probe: str, good: Iterable[Exchange]) -> list[Finding]:
    believed = MEDIA.get(source, ())
    odd = sorted({x.media or "no type at all" for x in good if believed and x.media not in believed})
    if not odd:
        return []
    text = f"It is sent as {few(odd)}; we believed {' or '.join(believed)}."
    return [Finding(source, probe, "look at", text)]


def _missing(source: str, probe: str, good: Iterable[Exchange]) -> list[Finding]:
    heads = [x for x in good if x.method == "HEAD"]
    return [
        Finding(source, probe, "look at", f"HEAD gives no {name.title()}: {why}.")
        for name, why in RELIED_ON.get(source, {}).items()
        if any(name not in x.headers for x in heads)
    ]


def _sizes(source: str, probe: str, good: Iterable[Exchange]) -> list[Finding]:
    empty = [x for x in good if x.method == "GET" and not x.body and x.whole]
    return [Finding(source, probe, "breaks us", "It answers 200 with nothing in it.")] if empty else []
