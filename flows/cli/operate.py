"""The commands that check or change a store: ``verify``, ``yank``, ``gc``, ``restore``."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from configs.contracts import load_contract, published_names
from configs.errors import StoreError, TechtradeError, UsageError
from configs.hints import command
from configs.words import plural
from flows.cli.output import print_json, say
from flows.cli.results import say_followed
from flows.cli.stores import open_at, open_to_write, split_target
from flows.notices import NOTICES
from flows.prefect_setup import alert_hooks, secrets
from flows.prefect_setup.remarks import remark
from tasks.build.recipes import recipe_for
from tasks.common.clock import utc_now
from tasks.common.text import one_line
from tasks.monitor.freshness import not_known
from tasks.publish import restore as restore_
from tasks.publish.after import RESTORED, after, yanked
from tasks.raw.verify import RawVerifier, published_versions, verified
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import ledger, reader
from tasks.warehouse import yank as yank_
from tasks.warehouse.records import as_plain
from tasks.warehouse.upkeep import gc as gc_
from tasks.warehouse.upkeep import retention


def verify(target: str | None, url: str | None, as_json: bool) -> int:
    """Returns the exit code: 0 if every checksum holds, 1 if one does not, or if there was none to hold."""
    store = open_at(url)
    raw = RawVerifier(store)
    found: list[dict[str, Any]] = []
    for name, version in [_named(store, target)] if target else published_versions(store):
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


def _named(store: ObjectStore, target: str) -> tuple[str, str]:
    name, version = split_target(target)
    return name, version or reader.latest_version(store, name)


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
    store, now = open_at(url), utc_now()
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
            ledger.copy_new(store, name)
    problems = list(dict.fromkeys(problems))
    for problem in problems:
        remark(f"error: {problem}")
    if as_json:
        print_json(
            {"executed": not dry_run, "plan": lines, "kept": kept, "foreign": plan.foreign, "problems": problems}
        )
    elif not lines:
        print("nothing to clean up")
    return 1 if problems else 0


def restore(
    names: tuple[str, ...], copy: str, without: tuple[str, ...], take_over: bool, url: str | None, as_json: bool
) -> int:
    """Restore datasets, or all that the copy has. One that cannot be does not hold up the others.

    Args:
        without: ``DATASET@VERSION`` each, not to be restored.

    Returns:
        The exit code: 1 if one could not be restored.

    Raises:
        UsageError: there is nothing to restore from, or what is to be left out is no version.
        RestoreError: the copy is damaged.
    """
    source, store = open_at(copy), open_to_write(url)
    # What is made from others after these.
    order = {name: n for n, name in enumerate(published_names())}
    chosen = sorted(names or ledger.datasets(source), key=lambda name: order.get(name, len(order)))
    if not chosen:
        raise UsageError(
            f"{source.url} has no _ledger/, so there is nothing to restore from; name the copy: --from URL"
        )
    left_out = _left_out(without, chosen)
    copied = restore_.copy_raw(source, store)
    remark(f"{plural(copied, 'object')} of the raw archive copied")
    told = [_one(source, store, name, left_out.get(name, []), take_over, as_json) for name in chosen]
    if as_json:
        print_json(told)
    return 0 if all("error" not in t for t in told) else 1


def _left_out(without: tuple[str, ...], names: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for target in without:
        name, version = split_target(target)
        if version is None or name not in names:
            raise UsageError(f"--without {target}: name a version of what is restored, as DATASET@VERSION")
        found.setdefault(name, []).append(version)
    return found


def _one(
    source: ObjectStore, store: ObjectStore, name: str, without: list[str], take_over: bool, as_json: bool
) -> dict[str, Any]:
    try:
        contract = load_contract(name)
        done = restore_.restore(source, store, contract, without, take_over=take_over)
        yank_.write_missing_notes(store, name)
    except Exception as e:  # noqa: BLE001 - whatever one dataset meets, the others are restored
        told = one_line(e) if isinstance(e, TechtradeError) else secrets.describe_safely(e)
        remark(f"error: {name}: {told}")
        return {"dataset": name, "error": told}
    after(store, contract, RESTORED, NOTICES)
    if not as_json:
        how = "stood there already, whole" if done.before else "restored, every content hash as it was"
        less = f", without {', '.join(done.left_out)}" if done.left_out else ""
        print(f"{name}: {plural(len(done.versions), 'version')}, {plural(done.rows, 'row')}, {how}{less}")
    return {
        "dataset": name,
        "versions": list(done.versions),
        "rows": done.rows,
        "left_out": list(done.left_out),
        "before": done.before,
    }
