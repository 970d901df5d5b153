"""``techtrade restore``: a lost store again, from a copy of its raw archive."""

from __future__ import annotations

from typing import Any

from configs.contracts import load_contract, published_names
from configs.errors import TechtradeError, UsageError
from configs.words import plural
from flows.cli.output import one_line, print_json, remark
from flows.cli.versions import open_at, open_to_write, split_target
from flows.notices import NOTICES
from flows.prefect_setup import secrets
from flows.prefect_setup.defaults import prepare
from tasks.publish import restore as restore_
from tasks.publish.after import RESTORED, after
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import ledger, yank


def restore(
    datasets: tuple[str, ...], copy: str, without: tuple[str, ...], take_over: bool, url: str | None, as_json: bool
) -> int:
    """Restores DATASETS, or all that the copy has. One that cannot be does not hold up the others.

    Args:
        without: ``DATASET@VERSION`` each, not to be restored.

    Returns:
        The exit code: 1 if one could not be restored.

    Raises:
        UsageError: there is nothing to restore from, or what is to be left out is no version.
        RestoreError: the copy is damaged.
    """
    prepare()
    source, store = open_at(copy), open_to_write(url)
    # What is made from others after these.
    order = {name: n for n, name in enumerate(published_names())}
    names = sorted(datasets or ledger.datasets(source), key=lambda name: order.get(name, len(order)))
    if not names:
        raise UsageError(
            f"{source.url} has no _ledger/, so there is nothing to restore from; name the copy: --from URL"
        )
    left_out = _left_out(without, names)
    copied = restore_.copy_raw(source, store)
    remark(f"{plural(copied, 'object')} of the raw archive copied")
    told = [_one(source, store, name, left_out.get(name, []), take_over, as_json) for name in names]
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
        yank.settle(store, name)
    except Exception as e:  # noqa: BLE001 - whatever one dataset meets, the others are restored
        told = one_line(e) if isinstance(e, TechtradeError) else secrets.told(e)
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
