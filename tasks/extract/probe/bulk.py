"""Probes of the Census Bureau's monthly files: a month is 200 MB, and its form shows in less than one.

Asked for are the headers of the newest month, the end of each file (the directory of a ZIP), and the first records of
the detail, whose length the layout must have.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from configs.errors import IncompleteResponseError, SourceLayoutError, SourceUnavailableError
from configs.words import few, plural
from tasks.extract.census.merchandise.fixed_width import layouts
from tasks.extract.census.merchandise.month import DETAIL
from tasks.extract.census.merchandise.source import FLOWS, File
from tasks.extract.containers import MONTH, Origin, opened
from tasks.extract.drift import check as drift
from tasks.extract.http.responses import Answer, part_of
from tasks.extract.probe import known
from tasks.extract.probe.census import compared_as_frozen
from tasks.extract.probe.findings import Finding
from tasks.extract.probe.visit import Outcome, Visit
from tasks.raw.documents import RawDocument

# Enough for some hundred records, packed.
HEAD_BYTES = 65_536
_LOCAL_HEADER = struct.Struct("<4s22xHH")


@dataclass(frozen=True)
class _End:
    """The end of a file: its bytes, and where they begin in it."""

    answer: Answer
    start: int


def months(visit: Visit) -> None:
    """Ask for headers, directory and first records of the newest month of each flow."""
    month = visit.probe("headers of the newest month", lambda outcome: _newest(visit, outcome))
    if month is None:
        return
    by_name = {p.name: p for p in drift.expectation(visit.source).probes}
    for flow in FLOWS:
        url = File(flow, month).url(visit.settings.url)

        def directory(outcome: Outcome, flow: str = flow, url: str = url) -> _End | None:
            probe = by_name[flow]
            try:
                answer = visit.recorder.tail(url, probe.tail or HEAD_BYTES, lambda answer: answer)
            except SourceLayoutError:
                text = (
                    "It is given whole only (Range is ignored): a download that breaks off begins again, and its form "
                )
                text += "cannot be seen in a probe."
                outcome.findings.append(Finding(visit.source, outcome.probe, "look at", text))
                return None
            compared_as_frozen(visit, outcome, RawDocument.of(flow, answer.url, answer.body), probe)
            outcome.read.append("directory of the ZIP")
            part = part_of(visit.exchanges[-1].headers.get("content-range", ""))
            return _End(answer, part[0] if part else 0)

        end = visit.probe(f"directory of {flow}", directory)
        if end is not None:
            visit.probe(f"first records of {flow}", _records(visit, url, end, DETAIL[flow]))


def _newest(visit: Visit, outcome: Outcome) -> date:
    for month in known.newest_months(visit.now):
        found = [visit.recorder.head(File(flow, month).url(visit.settings.url)) for flow in FLOWS]
        if all(found):
            outcome.findings += known.months_compared(visit.source, outcome.probe, month, visit.now)
            sizes = ", ".join(f"{f.size:,} bytes" if f and f.size is not None else "size not told" for f in found)
            outcome.read.append(f"{month:%Y-%m} of both flows ({sizes})")
            return month
    raise SourceUnavailableError(visit.source, "neither of the newest two months is there; check the address")


def _records(visit: Visit, url: str, end: _End, record: str) -> Callable[[Outcome], None]:
    """Unpack the beginning of the detail and compare its records with the layout."""

    def step(outcome: Outcome) -> None:
        with opened(end.answer.body, Origin(visit.source, end.answer.url), MONTH) as container:
            names = {PurePosixPath(m.filename.replace("\\", "/")).stem.upper(): m for m in container.members}
            if record not in names:
                raise SourceLayoutError(visit.source, f"there is no {record}.TXT in the ZIP")
            # zipfile counts from where the ZIP would begin if these bytes were all of it.
            at = names[record].header_offset + end.start
        lines = _lines(visit.source, visit.recorder.part(url, at, at + HEAD_BYTES - 1))
        lengths = few([str(n) for n in sorted({len(line) for line in lines})])
        outcome.read.append(f"{plural(len(lines), 'record')} of {lengths} characters")
        if {len(line) for line in lines} != {believed := layouts()[record].length}:
            text = f"Records of {record} have {lengths} characters; our layout has {believed}."
            outcome.findings.append(Finding(visit.source, outcome.probe, "breaks us", text))

    return step


def _lines(source: str, part: Answer) -> list[bytes]:
    """Return the whole records at the beginning of a packed member."""
    if len(part.body) < _LOCAL_HEADER.size:
        raise IncompleteResponseError(source, f"{part.url} gave {len(part.body)} bytes of its first records")
    signature, name, extra = _LOCAL_HEADER.unpack_from(part.body)
    if signature != b"PK\3\4":
        raise SourceLayoutError(source, f"{part.url} has no member where its directory says")
    packed = part.body[_LOCAL_HEADER.size + name + extra :]
    method = int.from_bytes(part.body[8:10], "little")
    try:
        text = zlib.decompressobj(wbits=-15).decompress(packed, 1 << 20) if method else packed
    except zlib.error as e:
        raise IncompleteResponseError(source, f"{part.url}: its first records cannot be unpacked ({e})") from e
    lines = [line.rstrip(b"\r") for line in text.split(b"\n")]
    # The last may be cut, and what follows a short member is the next one.
    return lines[: max(1, min(len(lines) - 1, 200))]
