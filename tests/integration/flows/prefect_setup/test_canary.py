"""Keys that can be recognised go in; nothing that is written has them: no store, no raw archive, no log, no output, no
exception, not Prefect's database.

Both publishers' doubles check the keys, so the test fails if they are not sent; one of them echoes its key in the body
of each answer, the other has it in each address. Everything is as talkative as it can be made.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.doubles import bea as bea_double
from tests.doubles import census_api
from tests.doubles.bea import BeaDouble
from tests.doubles.census_api import CensusApi
from tests.paths import ROOT
from tests.support.processes import prefect_server, run, said

CANARIES = (bea_double.KEY, census_api.KEY)
DATASETS = ("atp_trade_monthly", "us_ip_trade_annual", "us_ip_trade_quarterly")


@pytest.fixture
def census() -> Iterator[CensusApi]:
    with CensusApi() as double:
        yield double


@pytest.fixture
def bea() -> Iterator[BeaDouble]:
    with BeaDouble() as double:
        yield double


@pytest.fixture
def talkative(tmp_path: Path, census: CensusApi, bea: BeaDouble) -> dict[str, str]:
    """An environment with a home, a store and a Prefect of its own, and every log level down."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "TECHTRADE_"))}
    environment |= {
        "HOME": str(tmp_path / "home"),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "PREFECT_LOGGING_ROOT_LEVEL": "DEBUG",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "DEBUG",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "techtrade,httpx2,httpcore2,stamina",
        "TECHTRADE_STORE": str(tmp_path / "store"),
        "CENSUS_API_KEY": census_api.KEY,
        "BEA_API_KEY": bea_double.KEY,
        "TECHTRADE_SOURCES__CENSUS_HITECH__URL": census.url,
        "TECHTRADE_SOURCES__CENSUS_FT900__URL": census.ft900,
        "TECHTRADE_SOURCES__BEA__URL": bea.url + "/api/data",
    }
    for source in ("CENSUS_HITECH", "CENSUS_FT900", "BEA"):
        for name, value in (("BACKOFF", "0.01"), ("REQUESTS_PER_MINUTE", "1000000"), ("LOCKOUT_SECONDS", "0.1")):
            environment[f"TECHTRADE_SOURCES__{source}__{name}"] = value
    (tmp_path / "home").mkdir()
    return environment


# Runs one command after the other: the imports of each process would take longer than the commands.
SHELL = """
import json, os, sys, traceback
from flows.cli import main
answers = os.fdopen(os.dup(1), "w", buffering=1)
for line in sys.stdin:
    file, arguments = json.loads(line)
    said = os.open(file, os.O_WRONLY | os.O_CREAT)
    os.dup2(said, 1), os.dup2(said, 2), os.close(said)
    sys.argv, code = ["techtrade", *arguments], 0
    try:
        main()
    except SystemExit as e:
        code = e.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush(), sys.stderr.flush()
    print(code, file=answers)
"""


@contextmanager
def shell(environment: dict[str, str], place: Path) -> Iterator[Callable[..., int]]:
    """Yield a function that runs one command in a process that stays, and returns the exit code."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    process = subprocess.Popen([sys.executable, "-c", SHELL], env=environment, cwd=ROOT, **pipes)  # type: ignore[call-overload]

    def ask(*arguments: str) -> int:
        process.stdin.write(json.dumps([str(said(place)), arguments]) + "\n")
        return int(process.stdout.readline())

    try:
        yield ask
    finally:
        process.stdin.close()
        process.wait(timeout=240)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_command_writes_a_key_anywhere(
    tmp_path: Path, talkative: dict[str, str], census: CensusApi, bea: BeaDouble
) -> None:
    assert run(talkative, tmp_path, "publish", *DATASETS) == 0
    for canary, double in zip(CANARIES, (bea, census), strict=True):
        assert any(canary in request for request in double.requests), "the key was sent, or nothing is shown"

    # Now everything that can go wrong with a key, an address or an answer in hand.
    with prefect_server(talkative, tmp_path) as address:
        served = talkative | {"PREFECT_API_URL": address}
        with shell(served, tmp_path) as techtrade:
            for census_fault, bea_fault in (
                ("invalid key", "error 1"), ("unknown variable", "top error 4"), ("truncated", "page"),
                ("redirect", "429"), ("html", "json then page"),
            ):  # fmt: skip
                census.fault, bea.fault = census_fault, bea_fault
                code = techtrade("--debug", "publish", *DATASETS, "--refresh", "all")
                assert code == 1, (census_fault, bea_fault)
            census.fault = bea.fault = ""

            for arguments in (
                ["datasets"], ["sources", "check", "census_hitech", "bea"], ["raw", "list"], ["verify"],
                ["gc", "--dry-run"], ["freshness"],
                *(["quality", name, "--html", str(tmp_path / f"{name}.html")] for name in DATASETS),
                *([command, name] for name in DATASETS for command in ("versions", "vintages", "show", "read")),
            ):  # fmt: skip
                techtrade(*arguments)
        run(served | {"CENSUS_API_KEY": bea_double.KEY}, tmp_path, "publish", "atp_trade_monthly")
        as_json = served | {"TECHTRADE_LOG_FORMAT": "json"}
        assert run(as_json, tmp_path, "publish", *DATASETS, "--refresh", "all") == 0
        census.fault, bea.fault = "invalid key", "error 1"
        assert run(as_json, tmp_path, "--debug", "publish", *DATASETS, "--refresh", "all") == 1

    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    kinds = {p.relative_to(tmp_path).parts[0] for p in files}
    assert {"store", "prefect"} <= kinds and any("_raw" in p.parts for p in files)
    assert any(p.suffix == ".db" for p in files), "Prefect's database is among them"
    assert b"flow run" in (tmp_path / "said-00.txt").read_bytes(), "the logs were on"
    found = [
        str(p.relative_to(tmp_path))
        for p in files
        for canary in CANARIES
        if any(form in p.read_bytes() for form in (canary.encode(), canary.lower().encode(), canary.upper().encode()))
    ]
    assert found == []
