"""Which objects of a store are certainly techtrade's: those whose key has a form that techtrade writes.

People put things into a store: copies of a version, links to the newest, notes. By name alone they may look like a
version, so everything that deletes goes by this grammar, never by "whatever lies below the prefix". The rest is
reported, never touched. A prefix test was dropped: it took ``versions/<v>.bak`` for a version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from configs.contracts import published_names
from configs.errors import StoreError
from configs.words import plural
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.isolated import isolated
from tasks.warehouse.protocol import read_latest
from tasks.warehouse.records import MisplacedRecordError

NAME, HEX, SUFFIX = r"[a-z][a-z0-9_]*", r"[0-9a-f]{64}", r"\.[a-z0-9]+"
DAMAGED = rf"{HEX}{SUFFIX}\.damaged-[0-9a-f]{{12}}"
VERSION = layout.VERSION.pattern.removesuffix(r"\Z")
# The objects that a publisher stages under its version before it seals it.
STAGED: dict[str, Any] = {
    "data": {r"part-[0-9]{4}\.parquet": None, r"part_[^/=]+=[^/]+": {r"part-[0-9]{4}\.parquet": None}},
    r"(quality|changes|notes|concordance|held|confirmations)\.parquet|quality_gx\.json|changes\.md": None,
}
DATASET: dict[str, Any] = {
    r"(latest|status|announced|held)\.json|feed\.xml": None,
    "news": {rf"{VERSION}\.html": None},
    "yanked": {rf"{VERSION}\.json": None},
    "versions": {VERSION: {r"(claim|manifest)\.json": None} | STAGED},
}
RAW: dict[str, Any] = {
    r"(inventory|taken_down)\.json": None,
    "_unfinished": {NAME: {r"[0-9a-f]{32}\.json": None, r"[^/]+": {r"[0-9a-f]{32}\.json": None}}},
    r"[0-9a-f]{2}": {rf"{HEX}{SUFFIX}(\.json)?|{DAMAGED}": None},
}
MADE: dict[str, Any] = {
    "pieces": {r"[0-9a-f]{2}": {r"[^/]+\.(rows|facts)\.parquet": None}},
    "parts": {r"[^/]+\.(json|parquet)": None},
}
STORE: dict[str, Any] = {
    r"catalog\.json|feed\.xml": None,
    "_alerts": {r"state\.json": None},
    "_schedule": {r"(since|release_dates)\.json": None},
    "_restore": {rf"{NAME}\.json": None},
    "_ledger": {NAME: {rf"(latest|{VERSION})\.json": None}},
    "_pieces": {NAME: MADE},
    "_raw": {NAME: RAW},
    NAME: DATASET,
}
_RAW_DOCUMENT = re.compile(rf"_raw/{NAME}/([0-9a-f]{{2}})/(?:({HEX}){SUFFIX}|{DAMAGED})\Z")
# How many foreign names a report spells out.
SHOWN = 20


def stranger(key: str) -> str:
    """Return the first part of a key that techtrade never writes, empty if it writes such keys."""
    node: Any = STORE
    parts = key.split("/")
    for depth, part in enumerate(parts, start=1):
        node = next((below for form, below in node.items() if _form(form)(part)), False) if node else False
        if node is False:
            return "/".join(parts[:depth]) + ("/" if depth < len(parts) else "")
    return "" if node is None and not _in_wrong_folder(parts) else key


def is_staged(path: str) -> bool:
    """Whether a publisher writes such an object below its version, claim and manifest apart."""
    return path not in ("claim.json", "manifest.json") and not stranger(layout.version("x", "2000-01-01.0001", path))


def is_raw_document(key: str) -> bool:
    """Whether a key is of archived bytes: named by their hash, in the folder of that hash; or of damaged ones that were
    set aside."""
    return _RAW_DOCUMENT.match(key) is not None and not stranger(key)


def is_set_aside(key: str) -> bool:
    """Whether a key is of damaged bytes that were set aside."""
    return re.search(rf"/{DAMAGED}\Z", key) is not None


def datasets(store: ObjectStore) -> list[str]:
    """Return the datasets that stand in a store, those of which nothing can be read included. A folder whose
    ``latest.json`` is another dataset's is a copy that a person made."""
    known = published_names()
    return [n for n in store.folders("") if re.fullmatch(NAME, n) and (n in known or not _copied(store, n))]


def may_need(store: ObjectStore) -> list[str]:
    """Return the datasets whose versions may need something: also those that ``datasets`` does not list because their
    folder is a link, which readers follow, or because all that is left of them is their ledger."""
    return sorted({*datasets(store), *published_names(), *store.folders(layout.LEDGER)})


def log_is_lost(store: ObjectStore, dataset: str) -> bool:
    """Whether a dataset without ``latest.json`` was published all the same: the ledger has a copy of it."""
    return store.size(layout.ledger_log(dataset)) is not None


def foreign(store: ObjectStore, problems: list[str], also: Sequence[str] = ()) -> list[str]:
    """Return a line each for names that techtrade never wrote.

    Args:
        problems: filled with the folders that cannot be listed.
        also: names that look like techtrade's and are not, by what is in them.
    """
    found = dict.fromkeys(also, 0)
    ours = datasets(store)
    for name in store.names(""):
        is_folder = name.endswith("/")
        unknown = is_folder and name[:-1] not in (*ours, *layout.COMMON)
        if unknown or stranger(f"{name}x" if is_folder else name) == name:
            found[name] = 0
    odd = store.oddities("", deep=False)
    for folder in [*ours, *(n for n in store.folders("") if n in layout.COMMON)]:
        with isolated(store, problems, f"{folder}/ was not searched for foreign files"):
            for entry in store.entries(f"{folder}/"):
                if strange := stranger(entry.key):
                    found[strange] = found.get(strange, 0) + 1
            odd += store.oddities(f"{folder}/")
    return _lines(found | {f"{name} (a link, or no file)": 0 for name in odd})


def _lines(found: dict[str, int]) -> list[str]:
    told = [printable(name) + (f" ({plural(n, 'object')})" if n > 1 else "") for name, n in sorted(found.items())]
    if len(told) > SHOWN:
        told = [*told[:SHOWN], f"and {plural(len(told) - SHOWN, 'more name')}"]
    return [f"not techtrade's, left alone: {line}" for line in told]


def printable(name: str) -> str:
    """A name as text: what a terminal would act on, or cannot show, is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)


def _copied(store: ObjectStore, name: str) -> bool:
    """Whether the log below a name that is no contract's is another dataset's, or there is none."""
    try:
        return read_latest(store, name)[0] is None
    except MisplacedRecordError:
        return True
    except StoreError:  # not known: whoever works on the dataset meets the error, and reports it
        return False


def _in_wrong_folder(parts: list[str]) -> bool:
    """Whether it is a raw document or a piece in a folder that is not of its hash."""
    hashed = (parts[0] == "_raw" and len(parts) == 4) or (parts[0] == "_pieces" and len(parts) == 5)
    return hashed and parts[-2] != "_unfinished" and not parts[-1].startswith(parts[-2])


@cache
def _form(pattern: str) -> Callable[[str], Any]:
    return re.compile(pattern).fullmatch
