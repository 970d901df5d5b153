"""The commands that look at what there is: datasets, vintages, versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from configs.contracts import load_contract, published_names
from configs.errors import ConfigError, NotPublishedError, StoreError
from configs.first_publish import start_words
from configs.history_contract import base_of
from flows.cli.output import print_json, table
from flows.cli.stores import open_at, open_if_any
from flows.prefect_setup.remarks import remark
from tasks.build.history.timeline import official_vintages
from tasks.common.clock import to_minute
from tasks.common.text import one_line
from tasks.extract.bundled.index import bundled_vintages
from tasks.monitor.freshness import not_known
from tasks.publish.wording import quality_words
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import protocol as store_versions
from tasks.warehouse import reader
from tasks.warehouse.hold_words import became, because


def datasets(url: str | None, as_json: bool, all_: bool = False) -> int:
    """Print every dataset, and what readers of latest get of it; a history in its dataset's row, unless ``all_``.

    Returns:
        The exit code: 1 if one is damaged or cannot be read; the others are listed all the same.
    """
    store = open_if_any(url)
    found: list[dict[str, Any]] = []
    for name in published_names():
        told = _published(store, name)
        try:
            contract = load_contract(name)
            found.append({"dataset": name, "title": contract.title} | told | {"licence": contract.licence})
        except ConfigError as e:
            wrong = {"state": "not known", "problem": one_line(e)}
            found.append({"dataset": name, "title": ""} | told | wrong | {"licence": ""})
    if as_json:
        print_json(found)
    else:
        _print_datasets(found, all_)
    for d in found:
        if d["problem"]:
            remark(f"error: {d['problem']}")
    return 1 if any(d["problem"] for d in found) else 0


def _print_datasets(found: Sequence[Mapping[str, Any]], all_: bool) -> None:
    histories = {base: d for d in found if (base := base_of(d["dataset"]))}
    rows = [
        (
            d["dataset"],
            d["state"] if d["problem"] else d["version"] or "not published",
            d["vintage"] or "",
            f"{d['rows']:,}" if d["rows"] else "",
            _history(histories.get(d["dataset"])),
            d["title"],
        )
        for d in found
        if all_ or not base_of(d["dataset"])
    ]
    columns = ("dataset", "version", "vintage", "rows", "history", "title")
    table(columns, rows, right=("rows",), text={"title": 70}, below=("title",), spare=("history", "rows"))
    if not all_ and histories:
        remark("(histories are in the rows of their datasets; --all lists them)")


def _history(history: Mapping[str, Any] | None) -> str:
    if history is None:
        return ""
    return {"published": "yes", "not published": "no"}.get(history["state"], str(history["state"]))


def _published(store: ObjectStore, name: str) -> dict[str, Any]:
    """What readers of latest get. What is wrong with one dataset does not keep the others from being listed."""
    told: dict[str, Any] = dict.fromkeys(("version", "vintage", "rows", "published_at"))
    try:
        latest, _ = store_versions.read_latest(store, name)
        if latest is None:
            return told | {"state": "not published", "problem": None}
        told |= {"version": latest.version, "published_at": latest.published_at}
        manifest = reader.resolve(store, name).manifest
    except reader.DAMAGED as e:
        return told | {"state": "corrupt", "problem": str(e)}
    except StoreError as e:
        return told | {"state": "not known", "problem": not_known(store, name, e).words}
    return told | {"vintage": manifest.vintage, "rows": manifest.rows, "state": "published", "problem": None}


def vintages(name: str, url: str | None, as_json: bool) -> None:
    bundled = list(bundled_vintages(name))
    store = open_at(url)
    latest, _ = store_versions.read_latest(store, name)
    published: dict[str, list[str]] = {}
    for entry in latest.published if latest else []:
        published.setdefault(entry.vintage, []).append(entry.version)
    older: list[str] = []
    told: set[str] = set()
    with suppress(NotPublishedError):
        sources = reader.resolve(store, f"{name}_history").manifest.sources
        older = official_vintages(sources)
        told = {s.role.removeprefix("version/") for s in sources}
    yanked = latest.yanked if latest else set()
    found = [
        {
            "vintage": v,
            "bundled": v in bundled,
            "versions": published.get(v, []),
            "yanked": [version for version in published.get(v, []) if version in yanked],
            "in_history": v in older or any(version in told for version in published.get(v, [])),
        }
        for v in sorted({*bundled, *published, *older})
    ]
    if as_json:
        print_json(found)
        return
    yes = {True: "yes", False: ""}
    rows = [
        (
            str(f["vintage"]),
            yes[bool(f["bundled"])],
            ", ".join(f"{v} (yanked)" if v in yanked else v for v in published.get(str(f["vintage"]), [])),
            yes[bool(f["in_history"])],
        )
        for f in found
    ]
    columns = ("vintage", "bundled", "published as", "in the history")
    table(columns, rows, text={"published as": len("2026-01-31.0001")}, spare=("bundled",))


def versions(name: str, url: str | None, as_json: bool) -> None:
    load_contract(name)
    listed = reader.list_versions(open_at(url), name, unpublished=True)
    if as_json:
        print_json([_listed_plain(v) for v in listed])
        return
    if not listed:
        remark(f"{name}: nothing was published yet; {start_words(name, url)}")
        return
    columns = (
        "version", "state", "vintage", "rows", "new", "revised", "gone", "cells revised", "relabelled", "quality",
        "checks", "note",
    )  # fmt: skip
    table(
        columns,
        [_listed_cells(v) for v in listed],
        right=columns[3:9],
        below=("note",),
        spare=("checks", "relabelled", "cells revised", "quality", "gone"),
    )
    for v in listed:
        if v.problem:
            remark(f"error: {v.problem}")


def _listed_cells(v: reader.Listed) -> tuple[str, ...]:
    m, note = v.manifest, f"yanked: {v.yank.reason}" if v.yank else ""
    if v.hold:
        since = f"since {to_minute(v.hold.since)}, because {because(v.hold)}"
        note = since if v.state == "held" else became(v.hold)
    if v.retired and v.event is None:
        note += "; " * bool(note) + f"data deleted {v.retired.at[:10]}: {v.retired.why}"
    if m is None:
        return (v.version, v.state, _vintage(v), *[""] * 8, note)
    if m.override:
        note += "; " * bool(note) + f"promoted from {m.override.rejected} by {m.override.by}: {m.override.reason}"
    rows, cells = m.changes.rows, m.changes.cells
    counts = (m.rows, *(rows.get(kind, 0) for kind in ("new", "revised", "removed")))
    counts = (*counts, cells.get("revised", 0), cells.get("relabelled", 0))
    failed = m.quality.model_copy(update={"passed": 0, "not_applicable": 0})
    wrong = quality_words(failed).removeprefix("0 passed").removeprefix(", ")
    return (
        v.version, v.state, _vintage(v), *(f"{n:,}" for n in counts), wrong or "passed", quality_words(m.quality), note,
    )  # fmt: skip


def _vintage(v: reader.Listed) -> str:
    return v.manifest.vintage if v.manifest else v.event.vintage if v.event else ""


def _listed_plain(v: reader.Listed) -> dict[str, Any]:
    m = v.manifest
    return {
        "version": v.version,
        "state": v.state,
        "problem": v.problem or None,
        "vintage": _vintage(v),
        "parent": m.parent if m else None,
        "rows": m.rows if m else None,
        "published_at": v.event.at if v.event else None,
        "content_sha256": m.content_sha256 if m else None,
        "changes": m.changes.model_dump() if m else None,
        "quality": m.quality.model_dump() if m else None,
        "override": m.override.model_dump() if m and m.override else None,
        "hold": v.hold.model_dump(mode="json") if v.hold else None,
        "data_deleted": v.retired.model_dump() if v.retired else None,
        "yanked": {"reason": v.yank.reason, "replaced_by": v.yank.replaced_by, "at": v.yank.at} if v.yank else None,
    }
