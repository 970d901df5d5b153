"""The commands about what was: ``history``, ``replay``, ``claims``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from configs.claims import Claim, load_claims
from configs.contract import Column, Contract, load_contract
from configs.errors import NotPublishedError, UsageError
from configs.history import CAUSES, SUFFIX, base_of
from flows.inspect_commands import open_at, split_target
from flows.output import print_json, progress, remark, table
from flows.read_commands import of_vintage, rows_of
from tasks import history, history_states, replay
from tasks.claims import Finding, judge_claim
from tasks.starting import start_words
from tasks.store import reader
from tasks.store.objects import ObjectStore
from tasks.store.raw import RawArchive

SHOWN = 200
COLUMNS = ("value", "vintage_from", "vintage_until", "version_from", "given_from", "given_until", "cause")


def spans(name: str, where: tuple[str, ...], url: str | None, as_json: bool) -> None:
    """What figures were, from when until when, and why they changed.

    Raises:
        UsageError: a condition is not of the form column=value, or names no column of the key.
        NotPublishedError: there is no history yet.
    """
    base = load_contract(base_of(name) or name)
    if not base.has_history:
        raise UsageError(f"{base.name} has no history: it is made from histories, and is what they come to now")
    contract, store = load_contract(base.name + SUFFIX), open_at(url)
    reader.resolve(store, base.name)
    try:
        made = reader.resolve(store, contract.name).manifest
    except NotPublishedError as e:
        raise NotPublishedError(
            f"{base.name}: its history is not made yet; {start_words(contract.name, store.url)}"
        ) from e
    frame = reader.scan(store, made)
    frame = frame.filter(*_conditions(contract, where))
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
    told = shown.with_columns(pl.coalesce(pl.col("value").map_elements(_number, pl.String), "text").alias("value"))
    rows = [tuple("" if r[c] is None else str(r[c])[:26] for c in columns) for r in told.iter_rows(named=True)]
    table(tuple(columns), rows, right=("value",))
    if found.height > SHOWN:
        remark(f"... and {found.height - SHOWN:,} more spans; name more of the key, or --json")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.6g}"


def _conditions(contract: Contract, where: tuple[str, ...]) -> list[pl.Expr]:
    """COLUMN=VALUE for columns of the key, and for the cause."""
    known = [*(c for c in contract.primary_key if c not in ("vintage_from", "seq_from")), "cause"]
    found: dict[str, pl.Expr] = {}
    for text in where:
        column, is_, value = text.partition("=")
        if not is_ or column not in known:
            raise UsageError(f"{text!r} is no condition; give COLUMN=VALUE with one of: {', '.join(known)}")
        if column in found:
            raise UsageError(f"{column} is named twice; one value a column")
        if column == "cause":
            _one_of(column, value, CAUSES)
            found[column] = pl.col(column).str.split("+").list.contains(value)
            continue
        found[column] = pl.col(column).eq(_typed(contract.column(column), value))
    return list(found.values())


def _typed(column: Column, value: str) -> object:
    try:
        if column.type == "date":  # a month will do
            return date.fromisoformat(f"{value}-01" if len(value) == len("YYYY-MM") else value)
        typed: object = int(value) if column.type in ("int32", "int64") else value
    except ValueError as e:
        raise UsageError(f"{column.name}={value}: {value!r} is no {column.type}") from e
    if column.type == "boolean":
        return _one_of(column.name, value, ("true", "false")) == "true"
    return _one_of(column.name, typed, column.allowed) if column.allowed else typed


def _one_of(column: str, value: object, known: Sequence[object]) -> object:
    if value not in known:
        raise UsageError(f"{column}={value}: it is one of: {', '.join(map(str, known))}")
    return value


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
        frames = replay.FromRaw(archive, base, Path(place), reader.scan(store, published))
        with progress(f"making {contract.name} from the raw archive"):
            built = history.make(store, contract, given, None, Path(place), frames)
    same = built.content_sha256 == published.content_sha256
    told = {"dataset": contract.name, "version": published.version, "same": same, "rows": built.rows}
    if as_json:
        print_json(told | {"from_raw": frames.made, "as_sealed": frames.sealed, "as_told": frames.told})
    else:
        for version, why in frames.sealed.items():
            remark(f"{base.name}@{version}: its sealed files were taken: {why}")
        for version, why in frames.told.items():
            remark(f"{base.name}@{version}: not compared: its data files were let go, and {why}")
        left = f", but for {len(frames.told)} versions that could not be compared" if frames.told else ""
        how = f"the same{left}" if same else "not the same"
        print(f"{contract.name}@{published.version}: {built.rows:,} spans from the raw archive, {how}")
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


def claims(name: str | None, url: str | None, as_json: bool) -> None:
    """What is said in public of the figures, held against every vintage: those that were published, and older ones."""
    if name is not None:
        load_contract(name)
    store = open_at(url)
    found = [f for claim in load_claims() if name in (None, claim.dataset) for f in _in_every_vintage(store, claim)]
    if as_json:
        print_json([asdict(f) for f in found])
        return
    if not found:
        remark(f"no claim is about {name}" if name else "nothing that a claim is about is published yet")
        return
    for number, claim in enumerate(dict.fromkeys(f.claim for f in found)):
        within = f"holds within {claim.tolerance_pct:g} %, by the figure alone"
        print(f"{chr(10) * bool(number)}{claim.claim}: {claim.statement}")
        print(f"claimed {claim.claimed_usd / 1e9:,.0f} billion $, {claim.dataset}; {within}")
        rows = [
            (f.vintage or "", f"{f.figure_usd / 1e9:,.3f}" if f.figure_usd is not None else "", f.verdict)
            for f in found
            if f.claim == claim
        ]
        table(("vintage", "figure, billion $", "verdict"), rows, right=("figure, billion $",))


def _in_every_vintage(store: ObjectStore, claim: Claim) -> list[Finding]:
    """The verdict in each vintage of the claim's dataset, oldest first, as far as it is published or archived."""
    try:
        latest = reader.resolve(store, claim.dataset).latest
    except NotPublishedError:
        return []
    older: list[str] = []
    with suppress(NotPublishedError):
        archived = reader.resolve(store, claim.dataset + SUFFIX).manifest
        older = history_states.official_vintages(archived.sources)
    published = sorted({e.vintage for e in latest.published if e.version not in latest.yanked})
    told = []
    for vintage in [*(v for v in older if v not in published), *published]:
        with suppress(NotPublishedError):  # its data were let go, and cannot be made again
            of = of_vintage(store, claim.dataset, vintage)
            rows = of.rows if of.found is None else rows_of(store, of.found, quiet=True)
            if rows is not None:
                told.append(replace(judge_claim(claim, rows.lazy(), vintage), vintage=vintage))
    return told
