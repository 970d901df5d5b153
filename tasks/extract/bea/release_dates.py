"""BEA's own list of release days, without a key: by the name of the release, FT-900 among them.

Only the freshness watch uses it, and only as far as it fits (``configs.announced``): no dataset is made from it. (The
form is that of public code that reads it: ``{"<release>": {"release_dates": ["<ISO 8601>", ...]}}``; days that were
taken back stand beside it under ``to_be_rescheduled``. To be confirmed on the first live day.)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

from configs.announced import Announced, ReleaseDays
from configs.errors import SourceError, SourceLayoutError, SourceResponseError
from tasks.extract.http.session import Session
from tasks.extract.json_answers import Node, OddJsonError, loads
from tasks.extract.source import FetchRequest
from tasks.raw.documents import Archive, RawDocument

SOURCE = "bea_release_dates"
HERE = ZoneInfo("America/New_York")


def fetch(ask: FetchRequest, archive: Archive) -> RawDocument:
    """Get and archive the list.

    Raises:
        SourceError: see ``read``.
    """
    with Session(SOURCE, ask, archive) as session:
        return session.get("release_dates", session.settings.url, judge=read)


def read(document: RawDocument) -> Announced:
    """The days of every release, in Washington.

    Raises:
        SourceResponseError: it is no JSON. SourceLayoutError: it is of another form, or has no release at all.
    """

    def refuse(told: str) -> SourceError:
        message = f"{document.url} {told}; if the form has changed, tasks/extract/bea/release_dates.py has to follow"
        return SourceLayoutError(SOURCE, message, raw_keys=(document.raw_key,))

    try:
        top = Node(loads(document.body.decode("utf-8")), "", refuse)
    except (json.JSONDecodeError, OddJsonError, UnicodeDecodeError) as e:
        told = f"{document.url} is not JSON ({e}); check the address"
        raise SourceResponseError(SOURCE, told, raw_keys=(document.raw_key,)) from e
    # What is no object says something of the file, such as when it was written.
    named = {name: top.at(name) for name, value in top.object().items() if isinstance(value, dict)}
    found = {name.casefold(): _release(node) for name, node in named.items()}
    if not any(release.days for release in found.values()):
        raise refuse("names no release with a day")
    return Announced(found)


def _release(node: Node) -> ReleaseDays:
    return ReleaseDays(tuple(_days(node.at("release_dates"))), tuple(_days(node.at("to_be_rescheduled"))))


def _days(node: Node) -> Iterator[date]:
    """Each day of a list of moments or days; none where there is no list, or nothing but a mark that it is empty."""
    if node.value in (None, False, ""):
        return
    for item in node.items():
        try:
            moment = datetime.fromisoformat(item.text())
        except ValueError:
            raise item.wrong("a day or moment (ISO 8601)") from None
        yield (moment.astimezone(HERE) if moment.tzinfo else moment).date()
