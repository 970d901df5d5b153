"""What a changed contract means to readers, and which step of ``schema_version`` it therefore takes.

===== ===========================================================================================================
step  when
===== ===========================================================================================================
major a column is gone (or renamed), or has another type, unit or basis; can be null and could not before; the key,
      the folders of the files or the meaning of an absent row are others
minor a column more; a wider or narrower range or set of values; a column that is never null any more; another order
patch words only
===== ===========================================================================================================

Held twice: by a test, each contract against ``configs/published/<dataset>.json`` (the contract as it was released last,
written by ``make freeze``), and by every run, against the version that readers have now. Of that only breaking changes
are refused, because a wording is no reason to keep figures from readers; and what a manifest of an older version does
not say (bases, nullability) is not held against it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from configs import CONFIGS
from configs.columns import Frozen
from configs.contract import Contract
from configs.contracts import load_contract, published_names
from configs.errors import BreakingChangeError, ConfigError, TechtradeError
from tasks.build.parquet import partition_label
from tasks.warehouse.protocol import Head
from tasks.warehouse.records import Manifest

Step = Literal["major", "minor", "patch"]
PUBLISHED = CONFIGS / "published"
_ORDER: tuple[Step, ...] = ("major", "minor", "patch")
# Where a difference is of which step; whatever else is told of a column is words.
_COLUMN_MAJOR = ("type", "unit", "basis")
_COLUMN_MINOR = ("role", "allowed", "pattern", "minimum", "maximum", "references")


class ShapeColumn(Frozen):
    """A column as readers know it. None: not known."""

    name: str
    type: str
    unit: str
    description: str
    basis: str | None = None
    nullable: bool | None = None
    role: str | None = None
    allowed: tuple[str | int, ...] | None = None
    pattern: str | None = None
    minimum: float | str | None = None
    maximum: float | str | None = None
    references: str | None = None


class PublicSchema(Frozen):
    """What readers build on. ``folders``: the folder key of the data files, empty if there is none. None: not known.
    ``bounds``: whether ranges and sets of values are known."""

    dataset: str
    schema_version: str
    title: str | None = None
    description: str | None = None
    grain: str | None = None
    absent_row_means: str | None = None
    folders: str | None = None
    bounds: bool = True
    columns: tuple[ShapeColumn, ...]


@dataclass(frozen=True)
class Difference:
    """One change, the step that it takes, and what it is in words."""

    step: Step
    what: str


def shape_of(contract: Contract) -> PublicSchema:
    """The contract as readers know it."""
    label = partition_label(contract)
    told = contract.model_dump(include={"schema_version", "title", "description", "grain", "absent_row_means"})
    columns = tuple(
        ShapeColumn.model_validate(c.model_dump(include={*ShapeColumn.model_fields})) for c in contract.columns
    )
    return PublicSchema(dataset=contract.name, folders=label[0] if label else "", columns=columns, **told)


def shape_published(manifest: Manifest) -> PublicSchema:
    """What the manifest of a version says of the contract that it was made by."""
    columns = tuple(
        ShapeColumn(
            name=f.name,
            type=f.type,
            unit=f.unit,
            description=f.description,
            basis=f.basis or None,
            nullable=f.nullable,
            role=f.role,
        )
        for f in manifest.schema_
    )
    folders = {
        f.path.split("/")[1].partition("=")[0] if f.path.count("/") > 1 else "" for f in manifest.files if f.rows
    }
    return PublicSchema(
        dataset=manifest.dataset,
        schema_version=manifest.schema_version,
        folders=folders.pop() if len(folders) == 1 else None,
        bounds=False,
        columns=columns,
    )


def differences(old: PublicSchema, new: PublicSchema) -> list[Difference]:
    """What changed, the gravest first."""
    return sorted([*_of_columns(old, new), *_of_whole(old, new)], key=lambda d: _ORDER.index(d.step))


def _of_columns(old: PublicSchema, new: PublicSchema) -> Iterator[Difference]:
    before, after = ({c.name: c for c in shape.columns} for shape in (old, new))
    for name in (n for n in before if n not in after):
        yield Difference("major", f"column {name} is gone")
    for name in (n for n in after if n not in before):
        key = after[name].role == "key"
        yield Difference("major" if key else "minor", f"column {name} is new{', and part of the key' if key else ''}")
    for name in (n for n in before if n in after):
        yield from _of_column(before[name], after[name], bounds=old.bounds)
    shared = [[n for n in names if n in before and n in after] for names in (before, after)]
    if shared[0] != shared[1]:
        yield Difference("minor", "columns are in another order")


def _of_column(old: ShapeColumn, new: ShapeColumn, *, bounds: bool) -> Iterator[Difference]:
    for name in _COLUMN_MAJOR:
        was, now = getattr(old, name), getattr(new, name)
        if was != now and was not in (None, ""):
            yield Difference("major", f"{name} of {old.name} is {now!r}, was {was!r}")
        elif was == "" and now:
            yield Difference("minor", f"{name} of {old.name} is told: {now!r}")
    if old.nullable is not None and old.nullable != new.nullable:
        step: Step = "major" if new.nullable else "minor"
        yield Difference(step, f"{old.name} can be null now" if new.nullable else f"{old.name} is never null any more")
    if old.role is not None and "key" in (old.role, new.role) and old.role != new.role:
        yield Difference("major", f"{old.name} is {'' if new.role == 'key' else 'no longer '}part of the key")
    for name in _COLUMN_MINOR if bounds else ():
        was, now = getattr(old, name), getattr(new, name)
        if was != now and not (name == "role" and "key" in (was, now)):
            yield Difference("minor", f"{name} of {old.name} is {now!r}, was {was!r}")
    if old.description != new.description:
        yield Difference("patch", f"{old.name} is described otherwise")


def _of_whole(old: PublicSchema, new: PublicSchema) -> Iterator[Difference]:
    told: tuple[tuple[Step, str, str], ...] = (
        ("major", "folders", "the folders of the files"),
        ("major", "absent_row_means", "what an absent row means"),
        ("patch", "title", "the title"),
        ("patch", "description", "the description"),
        ("patch", "grain", "the grain in words"),
    )
    for step, name, words in told:
        was, now = getattr(old, name), getattr(new, name)
        if was is not None and was != now:
            yield Difference(step, f"{words} is {now!r}, was {was!r}" if step == "major" else f"{words} is another")


def undeclared(old: PublicSchema, new: PublicSchema) -> list[Difference]:
    """The changes whose step ``schema_version`` did not take."""
    was, now = _numbers(old.schema_version), _numbers(new.schema_version)
    taken = {"major": now[:1] > was[:1], "minor": now[:2] > was[:2], "patch": now > was}
    return [d for d in differences(old, new) if not taken[d.step]]


def require_compatible(head: Head, contract: Contract) -> None:
    """Holds the contract against the version that readers have now, before anything is staged.

    Raises:
        BreakingChangeError: it breaks them without a major step, or without a note that says so.
    """
    if head.manifest is None or not head.manifest.schema_ or head.manifest.contract_sha256 == contract.sha256:
        return
    old, new = shape_published(head.manifest), shape_of(contract)
    breaking = [d.what for d in differences(old, new) if d.step == "major"]
    was, now = _numbers(old.schema_version)[0], _numbers(new.schema_version)[0]
    if breaking and (now <= was or not contract.breaking_note):
        published = f"{contract.name}@{head.manifest.version} (schema {old.schema_version or 'unknown'})"
        raise BreakingChangeError(contract.name, published, breaking, str(max(now, was + 1)))


def _numbers(version: str) -> tuple[int, ...]:
    """1.2.3 as numbers; a version from before schemas were counted comes before the first."""
    return tuple(int(n) for n in version.split(".")) if version else (0, 0, 0)


# ----------------------------------------------------------------------- frozen


def last_published(dataset: str) -> PublicSchema | None:
    """The contract as it was released last; None if it never was.

    Raises:
        ConfigError: the file is not of this form.
    """
    path = PUBLISHED / f"{dataset}.json"
    if not path.exists():
        return None
    try:
        return PublicSchema.model_validate_json(path.read_bytes())
    except ValueError as e:
        raise ConfigError(f"configs/published/{dataset}.json is not a published contract; restore it") from e


def violations(contract: Contract) -> list[str]:
    """What the contract changes since its last release without saying so, in words for who changed it."""
    old = last_published(contract.name)
    if old is None:
        return [f"{contract.name} was never frozen: run make freeze"]
    new = shape_of(contract)
    found = [
        f"{contract.name}: {d.what}: takes a {d.step} step from {old.schema_version}" for d in undeclared(old, new)
    ]
    was, now = _numbers(old.schema_version), _numbers(new.schema_version)
    if now < was:
        found.append(f"{contract.name}: schema_version goes back from {old.schema_version} to {new.schema_version}")
    if now[0] > was[0] and not contract.breaking_note:
        found.append(f'{contract.name}: breaking_notes has nothing for "{now[0]}": say what readers have to change')
    return found


def freeze(contract: Contract, folder: Path = PUBLISHED) -> bool:
    """Writes the contract down as released; whether that changed anything.

    Raises:
        ConfigError: it breaks the rules against the one released before, or has a TODO.
    """
    told = violations(contract) if last_published(contract.name) else []
    if told:
        raise ConfigError(f"not frozen: {'; '.join(told)}")
    body = shape_of(contract).model_dump_json(exclude_none=True, indent=1) + "\n"
    if "TODO" in body:
        raise ConfigError(f"not frozen: the contract of {contract.name} has a TODO; fill it in")
    file = folder / f"{contract.name}.json"
    if file.exists() and file.read_text(encoding="utf-8") == body:
        return False
    folder.mkdir(exist_ok=True)
    file.write_text(body, encoding="utf-8")
    return True


def main() -> int:
    """``make freeze``."""
    try:
        for name in published_names():
            if freeze(load_contract(name)):
                print(f"configs/published/{name}.json is written")
    except TechtradeError as e:
        print(f"error: {e}", file=sys.stderr)
        return e.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
