"""The command ``show``: a dataset's contract, what readers get of it, and how far to trust a fresh figure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import NotPublishedError
from configs.hints import command
from configs.history_contract import SUFFIX
from configs.words import as_line, plural
from flows.cli.output import print_json, say, table
from flows.cli.stores import open_at, open_if_any, split_target
from tasks.common.clock import to_minute
from tasks.publish.caveats import words
from tasks.publish.wording import changes_words, quality_words
from tasks.quality.results import read_results
from tasks.read.headlines import Figure, newest, revisions
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, reader
from tasks.warehouse.hold_words import became, because, confirmable, ending, stopped
from tasks.warehouse.records import Manifest, as_plain

UNPUBLISHED = {
    "rejected": "REJECTED by the quality gate, never published",
    "held": "HELD until confirmed, not published",
    "no longer held": "NO LONGER HELD, never published itself",
    "not published": "SEALED, but never published",
    "abandoned": "GIVEN UP before it was checked; it has no figures",
}
REVISED = ("series", "age", "figures", "revised", "mean", "mean size", "upward")


@dataclass(frozen=True)
class _Shown:
    """A version, its newest figures, and those that readers get where these are not the same version."""

    sealed: reader.Sealed
    figures: list[Figure]
    served: list[Figure]

    @property
    def served_version(self) -> str | None:
        return self.sealed.latest.version if self.sealed.latest else None


def show(target: str, url: str | None, as_json: bool) -> None:
    """Prints the contract of a dataset, and what there is to know of a version, published or not.

    Raises:
        NotPublishedError: there is no such version.
    """
    name, version = split_target(target)
    contract, store = load_contract(name), open_at(url) if version else open_if_any(url)
    sealed = _sealed(store, name, version)
    shown = _shown(store, contract, sealed) if sealed else None
    if as_json:
        print_json(_plain(store, contract, shown))
        return
    _print_contract(contract)
    if shown is None:
        words = reader.not_published(store, name)
        say(f"\n{words[0].upper()}{words[1:]}")
        return
    _print_version(store, shown)
    _print_figures(shown)
    _print_revisions(store, contract, shown)


def _sealed(store: ObjectStore, name: str, version: str | None) -> reader.Sealed | None:
    """The version that is named, or what readers get; None if nothing is published."""
    try:
        return reader.sealed(store, name, version or reader.latest_version(store, name))
    except NotPublishedError:
        if version is None:
            return None
        raise


def _shown(store: ObjectStore, contract: Contract, sealed: reader.Sealed) -> _Shown:
    has_figures = sealed.state != "abandoned" and sealed.retired is None
    figures = _newest(store, contract, sealed.manifest) if has_figures else []
    if sealed.latest is None or (sealed.event is not None and sealed.yank is None):
        return _Shown(sealed, figures, [])
    return _Shown(sealed, figures, _newest(store, contract, reader.resolve(store, contract.name).manifest))


def _newest(store: ObjectStore, contract: Contract, manifest: Manifest) -> list[Figure]:
    """The newest figures of a version; from its last partition, if that has them all."""
    data = [f for f in manifest.files if f.rows is not None]
    if contract.partition_by == contract.period and len(data) > 1:
        found = newest(contract, reader.scan(store, manifest.model_copy(update={"files": (data[-1],)}), contract))
        if len(found) == len(contract.headlines):
            return found
    return newest(contract, reader.scan(store, manifest, contract))


def _plain(store: ObjectStore, contract: Contract, shown: _Shown | None) -> dict[str, Any]:
    sealed = shown.sealed if shown else None
    has_checks = sealed is not None and sealed.state != "abandoned"
    return {
        "contract": contract.model_dump(mode="json"),
        "manifest": as_plain(sealed.manifest) if sealed else None,
        "yanked": as_plain(sealed.yank) if sealed and sealed.yank else None,
        "quality": read_results(store, sealed.manifest).to_dicts() if sealed and has_checks else None,
        "state": sealed.state if sealed else "not published",
        "hold": as_plain(sealed.hold) if sealed and sealed.hold else None,
        "data_deleted": as_plain(sealed.retired) if sealed and sealed.retired else None,
        "readers_get": shown.served_version if shown else None,
        "newest": [asdict(f) | {"headline": f.headline.title} for f in shown.figures] if shown else [],
    }


def _print_contract(c: Contract) -> None:
    say(f"{c.name}: {c.title}\n\n{c.description}\n")
    for label, value in (
        ("grain", c.grain),
        ("primary key", ", ".join(c.primary_key)),
        ("an absent row means", c.absent_row_means),
        ("cadence", c.cadence),
        ("revised", c.revision_window),
        ("licence", c.licence),
        ("citation", c.citation),
        ("owner", c.owner),
        ("schema version", c.schema_version),
    ):
        say(str(value), first=f"{label:<20}", rest=" " * 20)
    print()
    for column in c.columns:
        null = ", can be null" if column.nullable else ""
        say(f"{column.name} ({column.type}, {column.unit}{null})")
        say(column.description, first="    ")
        if column.basis:
            say(f"basis: {column.basis}", first="    ")
        if column.publisher_name:
            say(f"publisher's name: {column.publisher_name}", first="    ")
    print()
    for note in c.notes:
        say(f"note: {note}")
    for bias in c.biases:
        say(f"{bias.kind}: {words(bias)}")


def _print_version(store: ObjectStore, shown: _Shown) -> None:
    sealed, m = shown.sealed, shown.sealed.manifest
    never = UNPUBLISHED.get(sealed.state)
    say(f"\n{m.dataset}@{m.version}{f': {never}' if never else ''}")
    if never:
        _print_instead(shown)
    if sealed.state == "abandoned":
        return
    if yank := sealed.yank:
        say(f"YANKED at {yank.at}: {as_line(yank.reason)}" + (f"; use {yank.replaced_by}" if yank.replaced_by else ""))
    if sealed.retired:
        say(f"its data files were deleted at {sealed.retired.at}: {as_line(sealed.retired.why)}")
    if m.override:
        told = f"PROMOTED from {m.override.rejected}, which the quality gate {stopped(m.quality)}, by {m.override.by}"
        say(f"{told}: {as_line(m.override.reason)}")
    if m.breaking_note:
        say(f"since schema {m.schema_version.partition('.')[0]}: {m.breaking_note}")
    told = f"vintage {m.vintage}, {plural(m.rows, 'row')}, parent {m.parent or 'none'}"
    say(f"{told}, made {m.created_at} by {m.code_version}")
    say(f"changes: {changes_words(m.changes)}")
    say(f"quality: {quality_words(m.quality)}")
    for row in read_results(store, m).filter(pl.col("outcome") == "failed").iter_rows(named=True):
        told = f"failed: {row['title']}: expected {row['expected']}; observed {row['observed']}"
        say(f"  {row['severity']}: {told}" + (f"; {row['exemption']}" if row["exemption"] else ""))
        for failing in row["failing_rows"][:3]:
            say(failing, first="      ", rest=" " * 10)
    for source in m.sources:
        say(
            f"source: {source.url} ({plural(source.bytes, 'byte')}, sha256 {source.sha256[:12]}, {source.retrieved_at})"
        )
    c = m.cost
    if c.requests:
        took = f"{plural(c.reused, 'answer')} reused from the version before, {c.resumed} from a run that was cut off"
        say(f"asked for: {plural(c.requests, 'request')}, {plural(c.bytes, 'byte')}; {took}")
    say("files:")
    for f in m.files:
        say(f"{store.uri(layout.version(m.dataset, m.version, f.path))} ({plural(f.bytes, 'byte')})", first="  ")


def _print_instead(shown: _Shown) -> None:
    """What readers get instead of a version that was never published, and how to compare the two."""
    sealed, m = shown.sealed, shown.sealed.manifest
    if hold := sealed.hold:
        ended = f"; {confirmable(hold)}" if sealed.state == "held" else f"; {became(hold)}: {ending(hold)}"
        say(f"Held since {to_minute(hold.since)}, because {because(hold)}{ended}")
    if sealed.latest is None:
        say("Readers get nothing: no version was published yet.")
        return
    if sealed.promoted:
        say(f"Promoted since, as {sealed.promoted.version}, by {sealed.promoted.by}: {as_line(sealed.promoted.reason)}")
    say(f"Readers get {m.dataset}@{sealed.latest.version} instead.")
    if sealed.state != "abandoned":
        say(f"What it would have changed: {command('diff', m.dataset, m.version)}")


def _print_figures(shown: _Shown) -> None:
    """The newest figures; beside those of a version that readers do not get, what they get instead."""
    if not shown.figures:
        return
    units = ", ".join(dict.fromkeys(f.unit for f in shown.figures))
    sealed, name = shown.sealed, shown.sealed.manifest.dataset
    if sealed.event is not None and sealed.yank is None:
        say(f"\nnewest figures, in {units}:")
        for figure in shown.figures:
            say(figure.words, first="  ")
        return
    instead = f"readers get {name}@{shown.served_version} instead" if shown.served_version else "readers get nothing"
    say(f"\nnewest figures, in {units}; those of this version are {sealed.state.upper()}, {instead}:")
    served = {f.headline.title: f for f in shown.served}
    rows = [(f.series, _dated(f), _dated(served.get(f.headline.title))) for f in shown.figures]
    table(("series", sealed.state, "readers get"), rows, right=(sealed.state, "readers get"))


def _dated(figure: Figure | None) -> str:
    return f"{figure.period}: {figure.value:,.0f}" if figure else ""


def _print_revisions(store: ObjectStore, contract: Contract, shown: _Shown) -> None:
    """How far figures of the same series, at an age, were from what they are now."""
    if not contract.has_history:
        return
    try:
        history = reader.resolve(store, contract.name + SUFFIX).manifest
        served = reader.resolve(store, contract.name).manifest
    except NotPublishedError:
        return
    spans, rows = reader.scan(store, history), reader.scan(store, served)
    told = [
        (figure.series if n == 0 else "", *_revised(row))
        for figure in shown.figures
        for n, row in enumerate(revisions(contract, figure.headline, spans, rows).iter_rows(named=True))
    ]
    if told:
        name = f"{history.dataset}@{history.version}"
        say(f"\nhow far figures of the same series were revised, by their age in months ({name}):")
        table(REVISED, told, right=REVISED[2:], text={"series": 24}, spare=("upward", "mean size"))


def _revised(row: dict[str, Any]) -> tuple[str, ...]:
    mean, size, upward = row["mean_revision"], row["mean_absolute_revision"], row["upward_share"]
    return (
        row["age"],
        f"{row['observations']:,}",
        f"{row['revised_share']:.0%}",
        "" if mean is None else f"{mean:+.2%}",
        "" if size is None else f"{size:.2%}",
        "" if upward is None else f"{upward:.0%}",
    )
