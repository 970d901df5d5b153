"""``techtrade redate``: corrects the stamps that a wrong clock gave to events of a log."""

from __future__ import annotations

from datetime import datetime

from configs.contracts import load_contract
from configs.errors import UsageError
from configs.words import plural
from flows.cli.output import print_json, say
from flows.cli.stores import open_at
from tasks.common.clock import moment, utc_now
from tasks.publish.after import refresh_feeds
from tasks.warehouse import catalog, ledger
from tasks.warehouse.records import as_plain
from tasks.warehouse.upkeep import redate as redate_


def redate(
    name: str, reason: str, by: str, stated: tuple[str, ...], dry_run: bool, url: str | None, as_json: bool
) -> None:
    """Correct the log of a dataset, or print what would be corrected.

    Args:
        stated: ``SEQ=TIME`` each: the true time of an event that the store does not know.

    Raises:
        UsageError: one of these makes no sense.
        RedateRefusedError: there is nothing to correct, or a true time is not known.
    """
    contract, store = load_contract(name), open_at(url)
    plan = redate_.plan(store, name, utc_now(), dict(map(_stated, stated)))
    if not as_json:
        for one in plan.corrections:
            print(one.line())
    if dry_run:
        if as_json:
            print_json(
                [{"seq": c.entry.seq, "was": c.entry.at, "to": c.to, "from": c.evidence} for c in plan.corrections]
            )
        else:
            say("nothing was changed (--dry-run)")
        return
    latest = redate_.execute(store, plan, reason, by)
    catalog.refresh_catalog(store, contract)
    ledger.copy_new(store, name)
    refresh_feeds(store, contract)
    if as_json:
        print_json(as_plain(latest))
    else:
        say(f"{name}: {plural(len(plan.corrections), 'stamp')} corrected; the old ones stay in the log as 'stamped'")


def _stated(text: str) -> tuple[int, datetime]:
    seq, _, at = text.partition("=")
    try:
        return int(seq), moment(at)
    except ValueError as e:
        told = "write the number of the event and its true time (UTC), as in 12=2026-11-28T09:30"
        raise UsageError(f"--at {text!r}: {told}") from e
