"""``techtrade restore``: a lost store again, from a copy of its raw archive."""

from __future__ import annotations

from typing import Any

from configs.contract import load_contract
from configs.errors import TechtradeError, UsageError
from flows.announcing import announce
from flows.inspect_commands import open_at
from flows.output import one_line, print_json, remark
from flows.runtime import prepare
from tasks import restore as restore_
from tasks.store import derived, ledger, yank
from tasks.store.objects import ObjectStore


def restore(datasets: tuple[str, ...], copy: str, url: str | None, as_json: bool) -> int:
    """Restores DATASETS, or all that the copy has. One that cannot be does not hold up the others.

    Returns:
        The exit code: 1 if one could not be restored.
    """
    prepare()
    source, store = open_at(copy), open_at(url)
    names = list(datasets) or ledger.datasets(source)
    if not names:
        raise UsageError(
            f"{source.url} has no _ledger/, so there is nothing to restore from; name the copy with --from"
        )
    told = [_one(source, store, name, as_json) for name in names]
    if as_json:
        print_json(told)
    return 0 if all("error" not in t for t in told) else 1


def _one(source: ObjectStore, store: ObjectStore, name: str, as_json: bool) -> dict[str, Any]:
    try:
        contract = load_contract(name)
        done = restore_.restore(source, store, contract)
    except TechtradeError as e:
        remark(f"error: {one_line(e)}")
        return {"dataset": name, "error": str(e)}
    yank.settle(store, name)
    derived.refresh_catalog(store, contract)
    ledger.keep(store, name)
    announce(store, contract, None)
    if not as_json:
        how = "stood there already" if done.before else "restored, every content hash as it was"
        print(f"{name}: {len(done.versions)} versions, {done.rows:,} rows, {how}")
    return {"dataset": name, "versions": list(done.versions), "rows": done.rows, "before": done.before}
