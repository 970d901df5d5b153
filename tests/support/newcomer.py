"""What a newcomer has: the store that ``make run`` made, and publishers that answer (their doubles)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from datetime import UTC, datetime
from functools import cache
from io import StringIO
from pathlib import Path

import polars as pl
import pytest

from configs import CONFIGS
from flows.cli import demo
from tasks.extract.drift import check
from tests.doubles import bea as bea_double
from tests.doubles import census_api
from tests.doubles import publishers as doubles
from tests.doubles.atp_lists import bundled_as_published
from tests.doubles.bea import BeaDouble
from tests.doubles.census_api import CensusApi
from tests.doubles.census_bulk import CensusBulk
from tests.doubles.metadata import Metadata, as_frozen
from tests.doubles.publishers import CensusDouble, WorldBankDouble
from tests.doubles.world_bank_archives import WorldBankArchiveDouble
from tests.support.mail_server import web_hook


@pytest.fixture(scope="session")
def made(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which ``make run`` was called, what it said in ``said.txt``. Whoever writes takes a copy of the
    store in it."""
    folder = tmp_path_factory.mktemp("newcomer")
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as said:
        patch.chdir(folder)
        patch.setenv("TECHTRADE_STORE", "warehouse")
        patch.setenv("TECHTRADE_FOLLOW", "true")
        assert demo.main() == 0
    (folder / "said.txt").write_text(said.getvalue(), encoding="utf-8")
    return folder


def copied(made: Path, to: Path, *parts: str) -> Path:
    """A copy of the store, or of some folders in it. Objects are linked: the store replaces them and changes none."""
    for part in parts or (".",):
        shutil.copytree(made / "warehouse" / part, to / part, copy_function=os.link)
    return to


class NewerBank(WorldBankDouble):
    """The World Bank as it is today: what it had in the last bundled vintage, and the years since."""

    def __init__(self) -> None:
        super().__init__(updated=f"{datetime.now(UTC):%Y-%m-%d}")

    def document(self, path: str) -> tuple[bytes, str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(doubles, "_series", newer)
            return super().document(path)


@cache
def newer(series: str) -> list[dict[str, object]]:
    """The rows of a series, as the API gives them.

    An economy is as in the newest bundled vintage that has it, and goes on with a growth of its own until the year before
    last: bundled vintages have some economies each, so the world is made their sum again.
    """
    dataset, column = doubles.dataset_of_series(series)
    files = sorted((CONFIGS / "snapshot" / dataset).glob("2*.csv"))
    every = pl.concat([pl.read_csv(f, infer_schema=False).with_columns(vintage=pl.lit(f.stem)) for f in files])
    last = every.filter(pl.col("vintage") == pl.col("vintage").max().over("economy_code"))
    figures: dict[str, dict[int, float]] = {}
    for code, year, value in last.select("economy_code", "year", column).drop_nulls().iter_rows():
        figures.setdefault(code, {})[int(year)] = float(value)
    for code, of in figures.items():
        growth = 1.02 + sum(map(ord, code)) % 7 / 250
        for year in range(max(of) + 1, datetime.now(UTC).year - 1) if max(of) >= 2018 else ():
            of[year] = round(of[year - 1] * growth, 2)
    listed = pl.read_csv(CONFIGS / "snapshot" / dataset / "economies.csv", infer_schema=False)
    economies = set(listed.filter(pl.col("is_aggregate") == "false")["economy_code"])
    for year in figures["WLD"]:
        figures["WLD"][year] = sum(of.get(year, 0.0) for code, of in figures.items() if code in economies)
    return [
        {
            "indicator": {"id": series, "value": dataset},
            "country": {"id": f"~{code}", "value": code},
            "countryiso3code": code,
            "date": str(year),
            "value": value,
            "unit": "",
            "obs_status": "",
            "decimal": 0,
        }
        for code, of in figures.items()
        for year, value in of.items()
    ]


@contextmanager
def publishers(folder: Path) -> Iterator[dict[str, str]]:
    """The variables that point ``techtrade`` at doubles of all publishers, with keys and a channel for alerts."""
    with ExitStack() as stack:
        enter = stack.enter_context
        workbook, hitech, bea = enter(CensusDouble("2025-02")), enter(CensusApi()), enter(BeaDouble("small"))
        bank, bulk = enter(NewerBank()), enter(CensusBulk("2023-12"))
        hook, archives = enter(web_hook()), enter(WorldBankArchiveDouble())
        urls = {
            "CENSUS_BALANCE": f"{workbook.url}/country.xlsx",
            "CENSUS_HITECH": hitech.url,
            "CENSUS_FT900": hitech.ft900,
            "CENSUS_BULK": bulk.url,
            "WORLD_BANK": bank.url,
            "WORLD_BANK_ARCHIVES": archives.url,
            "BEA": f"{bea.url}/api/data",
        }
        given = {
            "CENSUS_API_KEY": census_api.KEY,
            "BEA_API_KEY": bea_double.KEY,
            "TECHTRADE_ALERT_CHAT": hook.url,
        }
        for source, url in urls.items():
            given |= patient(source, url)
        yield given | {"TECHTRADE_SOURCES__CENSUS_BULK__FIRST_MONTHS": "3"}


@contextmanager
def metadata() -> Iterator[dict[str, str]]:
    """The variables for ``sources check``: publishers' metadata as our readers expect it."""
    with Metadata() as double:
        double.say = as_frozen
        given = {"BEA_API_KEY": bea_double.KEY}
        for source in check.sources():
            given |= patient(source.upper(), f"{double.url}/{source}")
        yield given | {"TECHTRADE_SOURCES__CENSUS_FT900__URL": ""}


def patient(source: str, url: str) -> dict[str, str]:
    """The settings for a source whose double bears any pace."""
    settings = {"URL": url, "BACKOFF": "0.01", "BACKOFF_MAX": "0.05"}
    pace = {f"{of}_PER_MINUTE": "100000" for of in ("REQUESTS", "MEGABYTES", "ERRORS")}
    return {f"TECHTRADE_SOURCES__{source}__{name}": value for name, value in (settings | pace).items()}


def atp_list(folder: Path) -> Path:
    """A file such as the Census Bureau's list of imports."""
    file = folder / "impatp22.txt"
    file.write_bytes(bundled_as_published("imports/2022-01"))
    return file
