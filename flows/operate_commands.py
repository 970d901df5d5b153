"""The commands that check or change a store: verify, yank, gc."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from configs.contract import dataset_names, load_contract
from configs.errors import CorruptVersionError, UsageError
from flows.announcing import announce
from flows.inspect_commands import open_at, split_target
from flows.output import print_json, remark
from tasks.store import derived, ledger, reader, versions
from tasks.store import gc as gc_
from tasks.store import verify as verify_
from tasks.store import yank as yank_
from tasks.store.objects import ObjectStore
from tasks.store.records import as_plain
from tasks.store.verify_raw import RawVerifier


def verify(target: str | None, url: str | None, as_json: bool) -> int:
    """Returns the exit code: 0 if every checksum holds, 1 if one does not, or if there was none to hold."""
    store = open_at(url)
    raw = RawVerifier(store)
    found: list[dict[str, Any]] = []
    for name, version in wanted(store, target):
        found.append(verified(store, raw, name, version))
        _say(found[-1], as_json)
    if as_json:
        print_json(found)
    if not found:
        told = f"nothing was verified, because nothing is published in {store.url}"
        remark(f"error: {told}; name the store that is meant with --store")
    return 0 if found and all(f["ok"] for f in found) else 1


def wanted(store: ObjectStore, target: str | None) -> list[tuple[str, str | None]]:
    """The versions to verify; a dataset without one if its log cannot be read."""
    if target:
        name, version = split_target(target)
        return [(name, version or reader.latest_version(store, name))]
    found: list[tuple[str, str | None]] = []
    for name in dataset_names():
        try:
            found += [(name, v.version) for v in reader.list_versions(store, name)]
        except reader.DAMAGED:
            found.append((name, None))  # which is told of when it is verified
    return found


def verified(store: ObjectStore, raw: RawVerifier, name: str, version: str | None) -> dict[str, Any]:
    """What there is to tell of the checksums of one version, ``ok`` among it, and if not, ``error``."""
    told: dict[str, Any] = {"dataset": name, "version": version}
    try:
        report = verify_.verify(store, name, version)
        inputs = raw.verify(reader.resolve(store, name, version))
    except CorruptVersionError as e:
        return told | {"ok": False, "problems": e.problems, "error": str(e)}
    except reader.DAMAGED as e:
        return told | {"ok": False, "problems": [str(e)], "error": str(e)}
    told |= {"version": report.version, "ok": not inputs.problems, "files": report.files, "bytes": report.bytes}
    told |= {"raw": inputs.documents, "raw_gone": inputs.gone}
    if inputs.problems:
        error = f"{name}@{report.version}: its figures are whole, its raw inputs are not: {'; '.join(inputs.problems)}"
        told |= {"problems": inputs.problems, "error": f"{error}; restore them from a copy of the store"}
    return told


def _say(found: dict[str, Any], as_json: bool) -> None:
    name = f"{found['dataset']}@{found['version']}"
    if not found["ok"]:
        remark(f"error: {found['error']}")
    elif not as_json:
        print(
            f"{name}: {found['files']} files, {found['bytes']:,} bytes, {found['raw']} raw documents, "
            "all checksums hold"
        )
    for gone in found.get("raw_gone", ()):
        remark(f"{name}: {gone}")


def yank(target: str, reason: str, replaced_by: str | None, url: str | None, as_json: bool) -> None:
    name, version = split_target(target)
    if version is None:
        raise UsageError(f"name the version to yank: {name}@VERSION; see: techtrade versions {name}")
    store = open_at(url)
    latest = yank_.yank(store, name, version, reason, replaced_by)
    derived.refresh_catalog(store, load_contract(name))
    ledger.keep(store, name)
    announce(store, load_contract(name), ("yanked", version))
    if as_json:
        print_json(as_plain(latest))
    else:
        print(f"{name}@{version} is yanked; readers of latest get {latest.version}")


def gc(dry_run: bool, grace_hours: float, url: str | None, as_json: bool) -> None:
    store = open_at(url)
    plan = gc_.plan(store, versions.utc_now(), timedelta(hours=grace_hours))
    if not as_json:
        for line in plan.lines():
            print(line)
    if not dry_run:
        gc_.execute(store, plan)
    if as_json:
        print_json({"executed": not dry_run, "plan": plan.lines()})
    elif not plan.lines():
        print("nothing to clean up")
