"""The commands about what was: ``history``, ``replay``."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import NotPublishedError, UsageError
from configs.first_publish import start_words
from configs.history_contract import CAUSES, SUFFIX, base_of
from configs.words import plural
from flows.cli.output import print_json, progress, table
from flows.cli.stores import open_at, split_target
from flows.prefect_setup.remarks import remark
from tasks.build import replay
from tasks.build.history import build
from tasks.build.recipe_history import RebuiltVersions
from tasks.common.text import figure
from tasks.raw.archive import RawArchive
from tasks.read.conditions import Condition, parse
from tasks.read.query import Query
from tasks.read.rows import rows_of
from tasks.warehouse import reader

SHOWN = 200
COLUMNS = ("value", "vintage_from", "vintage_until", "version_from", "given_from", "given_until", "cause")


def history(name: str, where: tuple[str, ...], from_raw: bool, url: str | None, as_json: bool) -> int:
    """Show what figures were, or rebuild the history from the raw archive.

    Returns:
        The exit code: 1 if the rebuilt history is another.
    """
    if not from_raw:
        spans(name, where, url, as_json)
        return 0
    if where:
        raise UsageError("--rebuild is of the whole history; leave out the conditions")
    return rebuild(name, url, as_json)


def spans(name: str, where: tuple[str, ...], url: str | None, as_json: bool) -> None:
    """What figures were, from when until when, and why they changed.

    Raises:
        UsageError: a condition makes no sense; see ``tasks.read.conditions``.
        NotPublishedError: there is no history yet.
    """
    base = load_contract(base_of(name) or name)
    if not base.has_history:
        raise UsageError(f"{base.name} has no history: it is made from histories, and is what they come to now")
    contract, store = load_contract(base.name + SUFFIX), open_at(url)
    reader.resolve(store, base.name)
    try:
        made = reader.resolve(store, contract.name)
    except NotPublishedError as e:
        raise NotPublishedError(
            f"{base.name}: its history is not made yet; {start_words(contract.name, store.url)}"
        ) from e
    asked, of_cause = _where(contract, where)
    frame = asked.of(rows_of(store, made, asked)).filter(*of_cause)
    key = [*base.primary_key, "measure"]
    found = frame.sort(*key, "seq_from", "vintage_from").collect()
    if as_json:
        print_json(found.to_dicts())
        return
    if found.is_empty():
        remark(f"{base.name}: no figure of {' '.join(where) or 'any key'} was ever published")
        return
    shown = found.head(SHOWN)
    fixed = [k for k in key if where and found[k].n_unique() == 1]
    if fixed:
        print(", ".join(f"{k} {found[k][0]}" for k in fixed))
    columns = [k for k in key if k not in fixed] + list(COLUMNS)
    told = shown.with_columns(
        pl.coalesce(pl.col("value").map_elements(partial(figure, digits=6), pl.String), "text").alias("value")
    )
    rows = [tuple(_cell(c, r[c]) for c in columns) for r in told.iter_rows(named=True)]
    table(
        tuple(columns),
        rows,
        right=("value",),
        text=dict.fromkeys(("value", *key), 15),
        spare=("given_until", "given_from", "version_from"),
    )
    if found.height > SHOWN:
        more = plural(found.height - SHOWN, "more span")
        remark(f"... and {more}; name more of the key, or --json")


def _cell(column: str, value: object) -> str:
    if value is None:
        return ""
    # To the minute: --json has more.
    return str(value)[:16].replace("T", " ") if column in ("given_from", "given_until") else str(value)


def _where(contract: Contract, where: tuple[str, ...]) -> tuple[Query, list[pl.Expr]]:
    """The conditions as a query, and those on the cause as expressions: a cell with two causes has both."""
    causes = contract.column("cause").model_copy(update={"allowed": CAUSES})
    found = parse(where, [c if c.name != "cause" else causes for c in contract.columns], contract.name)
    of_cause = [c for c in found if c.column.name == "cause"]
    return Query(tuple(c for c in found if c not in of_cause)), [_has_cause(c) for c in of_cause]


def _has_cause(condition: Condition) -> pl.Expr:
    if condition.operator not in ("=", "!="):
        raise UsageError(f"{condition.text!r}: cause takes = or !=; it is one of: {', '.join(CAUSES)}")
    named = [v.first for v in condition.values if v is not None]
    has = pl.col("cause").str.split("+").list.eval(pl.element().is_in(named)).list.any()
    return has if condition.operator == "=" else ~has


def rebuild(name: str, url: str | None, as_json: bool) -> int:
    """Makes a history again from the raw archive, and compares it with the one that is published.

    Returns:
        The exit code: 1 if it is another.
    """
    base = load_contract(base_of(name) or name)
    contract, store = load_contract(base.name + SUFFIX), open_at(url)
    published = reader.resolve(store, contract.name).manifest
    archive = RawArchive(store)
    given = tuple(archive.known(published)[s.role] for s in published.sources)
    with TemporaryDirectory(prefix="techtrade-") as place:
        frames = RebuiltVersions(archive, base, Path(place), reader.scan(store, published), replay.rebuild)
        with progress(f"making {contract.name} from the raw archive"):
            built = build.build_history(store, contract, given, None, Path(place), frames)
    same = built.content_sha256 == published.content_sha256
    told = {"dataset": contract.name, "version": published.version, "same": same, "rows": built.rows}
    if as_json:
        print_json(told | {"from_raw": frames.made, "as_sealed": frames.sealed, "as_told": frames.told})
    else:
        for version, why in frames.sealed.items():
            remark(f"{base.name}@{version}: its sealed files were taken: {why}")
        for version, why in frames.told.items():
            remark(f"{base.name}@{version}: not compared: its data files were let go, and {why}")
        left = f", but for {plural(len(frames.told), 'version')} that could not be compared" if frames.told else ""
        how = f"the same{left}" if same else "not the same"
        print(f"{contract.name}@{published.version}: {plural(built.rows, 'span')} from the raw archive, {how}")
    return 0 if same else 1


def replay_version(target: str, url: str | None, as_json: bool) -> int:
    """Builds a version again from its raw inputs.

    Returns:
        The exit code: 1 if its content is another now.

    Raises:
        ReplayError, SourceError: it cannot be built.
    """
    name, version = split_target(target)
    store = open_at(url)
    manifest = reader.resolve(store, name, version).manifest
    with progress(f"building {name}@{manifest.version} from its raw inputs"):
        found = replay.replay(store, load_contract(name), manifest)
    if as_json:
        print_json(asdict(found) | {"moved": [{"what": w, "how": h} for w, h in found.moved]})
    else:
        print(found.words)
    return 0 if found.same else 1
