"""The table of economies as a source: files of our own in ``configs/reference/partners``, one a day that it changed.

No publisher has such a table: each knows its own codes only. It is kept by hand, under the rules in
``configs/reference/README.md``, and goes through the archive and the gate like any publisher's file. Matching names
at run time was dropped: it takes Niger for Nigeria on the day a publisher changes a name.

Other datasets join this table without its own gate in between. What would multiply or lose their rows (a code that
stands twice, a row without an id) is therefore refused here already.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO

import polars as pl

from configs import CONFIGS
from configs.contracts import load_contract
from configs.errors import SourceLayoutError, VintageUnavailableError
from tasks.extract.source import Extraction, FetchRequest
from tasks.raw.documents import Archive, RawDocument

SOURCE = "partner_reference"
DATASET = "partners"
ROLE = "reference/partners"
FOLDER = CONFIGS / "reference" / "partners"
UNIQUE = ("partner_id", "iso2", "iso3", "m49", "schedule_c_code", "world_bank_code", "bea_code")
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.csv")


def vintages(dataset: str = DATASET) -> Sequence[str]:
    """The dates of the files, oldest first."""
    return sorted(found[1] for p in FOLDER.glob("*.csv") if (found := _NAME.fullmatch(p.name)))


def fetch(ask: FetchRequest, archive: Archive) -> tuple[RawDocument, ...]:
    """Archives the newest file, or the one asked for.

    Raises:
        VintageUnavailableError: there is no file of that date.
    """
    return (_keep(archive, ask.vintage),)


def document(archive: Archive) -> RawDocument:
    """The newest file, archived: what a dataset joins whose columns hold partner codes."""
    return _keep(archive, None)


def _keep(archive: Archive, vintage: str | None) -> RawDocument:
    have = vintages()
    if not have or (vintage is not None and vintage not in have):
        raise VintageUnavailableError(
            SOURCE, f"configs/reference/partners has no file {vintage or ''}; there are: {', '.join(have) or 'none'}"
        )
    name = f"{vintage or have[-1]}.csv"
    return archive.keep(SOURCE, ROLE, f"configs/reference/partners/{name}", (FOLDER / name).read_bytes(), ".csv")


def parse(dataset: str, documents: tuple[RawDocument, ...], vintage: str | None) -> Extraction:
    """Reads the archived file into the table ``partners``.

    Raises:
        SourceLayoutError: see ``table``; or the file's name is no date.
        VintageUnavailableError: another vintage was asked for.
    """
    (given,) = documents
    if (named := _NAME.fullmatch(given.url.rsplit("/", 1)[-1])) is None:
        raise _layout("the name of the file is not a date (YYYY-MM-DD.csv)", given)
    if vintage not in (None, named[1]):
        raise VintageUnavailableError(
            SOURCE, f"vintage {vintage} was asked for, the file is of {named[1]}", raw_keys=(given.raw_key,)
        )
    contract = load_contract(DATASET)
    return Extraction(
        source=SOURCE,
        dataset=dataset,
        vintage=named[1],
        documents=documents,
        tables={DATASET: table(given)},
        licence=contract.licence,
        citation=contract.citation,
        vintage_may_go_back=True,
    )


def table(given: RawDocument) -> pl.LazyFrame:
    """The table of partners with the columns and types of its contract; an empty cell is null.

    Raises:
        SourceLayoutError: the file is no such table, or a key or code in it stands twice.
    """
    schema = load_contract(DATASET).polars_schema
    try:
        # The first line is read as it stands: a schema by position would take swapped columns for one another.
        frame = pl.read_csv(BytesIO(given.body), schema_overrides=dict(schema))
    except pl.exceptions.PolarsError as e:
        raise _layout(" ".join(str(e).split()), given) from e
    if frame.columns != schema.names():
        raise _layout(f"the columns are {frame.columns}, not {schema.names()}", given)
    if frame.is_empty():
        raise _layout("there is no row in it", given)
    if frame["partner_id"].null_count():
        raise _layout("a row has no partner_id", given)
    for column in UNIQUE:
        if not (twice := frame.drop_nulls(column).filter(pl.col(column).is_duplicated())).is_empty():
            raise _layout(f"{column} {twice[column][0]!r} stands in {', '.join(twice['partner_id'])}", given)
    return frame.lazy()


def _layout(message: str, given: RawDocument) -> SourceLayoutError:
    told = f"{given.url}: {message}. Mend the file; its rules are in configs/reference/README.md"
    return SourceLayoutError(SOURCE, told, raw_keys=(given.raw_key,))
