"""``techtrade held``: the candidates that wait until they are confirmed: since when, why, and how to go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from configs.contracts import load_contract, published_names
from configs.errors import StoreError
from configs.hints import command
from configs.words import plural
from flows.cli.output import print_json, say, table
from flows.cli.stores import open_at
from flows.prefect_setup.remarks import remark
from tasks.common.clock import to_minute, utc_now
from tasks.common.text import figure, one_line
from tasks.monitor.freshness import not_known
from tasks.read.held_cells import UNREADABLE, HeldCell, held_cells
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import holds
from tasks.warehouse.hold_words import age, became, because, confirmable, ending
from tasks.warehouse.holds import Hold
from tasks.warehouse.protocol import read_latest
from tasks.warehouse.reader import open_hold
from tasks.warehouse.records import as_plain

SHOWN = 12


@dataclass(frozen=True)
class _Found:
    """A held candidate. ``served``: the version that readers get. ``cells``: None where they are not recorded;
    ``problem``: why they cannot be read."""

    dataset: str
    hold: Hold
    served: str | None
    cells: tuple[HeldCell, ...] | None
    problem: str = ""

    @property
    def name(self) -> str:
        return f"{self.dataset}@{self.hold.version}"

    def promote(self, store: ObjectStore) -> str:
        return command("promote", self.name, "--reason", "REASON", "--by", "PERSON", store=store.url)


def held(name: str | None, url: str | None, as_json: bool, all_: bool) -> int:
    """Print the candidates that are held of a dataset, or of all; with ``all_`` also those that were.

    Returns:
        The exit code: 1 if the holds of a dataset cannot be read; that something is held is no error.
    """
    chosen = [load_contract(name).name] if name else published_names()
    store, now = open_at(url), utc_now()
    found: list[_Found] = []
    problems: list[str] = []
    for dataset in chosen:
        try:
            found += _of(store, dataset, all_)
        except StoreError as e:
            problems.append(not_known(store, dataset, e).words)
    if as_json:
        print_json([_plain(store, f) for f in found])
    else:
        for number, one in enumerate(found):
            print("\n" if number else "", end="")
            _print(store, one, now)
        if not found and not problems:
            print("nothing is held" if not all_ else "nothing is held, nor was")
    for problem in problems:
        remark(f"error: {problem}")
    return 1 if problems else 0


def _of(store: ObjectStore, dataset: str, all_: bool) -> list[_Found]:
    """The held candidates of a dataset, the newest first."""
    document = holds.read(store, dataset)
    if not document.holds:
        return []
    latest, _ = read_latest(store, dataset)
    now, served = open_hold(store, dataset, latest), latest.version if latest else None
    wanted = [h for h in reversed(document.holds) if all_ or (now and h.version == now.version)]
    found = []
    for hold in wanted:
        try:
            found.append(_Found(dataset, hold, served, held_cells(store, dataset, hold.version)))
        except UNREADABLE as e:
            found.append(_Found(dataset, hold, served, None, one_line(e)))
    return found


def _plain(store: ObjectStore, found: _Found) -> dict[str, Any]:
    hold, cells = found.hold, found.cells
    told = {"dataset": found.dataset, "state": "no longer held" if hold.ended else "held"} | as_plain(hold)
    return told | {
        "readers_get": found.served,
        "figures": None if cells is None else [asdict(c) for c in cells],
        "problem": found.problem or None,
        "promote": None if hold.ended else found.promote(store),
    }


def _print(store: ObjectStore, found: _Found, now: datetime) -> None:
    hold = found.hold
    say(f"{found.name}, vintage {hold.vintage}: {became(hold) if hold.ended else 'held until confirmed'}")
    readers = f"{found.dataset}@{found.served}" if found.served else "nothing: no version was published yet"
    ended = f"{to_minute(hold.ended_at)}, {ending(hold)}" if hold.ended else ""
    for label, value in (
        ("since", to_minute(hold.since) if ended else f"{to_minute(hold.since)} ({age(hold, now)})"),
        ("ended", ended),
        ("because", because(hold)),
        ("checks", ", ".join(hold.checks)),
        ("figures", "" if ended else _unconfirmed(found)),
        ("confirmation", "" if ended else confirmable(hold)),
        ("readers get", readers),
    ):
        if value:
            say(value, first=f"    {label:<14}", rest=" " * 18)
    if found.problem:
        say(f"its figures cannot be shown: {found.problem}", first="    ")
    _print_cells(found.cells or (), waits=not ended)
    if not ended:
        say("If the figures are right, publish them; else wait, the next run asks the publisher again:", first="    ")
        say(found.promote(store), first="      ", rest="      ")
    say(f"Evidence: {command('quality', found.name, store=store.url)}", first="    ", rest="      ")


def _print_cells(cells: Sequence[HeldCell], waits: bool) -> None:
    """Print the figures, unconfirmed ones first, a row for each check that they tripped. One reason why none of them is
    confirmed is printed once."""
    if not cells:
        return
    print()
    first = sorted(cells, key=lambda c: bool(c.confirmed_by))
    rows = [(c.words, _figure(c.value_usd), _figure(c.expected_usd), c.check_id, _by(c), c.why) for c in first[:SHOWN]]
    columns = ("figure", "US dollars", "expected", "check", "confirmed by", "why not")
    reasons = {(_by(c), c.why) for c in cells}
    shown = len(columns) if len(reasons) > 1 else columns.index("confirmed by")
    right, below = ("US dollars", "expected"), ("why not",)
    table(columns[:shown], [r[:shown] for r in rows], right=right, text={"figure": 20}, below=below, spare=("check",))
    if len(cells) > SHOWN:
        print(f"and {plural(len(cells) - SHOWN, 'more row')}; all of them with --json")
    if len(reasons) == 1 and waits:
        ((by, why),) = reasons
        say(f"confirmed by: {by}{f' ({why})' if why else ''}")
    print()


def _unconfirmed(found: _Found) -> str:
    """A figure that trips several checks is one figure."""
    if found.cells is None:
        return f"{found.hold.cells:,} not confirmed" if found.hold.cells else ""
    return f"{len({c.key for c in found.cells if not c.confirmed_by}):,} not confirmed"


def _by(cell: HeldCell) -> str:
    return cell.confirmed_by or ("contradicted" if cell.state == "contradicted" else "none yet")


def _figure(value: float | None) -> str:
    return "" if value is None else figure(value)
