"""FT-900 beside another source of the Census Bureau: an independent check of its newest month.

No dataset depends on it. Where it cannot be had or read, for whatever reason, the reason is noted, the table is empty,
and the checks that need it say so: a check may not take down the dataset that it is there to guard.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from configs.errors import ConfigError, SourceError
from configs.settings import source_settings
from tasks.common.text import one_line
from tasks.extract.census import ft900
from tasks.extract.http.session import Session
from tasks.extract.source import FetchRequest
from tasks.raw.documents import Archive, RawDocument

log = logging.getLogger("techtrade")
TABLE = "ft900"
# A row is of a technology group and all partners, or of a partner and all groups; ``total`` is of all groups.
SCHEMA = {
    "technology_group": pl.String,
    "partner_code": pl.String,
    "flow": pl.String,
    "period": pl.Date,
    "value_musd": pl.Float64,
}


def fetch_beside(source: str, ask: FetchRequest, archive: Archive, month: date) -> tuple[RawDocument, ...]:
    """Get and archive FT-900 of a month, role ``ft900/YYYY-MM``; nothing, and the reason in ``ask.unavailable``, where
    it cannot be had. ``source``: the one that it is beside."""
    try:
        found, why = _asked(source, ask, archive, month)
    except (SourceError, ConfigError) as e:
        found, why = None, one_line(e)
    if found is not None:
        return (found,)
    log.warning("%s: checks against FT-900 cannot be made: %s", ask.dataset, why)
    ask.unavailable[TABLE] = why
    return ()


def _asked(source: str, ask: FetchRequest, archive: Archive, month: date) -> tuple[RawDocument | None, str]:
    url = source_settings(ft900.SOURCE).url
    if not url:
        return None, f"{ft900.SOURCE} has no address"
    if source_settings(source).url.startswith("file:") and not url.startswith("file:"):
        return None, f"{source} is read from files, and {ft900.SOURCE} is not: no publisher is asked then"
    with Session(ft900.SOURCE, ask, archive) as session:
        return ft900.fetch(session, month), f"the publisher has no FT-900 of {month:%Y-%m} at {ft900.told(month)}"


def known_beside(ask: FetchRequest) -> tuple[RawDocument, ...]:
    """The FT-900 of the version that readers get, where nothing else is new: it is not asked for again."""
    found = tuple(d for d in ask.known.values() if d.source == ft900.SOURCE)
    if not found:
        ask.unavailable[TABLE] = "the published version was made without it, and nothing newer is there"
    return found


def read_beside(documents: Sequence[RawDocument]) -> tuple[pl.LazyFrame, Mapping[str, str]]:
    """The groups and partners of the newest month, columns as SCHEMA, from the documents of FT-900 among these; and,
    where one cannot be read, the reason by the name of the table, which then has no rows."""
    found, why = [pl.DataFrame(schema=SCHEMA)], {}
    for document in documents:
        if not document.role.startswith("ft900/"):
            continue
        try:
            groups = ft900.groups(document).with_columns(pl.lit("-").alias("partner_code"))
            partners = ft900.partners(document).with_columns(pl.lit("total").alias("technology_group"))
            found += [f.select([pl.col(c).cast(t) for c, t in SCHEMA.items()]) for f in (groups, partners)]
        except SourceError as e:
            why[TABLE] = one_line(e)
    return pl.concat(found).lazy(), why
