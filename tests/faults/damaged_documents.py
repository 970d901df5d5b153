"""Each document of a store, damaged in each way, under everything that works on the whole store."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from configs.contracts import load_contract
from tasks.raw import references
from tasks.raw.archive import RawArchive
from tasks.storage.local import LocalStore
from tasks.warehouse import catalog, layout, protocol
from tasks.warehouse.upkeep import gc
from tests.faults import full_store, upkeep
from tests.faults.full_store import DATASET, IP, NEXT
from tests.faults.harness import Fault, Ground, Row
from tests.support.published import publish

HISTORY = f"{IP}_history"
# Of which datasets the operations work as they do on a sound store, whatever is damaged of the other.
# What may be in a history that cannot be read stays, so retention keeps its dataset, too.
OTHERS = {DATASET: (IP, HISTORY), IP: (DATASET,), HISTORY: (DATASET,), "": (DATASET, IP, HISTORY)}
Damage = Callable[[bytes], bytes]
DAMAGES: dict[str, Damage] = {
    "empty": lambda body: b"",
    "cut midway": lambda body: body[: len(body) // 2],
    "not JSON": lambda body: b"<html>404</html>",
    "a list": lambda body: b"[1, 2]",
    "null": lambda body: b"null",
    "another encoding": lambda body: b"\xff\xfe" + body.decode("latin-1").encode("utf-16-le"),
    "same size, other bytes": lambda body: bytes(b ^ 1 for b in body),
}
WHOLE = "the document of another dataset"


def _nth(dataset: str, number: int, path: str) -> Callable[[Path], str]:
    """An object of a version: 1 to 3 published (3 of the other dataset yanked), then rejected, beaten, killed."""
    return lambda root: (
        f"{dataset}/versions/{sorted(p.name for p in (root / dataset / 'versions').iterdir())[number - 1]}/{path}"
    )


def _first(pattern: str) -> Callable[[Path], str]:
    return lambda root: str(min(root.glob(pattern)).relative_to(root))


def _raw(root: Path) -> str:
    latest = full_store.log_of(LocalStore(root), IP)
    return protocol.read_manifest(LocalStore(root), IP, latest.version).sources[0].raw_key


def _key(key: str) -> Callable[[Path], str]:
    return lambda root: key


# Each document: whose it is, where it stands.
DOCUMENTS: dict[str, tuple[str, Callable[[Path], str]]] = {
    "latest.json": (DATASET, _key(layout.latest(DATASET))),
    "latest.json of a history": (HISTORY, _key(layout.latest(HISTORY))),
    "manifest of the latest version": (DATASET, _nth(DATASET, 2, "manifest.json")),
    "manifest of an old version": (DATASET, _nth(DATASET, 1, "manifest.json")),
    "manifest of an old version of another": (IP, _nth(IP, 1, "manifest.json")),
    "manifest of a yanked version": (DATASET, _nth(DATASET, 3, "manifest.json")),
    "manifest of a rejected version": (DATASET, _nth(DATASET, 4, "manifest.json")),
    "manifest of a beaten version": (DATASET, _nth(DATASET, 5, "manifest.json")),
    "manifest of a history": (HISTORY, _nth(HISTORY, 1, "manifest.json")),
    "claim of a beaten version": (DATASET, _nth(DATASET, 5, "claim.json")),
    "claim of a killed version": (DATASET, _nth(DATASET, 6, "claim.json")),
    "note of a yank": (DATASET, _first(f"{DATASET}/yanked/*.json")),
    "status.json": (DATASET, _key(layout.status(DATASET))),
    "held.json": (DATASET, _key(layout.held(DATASET))),
    "catalog.json": ("", _key(layout.CATALOG)),
    "note of the schedule": ("", _key(layout.SCHEDULE)),
    "release dates": ("", _key(layout.RELEASE_DATES)),
    "alerts": ("", _key(layout.ALERTS)),
    "log in the ledger": (DATASET, _key(layout.ledger_log(DATASET))),
    "manifest in the ledger": (DATASET, _first(f"_ledger/{DATASET}/2*.json")),
    "raw document": (IP, _raw),
    "note beside a raw document": (IP, lambda root: _raw(root) + ".json"),
    "inventory": ("", _key(layout.inventory("world_bank_archives"))),
    "note of a take-down": ("", _key(layout.taken_down("census_balance"))),
    "quality.parquet": (DATASET, _nth(DATASET, 2, "quality.parquet")),
    "a data file": (DATASET, _nth(DATASET, 2, "data/part-0000.parquet")),
    "a data file of a history": (HISTORY, _nth(HISTORY, 1, "data/part-0000.parquet")),
}
# JSON is as good as any for figures and archived bytes, and is told from them by its hash only.
WITH_ANOTHER = {
    "latest.json": layout.latest(IP),
    "status.json": layout.status(IP),
    "log in the ledger": layout.ledger_log(IP),
    "manifest in the ledger": f"_ledger/{IP}/latest.json",
}
# What is read for its own sake only: its damage is not looked for.
NOT_LOOKED_FOR = ("note of the schedule",)
OPERATIONS = (
    upkeep.clean, upkeep.retain, upkeep.free, upkeep.expire, upkeep.expire_pieces, upkeep.mend, upkeep.verify,
    upkeep.list_raw, upkeep.look, upkeep.nightly,
)  # fmt: skip


def faults() -> list[Fault]:
    found = [
        Fault(f"{document} {name}", partial(_attempt, document, damage))
        for document in DOCUMENTS
        for name, damage in DAMAGES.items()
    ]
    found += [Fault(f"{document} is {WHOLE}", partial(_attempt, document, None)) for document in WITH_ANOTHER]
    found += [
        Fault(f"{document} cut midway, publish", partial(_publish, document))
        for document, (owner, _) in DOCUMENTS.items()
        if owner != IP
    ]
    return found + [
        Fault(f"raw document {name}, the same {keep} comes again", partial(_healed, damage, keep))
        for name, damage in DAMAGES.items()
        for keep in ("body", "file")
    ]


def _damaged(document: str, damage: Damage | None, folder: Path) -> tuple[LocalStore, str]:
    store, root = full_store.copied(folder), folder / "store"
    if document == "note of a take-down":
        upkeep.take_down(store)
    key = DOCUMENTS[document][1](root)
    path = root / key
    body = damage(path.read_bytes()) if damage else (root / WITH_ANOTHER[document]).read_bytes()
    path.unlink()  # the template's files are not touched through it
    path.write_bytes(body)
    return store, key


def _attempt(document: str, damage: Damage | None, where: Ground) -> str:
    """All upkeep, one after the other: for others as ever, for the damaged one nothing, and something names it."""
    folder = where.folder()
    store, key = _damaged(document, damage, folder)
    owner = DOCUMENTS[document][0]
    others = OTHERS[owner]
    before, read = full_store.files(folder / "store"), full_store.read(store, *others)
    with upkeep.warnings() as logged:
        told = [problem for operation in OPERATIONS for problem in upkeep.typed(operation, store)]
    deleted = full_store.gone(before, full_store.files(folder / "store"))
    wrong = [f"{n} was deleted" for n in sorted(deleted - _expected() | deleted & {key})]
    wrong += [
        f"{n} of another was not deleted"
        for n in sorted(_expected() - deleted)
        if n in before and n.split("/")[0] in others
    ]
    if different := full_store.differences(read, full_store.read(store, *others)):
        wrong.append(f"readers of others: {different}")
    # Of a dataset without a log nothing is known; of a version without a manifest or claim neither.
    kept = f"{owner}/" if key == layout.latest(owner) else key.rpartition("/")[0] if key.endswith(".json") else key
    if owner and "/versions/" in key or key == layout.latest(owner):
        wrong += [f"{n} of what is damaged was deleted" for n in sorted(deleted) if n.startswith(kept)]
    names = [key, "@".join(key.split("/")[:3:2])] if "/versions/" in key else [key]
    if document not in NOT_LOOKED_FOR and not any(n in line for n in names for line in [*told, *logged]):
        wrong.append(f"{' or '.join(names)} is not named in {told}")
    shutil.rmtree(folder)
    return "; ".join(wrong)


def _publish(document: str, where: Ground) -> str:
    """Another dataset is published."""
    folder = where.folder()
    store, _ = _damaged(document, DAMAGES["cut midway"], folder)
    before = full_store.versions_of(store, IP)
    publish(store, IP, NEXT)
    catalog.refresh_catalog(store, load_contract(IP))
    after = full_store.versions_of(store, IP)
    shutil.rmtree(folder)
    return "" if len(after) == len(before) + 1 else "it was not published"


def _healed(damage: Damage, keep: str, where: Ground) -> str:
    folder = where.folder()
    store = full_store.copied(folder)
    key = _raw(folder / "store")
    good = store.get(key).body
    bad = damage(good)
    store.replace(key, bad, store.get(key).etag)
    archive, source = RawArchive(store), key.split("/")[1]
    suffix = key[key.rindex(".") :]
    with upkeep.warnings() as logged:
        if keep == "body":
            archive.keep(source, "r", "https://example.org/x", good, suffix)
        else:
            (folder / "again").write_bytes(good)
            archive.keep_file(source, "r", "https://example.org/x", folder / "again", suffix, "")
    aside = [e.key for e in store.entries(layout.raw_of(source)) if ".damaged-" in e.key]
    if store.get(key).body != good or len(aside) != 1 or store.get(aside[0]).body != bad:
        return f"not healed: {aside}"
    if not any(key in line for line in logged):
        return "not reported"
    return "; ".join(p for p in upkeep.verify(store) if IP in p)


@cache
def _expected() -> set[str]:
    """What goes where nothing is damaged."""
    with TemporaryDirectory(prefix="techtrade-plain-") as name:
        folder = Path(name)
        store, before = full_store.copied(folder), full_store.files(folder / "store")
        for operation in OPERATIONS:
            assert operation is upkeep.look or not upkeep.typed(operation, store)
        return full_store.gone(before, full_store.files(folder / "store"))


def seed(patch: pytest.MonkeyPatch) -> None:
    """As it was: the first problem ends it all; what a damaged document names is taken for nothing."""

    class Straight:
        def __init__(self, *_: object) -> None: ...
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    patch.setattr(gc, "isolated", Straight)
    patch.setattr(references.Named, "__contains__", lambda self, key: key in self.keys)


ROW = Row(
    name="damaged_documents",
    title="each document of a store, damaged in each way, under every command that works on the whole store",
    right="other datasets are processed and read as before; the damaged document is named, and nothing of its dataset deleted; good raw bytes heal damaged ones",
    faults=faults,
    seed=seed,
    seeded=("latest.json empty", "manifest of an old version empty"),
    slow=True,
)
