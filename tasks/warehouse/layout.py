"""Where things stand in the store. The layout is public; nothing else in the code spells a key."""

from __future__ import annotations

import re

CATALOG = "catalog.json"
ALERTS = "_alerts/state.json"
# Since when a schedule publishes into the store.
SCHEDULE = "_schedule/since.json"
# The release days that a publisher announces.
RELEASE_DATES = "_schedule/release_dates.json"
LEDGER = "_ledger/"
# Derived, and made again where it is gone.
MADE = "_pieces/"
# The folders at the root of a store that are no dataset's.
COMMON = ("_alerts", "_ledger", "_pieces", "_raw", "_restore", "_schedule")
VERSION = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.([0-9]{4})\Z")


def latest(dataset: str) -> str:
    return f"{dataset}/latest.json"


def feed(dataset: str | None = None) -> str:
    """The news of a dataset; of all datasets, if none is named."""
    return f"{dataset}/feed.xml" if dataset else "feed.xml"


def news(dataset: str, version: str = "") -> str:
    """The page of what happened to a version; the prefix of all pages of a dataset, if no version is named."""
    return f"{dataset}/news/{version}.html" if version else f"{dataset}/news/"


def ledger(dataset: str, version: str = "") -> str:
    """The copy of a manifest; the prefix of a dataset's, if no version is named."""
    return f"{LEDGER}{dataset}/{version}.json" if version else f"{LEDGER}{dataset}/"


def ledger_log(dataset: str) -> str:
    """The copy of ``latest.json``."""
    return f"{LEDGER}{dataset}/latest.json"


def restoring(dataset: str) -> str:
    """Who is restoring the dataset, while somebody is."""
    return f"_restore/{dataset}.json"


def announced(dataset: str) -> str:
    """How far each subscriber has been told."""
    return f"{dataset}/announced.json"


def status(dataset: str) -> str:
    return f"{dataset}/status.json"


def held(dataset: str) -> str:
    """Which candidates are held, or were."""
    return f"{dataset}/held.json"


def versions(dataset: str) -> str:
    return f"{dataset}/versions/"


def version(dataset: str, version: str, path: str = "") -> str:
    """The prefix of a version (ends in ``/``), or the key of an object in it."""
    return f"{dataset}/versions/{version}/{path}"


def claim(dataset: str, v: str) -> str:
    return version(dataset, v, "claim.json")


def manifest(dataset: str, v: str) -> str:
    return version(dataset, v, "manifest.json")


def yanked(dataset: str, v: str) -> str:
    return f"{dataset}/yanked/{v}.json"


def data_file(part: str | None) -> str:
    """The path of a data file within its version. Large datasets have one folder a partition, named
    ``part_<column>=<value>``: a name that is not a column of the file, see docs/decisions."""
    return f"data/{part}/part-0000.parquet" if part else "data/part-0000.parquet"


def raw(source: str, sha256: str, suffix: str) -> str:
    """Content-addressed: the same bytes are kept once."""
    return f"_raw/{source}/{sha256[:2]}/{sha256}{suffix}"


def damaged(raw_key: str, sha256: str) -> str:
    """Where the bytes of a damaged raw document are kept once the right ones are back. No raw document has such a
    name."""
    return f"{raw_key}.damaged-{sha256[:12]}"


def piece(dataset: str, key: str, what: str) -> str:
    """What was read of one document of a dataset that is made in pieces: its ``rows``, its ``facts``."""
    return f"{MADE}{dataset}/pieces/{key[:2]}/{key}.{what}.parquet"


def made(dataset: str, key: str) -> str:
    """What there is to tell of a data file made of pieces."""
    return f"{MADE}{dataset}/parts/{key}.json"


def made_file(dataset: str, sha256: str) -> str:
    """The file itself, by its bytes."""
    return f"{MADE}{dataset}/parts/{sha256}.parquet"


def notes(source: str, plan: str) -> str:
    """The prefix of an unfinished extraction's notes; ``plan`` is ``<dataset>`` for all of a dataset's, or
    ``<dataset>/<digest>``."""
    return f"_raw/{source}/_unfinished/{plan}/"


def raw_of(source: str = "") -> str:
    """The prefix of what is archived of a source; of the whole raw archive, if none is named."""
    return f"_raw/{source}/" if source else "_raw/"


def inventory(source: str) -> str:
    """What was extracted of a source whose documents are not the input of a dataset's versions."""
    return f"_raw/{source}/inventory.json"


def taken_down(source: str) -> str:
    return f"_raw/{source}/taken_down.json"
