"""The codes of BEA and how they nest: files of our own in ``configs/reference/bea``, archived with every extraction.

BEA's own lists are flat. What to ask for comes from its list, how it nests from ours, and the two are held against each
other: a type that only one of them has stops the run. Guessing the place of an unknown code from its name would
publish sums that count it twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO

import polars as pl

from configs import CONFIGS
from configs.errors import SourceLayoutError
from tasks.extract.bea.parse import fail
from tasks.raw.documents import Archive, RawDocument

SOURCE = "bea"
FOLDER = CONFIGS / "reference" / "bea"
NAMES = ("types", "affiliations", "areas")
TOTAL = "ChargesForTheUseOfIpNie"
_FLAGS = ("is_aggregate", "is_overlap", "is_quarterly")


def documents(archive: Archive) -> tuple[RawDocument, ...]:
    """The files, archived: a version says by which nesting it was made."""
    return tuple(
        archive.keep(
            SOURCE,
            f"reference/bea_{name}",
            f"configs/reference/bea/{name}.csv",
            (FOLDER / f"{name}.csv").read_bytes(),
            ".csv",
        )
        for name in NAMES
    )


def tables(documents: Iterable[RawDocument]) -> dict[str, pl.DataFrame]:
    """``types``, ``affiliations`` and ``areas``: code, parent (null at the top), is_aggregate and what else there is.

    Raises:
        SourceLayoutError: a file is missing or no such table, or a parent in it is unknown.
    """
    by_role = {d.role: d for d in documents}
    if missing := [n for n in NAMES if f"reference/bea_{n}" not in by_role]:
        raise SourceLayoutError(SOURCE, f"the documents have no table of {', '.join(missing)}")
    return {name: _table(by_role[f"reference/bea_{name}"]) for name in NAMES}


def _table(document: RawDocument) -> pl.DataFrame:
    try:
        frame = pl.read_csv(BytesIO(document.body), infer_schema_length=0)
        flags = [c for c in _FLAGS if c in frame.columns]
        frame = frame.with_columns([pl.col(c).replace_strict({"true": True, "false": False}) for c in flags])
        parents = frame["parent"].drop_nulls()
        unknown = parents.filter(~parents.is_in(frame["code"].implode()))
        twice = frame["code"].filter(frame["code"].is_duplicated())
    except pl.exceptions.PolarsError as e:
        raise fail(SourceLayoutError, document, f"is no table of codes: {e}") from e
    if wrong := [*unknown, *twice]:
        told = f"{document.url}: {', '.join(map(str, wrong))} is a parent without a row, or stands twice; mend the file"
        raise SourceLayoutError(SOURCE, told, raw_keys=(document.raw_key,))
    return frame


def is_ip(code: str) -> bool:
    """Whether a type of service is about intellectual property, by how BEA names them (CONTRACTS H)."""
    return code == TOTAL or code.startswith("Cip")


def agreed(listed: Sequence[str], known: Sequence[str], document: RawDocument) -> tuple[str, ...]:
    """What to ask for: the codes that BEA lists, in the order of our own list.

    Raises:
        SourceLayoutError: a code is only in one of the two.
    """
    new, gone = [c for c in listed if c not in known], [c for c in known if c not in listed]
    parts = [f"lists {', '.join(new)}, which is not known here"] if new else []
    parts += [f"no longer lists {', '.join(gone)}"] if gone else []
    if parts:
        told = f"{' and '.join(parts)}; look at what BEA changed and bring "
        raise fail(SourceLayoutError, document, told + "configs/reference/bea/types.csv up to it")
    return tuple(known)
