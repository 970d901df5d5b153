"""The commands that check or change a store: verify, yank, gc."""

from __future__ import annotations

from datetime import timedelta

from configs.contract import dataset_names, load_contract
from configs.errors import CorruptVersionError, UsageError
from flows.inspect_commands import open_at, split_target
from flows.output import print_json, remark
from tasks.store import derived, reader, versions
from tasks.store import gc as gc_
from tasks.store import verify as verify_
from tasks.store import yank as yank_
from tasks.store.records import as_plain


def verify(target: str | None, url: str | None, as_json: bool) -> int:
    """Returns the exit code: 0 if every checksum holds, 1 if one does not."""
    store = open_at(url)
    if target:
        name, version = split_target(target)
        wanted = [(name, version or reader.resolve(store, name).manifest.version)]
    else:
        wanted = [(n, v.manifest.version) for n in dataset_names() for v in reader.list_versions(store, n)]
    found = []
    for name, version in wanted:
        try:
            report = verify_.verify(store, name, version)
        except CorruptVersionError as e:
            found.append({"dataset": name, "version": version, "ok": False, "problems": e.problems})
            remark(f"error: {e}")
            continue
        found.append({"dataset": name, "version": version, "ok": True, "files": report.files, "bytes": report.bytes})
        if not as_json:
            print(f"{name}@{version}: {report.files} files, {report.bytes:,} bytes, all checksums hold")
    if as_json:
        print_json(found)
    elif not wanted:
        remark(f"nothing is published in {store.url}")
    return 0 if all(f["ok"] for f in found) else 1


def yank(target: str, reason: str, replaced_by: str | None, url: str | None, as_json: bool) -> None:
    name, version = split_target(target)
    if version is None:
        raise UsageError(f"name the version to yank: {name}@VERSION; see: techtrade versions {name}")
    store = open_at(url)
    latest = yank_.yank(store, name, version, reason, replaced_by)
    derived.refresh_catalog(store, load_contract(name))
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
