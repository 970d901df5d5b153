"""The commands that check or change a store: verify, yank, gc."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from configs.contracts import load_contract, published_names
from configs.errors import CorruptVersionError, StoreError, UsageError
from configs.hints import command
from configs.words import plural
from flows.cli.output import print_json, remark, say
from flows.cli.publish import say_followed
from flows.cli.versions import open_at, split_target
from flows.notices import NOTICES
from flows.prefect_setup import alert_hooks
from tasks.build.recipes import recipe_for
from tasks.monitor.freshness import not_known
from tasks.publish.after import after, yanked
from tasks.raw.verify import RawVerifier
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import ledger, protocol, reader
from tasks.warehouse import yank as yank_
from tasks.warehouse.records import as_plain
from tasks.warehouse.upkeep import gc as gc_
from tasks.warehouse.upkeep import retention
from tasks.warehouse.upkeep import verify as verify_

HEAL = "restore them from a copy of the store, or publish with --refresh all: what the publisher sends again heals them"


def verify(target: str | None, url: str | None, as_json: bool) -> int:
    """Returns the exit code: 0 if every checksum holds, 1 if one does not, or if there was none to hold."""
    store = open_at(url)
    raw = RawVerifier(store)
    found: list[dict[str, Any]] = []
    for name, version in wanted(store, target):
        try:
            found.append(verified(store, raw, name, version))
        except StoreError as e:
            if target:
                raise
            words = not_known(store, name, e).words
            found.append({"dataset": name, "version": version, "ok": False, "problems": [words], "error": words})
        _say(found[-1], as_json)
    if as_json:
        print_json(found)
    if not found:
        told = f"nothing was verified, because nothing is published in {store.url}"
        remark(f"error: {told}; name the store that is meant with --store")
    return 0 if found and all(f["ok"] for f in found) else 1


def wanted(store: ObjectStore, target: str | None) -> list[tuple[str, str | None]]:
    """The versions to verify; a dataset without one if its log cannot be read.

    Raises:
        StoreUnavailableError: the store as a whole cannot be read.
    """
    if target:
        name, version = split_target(target)
        return [(name, version or reader.latest_version(store, name))]
    found: list[tuple[str, str | None]] = []
    for name in published_names():
        try:
            found += [(name, v.version) for v in reader.list_versions(store, name)]
        except StoreError as e:
            not_known(store, name, e)
            found.append((name, None))  # its problem is told when it is verified
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
    told |= {"retired": as_plain(report.retired) if report.retired else None}
    told |= {"raw": inputs.documents, "raw_gone": inputs.gone}
    if inputs.problems:
        error = f"{name}@{report.version}: its figures are whole, its raw inputs are not: {'; '.join(inputs.problems)}"
        told |= {"problems": inputs.problems, "error": f"{error}; {HEAL}"}
    return told


def _say(found: dict[str, Any], as_json: bool) -> None:
    name = f"{found['dataset']}@{found['version']}"
    if not found["ok"]:
        remark(f"error: {found['error']}")
    elif not as_json:
        say(
            f"{name}: {plural(found['files'], 'file')}, {plural(found['bytes'], 'byte')}, "
            f"{plural(found['raw'], 'raw document')}, "
            f"all checksums hold{'; its data were deleted by a policy' if found['retired'] else ''}"
        )
    for gone in found.get("raw_gone", ()):
        remark(f"{name}: {gone}")


def yank(target: str, reason: str, replaced_by: str | None, url: str | None, as_json: bool) -> None:
    name, version = split_target(target)
    if version is None:
        raise UsageError(f"name the version to yank: {name}@VERSION; see: {command('versions', name)}")
    contract = load_contract(name)
    recipe = recipe_for(contract)
    if not recipe.has_own_changes:
        (base,) = recipe.made_from
        raise UsageError(
            f"{name} tells what readers of {base} were given, withdrawals among it, and is not withdrawn itself; yank "
            f"a version of {base}, and the history follows"
        )
    store = open_at(url)
    latest = yank_.yank(store, name, version, reason, replaced_by)
    with alert_hooks.collected(store.url):
        followed = after(store, contract, yanked(version), NOTICES)
    if as_json:
        print_json(as_plain(latest) | {"followed": [asdict(f) for f in followed]})
    else:
        print(f"{name}@{version} is yanked; readers of latest get {latest.version}")
    say_followed(followed, as_json)


def gc(
    dry_run: bool,
    grace_hours: float,
    keep: int | None,
    keep_days: float | None,
    rejected_days: float | None,
    url: str | None,
    as_json: bool,
) -> int:
    """Returns the exit code: 1 if something could not be looked at or done; all the rest was."""
    if (keep is None) != (keep_days is None):
        raise UsageError("say both, --keep N and --keep-days DAYS: what they let go is deleted")
    policy = retention.Policy(keep, keep_days) if keep is not None and keep_days is not None else None
    rejected = retention.RejectedPolicy(rejected_days) if rejected_days is not None else None
    store, now = open_at(url), protocol.utc_now()
    plan = gc_.plan(store, now, timedelta(hours=grace_hours))
    old = [retention.plan(store, now, policy)] if policy else []
    old += [retention.plan_rejected(store, now, rejected)] if rejected else []
    lines = plan.lines() + [line for o in old for line in o.lines()]
    kept = [line for o in old for line in o.kept]
    problems = [*plan.problems, *(p for o in old for p in o.problems)]
    if not as_json:
        for line in lines:
            print(line)
        for line in (*kept, *plan.foreign):
            remark(line)
    if not dry_run:
        problems += gc_.execute(store, plan).problems
        problems += [p for o in old for p in retention.execute(store, o).problems]
        for name in {s.dataset for o in old for s in o.superseded}:
            ledger.keep(store, name)
    problems = list(dict.fromkeys(problems))
    for problem in problems:
        remark(f"error: {problem}")
    if as_json:
        told = {"executed": not dry_run, "plan": lines, "kept": kept, "foreign": plan.foreign, "problems": problems}
        print_json(told)
    elif not lines:
        print("nothing to clean up")
    return 1 if problems else 0
