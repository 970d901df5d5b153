"""``techtrade diff``: what differs between two versions or vintages, and what an unpublished one would change."""

from __future__ import annotations

from configs.claims import claims_of
from configs.errors import UsageError
from configs.hints import command
from flows.cli.output import print_json, say
from flows.cli.read import warn_of
from flows.cli.stores import open_at, split_target
from flows.prefect_setup.remarks import remark
from tasks.common.clock import to_minute
from tasks.compare import report
from tasks.read.rows import retired_words
from tasks.read.version_diff import Difference, Side, difference, sides
from tasks.warehouse.hold_words import became

NEVER = {
    "rejected": "rejected by the quality gate, never published",
    "held": "held until confirmed, not published",
    "not published": "sealed, never published",
}


def diff(target: str, old: str | None, new: str | None, url: str | None, as_json: bool) -> None:
    """Prints the difference as a page, or as JSON.

    Raises:
        UsageError: more than two states are named, or there is nothing to compare with.
        NotPublishedError: a version or a vintage does not exist.
    """
    name, version = split_target(target)
    named = [n for n in (version, old, new) if n is not None]
    if len(named) > 2:
        raise UsageError(f"diff compares two: leave out one of {', '.join(named)}")
    store = open_at(url)
    older, newer = sides(store, name, *named)
    for side in (older, newer):
        if side.resolved:
            warn_of(side.resolved)
    found = difference(store, older, newer, name)
    for side in (older, newer):
        if side.resolved and side.resolved.retired:
            remark(f"{retired_words(side.resolved)}; made again from its raw inputs, the same to the last digit")
    if as_json:
        print_json(_plain(found))
    else:
        say(_page(found).rstrip("\n"))


def _plain(found: Difference) -> dict[str, object]:
    return {
        "dataset": found.contract.name,
        "old": found.older.name,
        "new": found.newer.name,
        "old_vintage": found.older.vintage,
        "new_vintage": found.newer.vintage,
        "old_state": found.older.state,
        "new_state": found.newer.state,
        "counts": found.counts.model_dump() | {"causes_of_removed": found.gone},
        "changes": found.changes.to_dicts(),
    }


def _page(found: Difference) -> str:
    old, new = (
        report.Side(side.name, side.vintage, rows)
        for side, rows in zip((found.older, found.newer), found.rows, strict=True)
    )
    would = found.newer.kind == "unpublished"
    return report.render_changes_md(
        found.contract,
        old,
        new,
        found.changes.lazy(),
        found.whole,
        claims_of(found.contract.name),
        found.log,
        title=_title(found),
        columns=("is", "would be") if would else ("was", "is"),
    )


def _title(found: Difference) -> str:
    """Which is which, and what became of a version that was never published."""
    name, older, newer = found.contract.name, found.older, found.newer
    if newer.kind != "unpublished":
        head = f"# {name}: from {older.name} to {newer.name}"
        return f"{head}\n\nolder: {_told(older)}\nnewer: {_told(newer)}"
    head = f"# {name}: what {newer.name} would have changed"
    first = "readers get" if older.is_latest else "older"
    lines = [head, "", f"{first}: {_told(older)}", f"{newer.state}: {_told(newer)}"]
    sealed = newer.sealed
    if sealed and sealed.promoted:
        lines.append(f"promoted since, as {sealed.promoted.version}, by {sealed.promoted.by}")
    parent = sealed.manifest.parent if sealed else None
    if parent and parent != older.name:
        lines.append(f"{newer.name} was made after {parent}: {command('diff', name, parent, newer.name)}")
    return "\n".join(lines)


def _told(side: Side) -> str:
    if side.kind == "vintage":
        return f"vintage {side.vintage}, the publisher's, from before our first version"
    told = f"{side.name}, vintage {side.vintage}"
    if side.event:
        at = to_minute(side.event.at)
        return f"{told}, published {at}{', what readers get' if side.is_latest else ''}"
    hold = side.sealed.hold if side.sealed else None
    never = NEVER.get(side.state, side.state)
    return f"{told}, {became(hold) if hold and side.state != 'held' else never}"
