"""The bundled figures as a source: real vintages of every dataset, without network or key.

The snapshot as of vintage V of a dataset by economy (its contract names ``series``) holds for every economy its newest
vintage up to V, and each row says which (``source_vintage``): only the first bundled vintage covers all economies. The
documents of vintage V are the files up to V, so the input of a vintage does not change when a later file is added.
A folder's ``citations.yaml`` has what must be said of single vintages, such as a date that was inferred.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from io import BytesIO
from pathlib import Path

import polars as pl

from configs import CONFIGS
from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import SourceLayoutError, VintageUnavailableError
from configs.yaml_file import load
from tasks.extract.source import Extraction, FetchRequest
from tasks.raw.documents import Archive, RawDocument

SOURCE = "snapshot"
FOLDER = CONFIGS / "snapshot"
ANNUAL = {"year": pl.Int32, "exports_musd": pl.Float64, "imports_musd": pl.Float64}


def vintages(dataset: str) -> Sequence[str]:
    """The bundled vintages of a dataset, oldest first."""
    return sorted(p.stem for p in (FOLDER / dataset).glob("*.csv") if p.stem[0].isdigit())


def fetch(ask: FetchRequest, archive: Archive) -> tuple[RawDocument, ...]:
    """Archives the files up to the vintage.

    Raises:
        VintageUnavailableError: no such vintage is bundled.
    """
    dataset, vintage = ask.dataset, ask.vintage
    have = vintages(dataset)
    if not have or (vintage is not None and vintage not in have):
        asked = f"vintage {vintage}" if vintage else "vintage"
        raise VintageUnavailableError(
            SOURCE, f"{dataset} has no bundled {asked}; there are: {', '.join(have) or 'none'}"
        )
    wanted = [v for v in have if v <= (vintage or have[-1])]
    if not load_contract(dataset).series:
        wanted = wanted[-1:]  # each file is the whole table
    files = [(f"vintage/{v}", FOLDER / dataset / f"{v}.csv") for v in wanted]
    economies = FOLDER / dataset / "economies.csv"
    if economies.exists():
        files.append(("economies", economies))
    return tuple(_keep(archive, role, path) for role, path in files)


def _keep(archive: Archive, role: str, path: Path) -> RawDocument:
    shown = f"configs/snapshot/{path.relative_to(FOLDER).as_posix()}"
    return archive.keep(SOURCE, role, shown, path.read_bytes(), ".csv")


def parse(dataset: str, documents: tuple[RawDocument, ...], vintage: str | None) -> Extraction:
    """Reads archived snapshot files into the tables that the live source of the dataset gives.

    Raises:
        SourceLayoutError: a file is not of the form it should be.
    """
    of = [d for d in documents if d.role.startswith("vintage/")]
    included = [d.role.removeprefix("vintage/") for d in of]
    contract = load_contract(dataset)
    return Extraction(
        source=SOURCE,
        dataset=dataset,
        vintage=max(included),
        documents=documents,
        tables=_by_economy(of, documents, contract) if contract.series else _monthly(of),
        licence=contract.licence,
        citation="; ".join([contract.citation, *(words for v, words in _citations(dataset).items() if v in included)]),
        vintage_may_go_back=True,
    )


def _citations(dataset: str) -> dict[str, str]:
    """Return what must be said of single vintages, by vintage."""
    path = FOLDER / dataset / "citations.yaml"
    return {v.isoformat(): words for v, words in load(dict[date, str], path).items()} if path.exists() else {}


def _monthly(of: list[RawDocument]) -> dict[str, pl.LazyFrame]:
    monthly = _csv(of[-1], {"month": pl.String, "exports_musd": pl.Float64, "imports_musd": pl.Float64})
    try:
        periods = (monthly["month"] + "-01").str.to_date("%Y-%m-%d")
    except pl.exceptions.InvalidOperationError as e:
        raise SourceLayoutError(SOURCE, f"{of[-1].url}: a month is not YYYY-MM", raw_keys=(of[-1].raw_key,)) from e
    return {
        "monthly": monthly.select(periods.alias("period"), "exports_musd", "imports_musd").sort("period").lazy(),
        # The bundled figures have no year column of the publisher's.
        "annual": pl.LazyFrame(schema=ANNUAL),
    }


def _by_economy(
    of: list[RawDocument], documents: tuple[RawDocument, ...], contract: Contract
) -> dict[str, pl.LazyFrame]:
    measures = [f"{name}_usd" for name in contract.series]
    key: dict[str, type[pl.DataType]] = {"economy_code": pl.String, "year": pl.Int32}
    schema = key | dict.fromkeys(measures, pl.Float64)
    every = pl.concat(
        [_csv(d, schema).with_columns(source_vintage=pl.lit(d.role.removeprefix("vintage/"))) for d in of]
    ).lazy()
    observations = (
        every.filter(pl.col("source_vintage") == pl.col("source_vintage").max().over("economy_code"))
        .unpivot(
            measures,
            index=["economy_code", "year", "source_vintage"],
            variable_name="indicator",
            value_name="value_usd",
        )
        .drop_nulls("value_usd")
        .select("economy_code", pl.col("indicator").str.strip_suffix("_usd"), "year", "value_usd", "source_vintage")
    )
    listed = next(d for d in documents if d.role == "economies")
    names = {"economy_code": pl.String, "economy_name": pl.String, "is_aggregate": pl.Boolean}
    return {"observations": observations, "economies": _csv(listed, names).lazy()}


def _csv(document: RawDocument, schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    try:
        # The first line is read as it stands: a schema by position would take swapped columns for one another.
        frame = pl.read_csv(BytesIO(document.body), schema_overrides=schema)
    except pl.exceptions.PolarsError as e:
        raise SourceLayoutError(SOURCE, f"{document.url}: {e}", raw_keys=(document.raw_key,)) from e
    if frame.columns != list(schema):
        raise SourceLayoutError(
            SOURCE, f"{document.url} has columns {frame.columns}, not {list(schema)}", raw_keys=(document.raw_key,)
        )
    return frame
