"""What people put into a store, under everything that deletes there or makes again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tasks.storage import local as local_
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import key_grammar, layout
from tasks.warehouse.records import VersionClaim
from tasks.warehouse.upkeep import gc
from tests.faults import full_store, upkeep
from tests.faults.full_store import DATASET, IP, LATER, Operation
from tests.faults.harness import Fault, Ground, Row
from tests.support import drill

Put = Callable[[Path], None]
COPIED = "2031-01-01.0001"


def _version(root: Path, number: int, dataset: str = DATASET) -> Path:
    """The folder of a version: 1 to 3 published (3 yanked), 4 rejected, 5 beaten, 6 killed, 7 given up."""
    return sorted((root / dataset / "versions").glob("2*.[0-9][0-9][0-9][0-9]"))[number - 1]


def _link(where: str, to: Callable[[Path], Path | str]) -> Put:
    def put(root: Path) -> None:
        path = root / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(to(root))

    return put


def _copy(number: int, to: str, dataset: str = DATASET) -> Put:
    return lambda root: (shutil.copytree(_version(root, number, dataset), root / to), None)[1]


def _file(*where: str, of: int = 0) -> Put:
    """Files of a person; ``of``: below the folder of that version."""

    def put(root: Path) -> None:
        for name in where:
            path = (_version(root, of) if of else root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"a person's")

    return put


def _bytes_named(root: Path) -> None:
    with open(os.fsencode(root) + b"/" + DATASET.encode() + b"/versions/\xff\xfe", "wb") as file:
        file.write(b"a person's")


def _renamed(root: Path) -> None:
    _version(root, 5).rename(root / DATASET / "versions" / COPIED)


def _manifest_of_another(root: Path) -> None:
    target = root / DATASET / "versions" / COPIED
    shutil.copytree(_version(root, 5), target)
    shutil.copy(_version(root, 2) / "manifest.json", target / "manifest.json")


def _unreadable(root: Path) -> None:
    _file("lost+found/x")(root)
    (root / "lost+found").chmod(0)


def _pipe(root: Path) -> None:
    os.mkfifo(root / DATASET / "pipe")


def _next(root: Path) -> str:
    return f"{_version(root, 1).name[:10]}.0008"


def _outside(root: Path) -> Path:
    return root.parent / "outside"


KINDS: dict[str, Put] = {
    "link to the latest version": _link(f"{DATASET}/versions/current", lambda r: _version(r, 2).name),
    "link to a beaten version": _link(f"{DATASET}/versions/{COPIED}", lambda r: _version(r, 5).name),
    "link to a killed version": _link(f"{DATASET}/versions/newest", lambda r: _version(r, 6)),
    "link to a dataset": _link("atp", lambda r: DATASET),
    "link to a folder outside": _link(f"{DATASET}/versions/2031-01-01.0002", _outside),
    "link to a file outside in a killed version": lambda r: _link(
        f"{DATASET}/versions/{_version(r, 6).name}/data/part-0000.parquet", lambda x: _outside(x) / "precious.parquet"
    )(r),
    "link to a folder outside in a killed version": lambda r: _link(
        f"{DATASET}/versions/{_version(r, 6).name}/data", _outside
    )(r),
    "link that has the next number": lambda r: _link(f"{DATASET}/versions/{_next(r)}", _outside)(r),
    "dangling link that has the next number": lambda r: _link(f"{DATASET}/versions/{_next(r)}", lambda x: "nowhere")(r),
    "dangling link": _link(f"{DATASET}/versions/2031-01-01.0003", lambda r: "nowhere"),
    "link cycle": _link(f"{DATASET}/versions/loop", lambda r: ".."),
    "link to itself": _link("self", lambda r: "self"),
    "link in the raw archive": _link("_raw/census_balance/ab", _outside),
    "link to a source's raw documents": _link("_raw/mine", lambda r: r / "_raw" / "census_balance"),
    "link among temporary files": _link(f".techtrade/tmp/1-{'0' * 32}", lambda r: _outside(r) / "precious.parquet"),
    "link among pieces": _link(f"_pieces/{DATASET}/pieces/zz", _outside),
    "copy of the latest version .bak": lambda r: _copy(2, f"{DATASET}/versions/{_version(r, 2).name}.bak")(r),
    "copy of a beaten version": lambda r: _copy(5, f"{DATASET}/versions/{_version(r, 5).name} copy")(r),
    "copy named with a newline": lambda r: _copy(5, f"{DATASET}/versions/{_version(r, 5).name}\n")(r),
    "copy under a number of its own": _copy(5, f"{DATASET}/versions/{COPIED}"),
    "copy of a killed version under another number": _copy(6, f"{DATASET}/versions/{COPIED}"),
    "copy under another dataset": _copy(5, f"{IP}/versions/{COPIED}"),
    "copy of a dataset": lambda r: (shutil.copytree(r / DATASET, r / f"{DATASET}_copy"), None)[1],
    "copy of the raw archive": lambda r: (shutil.copytree(r / "_raw", r / "_raw.old"), None)[1],
    "copy of a raw document": _file("_raw/census_balance/ab/table.xlsx", f"_raw/census_balance/ab/{'cd' * 32}.txt"),
    "beaten version renamed": _renamed,
    "manifest of another version": _manifest_of_another,
    "version in digits of another script": _copy(5, f"{DATASET}/versions/٢٠٣١-٠١-٠١.٠٠٠١"),
    "folder of a version that nobody claimed": _file(f"{DATASET}/versions/{COPIED}/data/part-0000.parquet"),
    "extra files in the latest version": _file("README", "data/part-0000.parquet.bak", of=2),
    "extra files in a rejected version": _file("why.txt", "data/mine.parquet", of=4),
    "extra files in a beaten version": _file("why.txt", "data/part_year=1/part-0000.parquet", of=5),
    "extra files in a killed version": _file("why.txt", "data/mine.parquet", of=6),
    "extra files in a version that was given up": _file("why.txt", "data/old/part-0000.parquet", of=7),
    "stray files at the root": _file("notes.txt", "backup.tar", ".DS_Store", "mine/figures.csv"),
    "stray files in common folders": _file(
        "_raw/readme.txt", "_raw/census_balance/readme.txt", "_raw/census_balance/_unfinished/x/readme.txt",
        "_ledger/readme.txt", "_alerts/old.json", f"_pieces/{DATASET}/pieces/ab/x.csv", f"_pieces/{DATASET}/parts/x",
    ),
    "stray files in a dataset": _file(f"{DATASET}/x.json", f"{DATASET}/yanked/x", f"{DATASET}/versions/x.txt"),
    "files with odd names": _file(f"{DATASET}/versions/\x1b[31m.txt", f"{DATASET}/ä\u202e\n.txt", "-rf", "a\\b"),
    "name that is not unicode": _bytes_named,
    "folder that may not be read": _unreadable,
    "pipe": _pipe,
}  # fmt: skip
# They change which version a folder is, or what it has: what is deleted then need not be what was deleted without.
FEWER = ("beaten version renamed",)
# A sealed version of readers that a person put files into is damaged, for who reads the folder; a manifest that is of
# another version is damage, too. Both are reported as problems; the rest is not.
PROBLEMS = ("extra files in the latest version", "manifest of another version")
# The same put into S3, where there are no links.
ON_S3 = (
    "copy of the latest version .bak", "copy under a number of its own", "copy of a dataset", "copy of a raw document",
    "extra files in a beaten version", "stray files at the root", "stray files in common folders",
)  # fmt: skip
S3_OPERATIONS = ("nightly maintenance", "retention")


def faults() -> list[Fault]:
    found = [
        Fault(f"{kind}, {name}", partial(_attempt, put, kind, operation))
        for kind, put in KINDS.items()
        for name, operation in upkeep.OPERATIONS.items()
    ]
    found += [Fault(f"{kind}, reported by gc", partial(_reported, put)) for kind, put in KINDS.items()]
    found += [Fault(f"{kind}, publish", partial(_published, put)) for kind, put in KINDS.items() if "link" in kind]
    return found + [
        Fault(f"{kind}, {name}, S3", partial(_attempt_s3, KINDS[kind], kind, upkeep.OPERATIONS[name]))
        for kind in ON_S3
        for name in S3_OPERATIONS
    ]


def _attempt(put: Put, kind: str, operation: Operation, where: Ground) -> str:
    folder = where.folder()
    store = full_store.copied(folder)
    ours = full_store.files(folder)
    put(folder / "store")
    with _readable(folder):
        before = full_store.files(folder)
    read = full_store.read(store, IP, DATASET)
    expected = _expected(operation)
    problems = upkeep.typed(operation, store)
    after_read = full_store.read(store, IP, DATASET)
    with _readable(folder):
        after = full_store.files(folder)
    strange = {n for n in before if n not in ours}
    wrong = [f"{n} was changed" for n in sorted(strange) if after.get(n) != before[n]]
    wrong += [
        f"{n} outside of the store was changed" for n in before if n[:8] == "outside/" and after.get(n) != before[n]
    ]
    if different := full_store.differences(read, after_read):
        wrong.append(f"readers: {different}")
    deleted = full_store.gone(before, after)
    if not (deleted <= expected if kind in FEWER else deleted == expected):
        wrong.append(f"deleted {sorted(deleted ^ expected)} otherwise than without")
    if problems and kind not in PROBLEMS:
        wrong.append(f"reported as problems: {problems}")
    shutil.rmtree(folder)
    return "; ".join(wrong)


def _reported(put: Put, where: Ground) -> str:
    folder = where.folder()
    store = full_store.copied(folder)
    if quiet := gc.plan(store, LATER, upkeep.ZERO).foreign:
        return f"names of ours are reported: {quiet}"
    put(folder / "store")
    plan = gc.plan(store, LATER, upkeep.ZERO)
    with _readable(folder):
        shutil.rmtree(folder)
    told = [*plan.foreign, *plan.problems]
    if not told and put is not KINDS["link among temporary files"]:
        return "nothing is reported"
    if len(plan.foreign) > key_grammar.SHOWN + 1 or not all(line.isprintable() for line in plan.foreign):
        return f"not lines for a terminal: {told}"
    return ""


def _published(put: Put, where: Ground) -> str:
    folder = where.folder()
    store = full_store.copied(folder)
    put(folder / "store")
    with _readable(folder):
        before = full_store.files(folder)
    version = drill.publish(store, full_store.candidate()).manifest.version
    made = store.root / layout.version(DATASET, version)
    real = made.resolve() == made
    with _readable(folder):
        after = full_store.files(folder)
        shutil.rmtree(folder)
    changed = {n for n in after if before.get(n) != after[n]}
    beyond = {n for n in changed if not n.startswith(f"store/{DATASET}/") and n != f"store/{layout.CATALOG}"}
    return (
        "" if real and not beyond and before.keys() <= after.keys() else f"{version} is real: {real}; changed {beyond}"
    )


def _attempt_s3(put: Put, kind: str, operation: Operation, where: Ground) -> str:
    folder = where.folder()
    full_store.copied(folder)
    root = folder / "store"
    ours = set(full_store.files(root))
    put(root)
    place = where.place("s3")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.environment.items():
            patch.setenv(name, value)
        store = open_store(place.url)
        for name in full_store.files(root):
            store.create(name, (root / name).read_bytes())
        expected = {n.removeprefix("store/") for n in _expected(operation)}
        before = {e.key for e in store.entries("")}
        read = full_store.read(store, IP, DATASET)
        problems = upkeep.typed(operation, store)
        after = {e.key for e in store.entries("")}
        different = full_store.differences(read, full_store.read(store, IP, DATASET))
    wrong = [f"{n} was deleted" for n in before - after if n not in ours]
    if different:
        wrong.append(f"readers: {different}")
    if before - after != expected:
        wrong.append(f"deleted {sorted((before - after) ^ expected)} otherwise than on disk")
    return "; ".join([*wrong, *(f"problem: {p}" for p in problems if kind not in PROBLEMS)])


@cache
def _expected(operation: Operation) -> set[str]:
    """What the operation deletes where nobody put anything."""
    with TemporaryDirectory(prefix="techtrade-plain-") as name:
        folder = Path(name)
        store, before = full_store.copied(folder), full_store.files(folder)
        upkeep.typed(operation, store)
        return full_store.gone(before, full_store.files(folder))


class _readable:
    """Folders that may not be read can be, for the oracle."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "store" / "lost+found"

    def __enter__(self) -> None:
        if self._path.exists():
            self._path.chmod(0o700)

    def __exit__(self, *_: object) -> None:
        if self._path.exists():
            self._path.chmod(0)


def seed(patch: pytest.MonkeyPatch) -> None:
    """As it was: links are followed, any name is a version's, and whatever lies below it is deleted."""

    def claim(store: ObjectStore, dataset: str, version: str) -> VersionClaim:
        found = VersionClaim.load(store.get(layout.claim(dataset, version)).body, version)
        return found.model_copy(update={"dataset": dataset, "version": version})

    patch.setattr(local_, "_is_folder", lambda child: child.is_dir())
    patch.setattr(local_, "_is_file", lambda child: child.is_file())
    patch.setattr(LocalStore, "_linked", lambda self, path: None)
    patch.setattr(gc, "_claim", claim)
    patch.setattr(gc, "read_manifest", lambda store, d, v: gc.Manifest.load(store.get(layout.manifest(d, v)).body, v))
    patch.setattr(layout, "VERSION", layout.re.compile(".*"))


ROW = Row(
    name="foreign_names",
    title="files that people put into a store (links, copies, renamed folders, odd names), under every command that deletes or rebuilds",
    right="readers get the same bytes; the foreign files, and whatever links point to, are unchanged; gc reports them",
    faults=faults,
    seed=seed,
    slow=True,
    seeded=("link to the latest version, gc", "copy of the latest version .bak, gc"),
)
