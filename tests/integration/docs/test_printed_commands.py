"""Every command that README, docs and runbooks print works on the store that ``make run`` made."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tasks.storage.local import LocalStore
from tasks.warehouse import reader
from tests.doubles import first_day
from tests.doubles.publishers import CensusDouble
from tests.paths import ROOT
from tests.support.deployments import clear
from tests.support.newcomer import atp_list, copied, made, metadata, publishers
from tests.support.plain import Ran, plain
from tests.support.printed import Printed, commands, filled, in_text, is_mention, pages, path_of

__all__ = ["made"]
pytestmark = pytest.mark.slow

Run = Callable[..., Ran]
ATP, IP = "atp_world_monthly", "ip_trade_annual"
# What is printed and is not run here, with the reason. At most ten.
NOT_RUN = {
    "techtrade serve": "runs until it is stopped; test_serve.py starts and stops it",
    "techtrade watch --every 300": "runs until it is stopped; test_run_watchdog.py looks at the loop",
    "techtrade new-dataset high_tech_exports_annual --series high_tech_exports=TX.VAL.TECH.CD": (
        "writes into the checkout; test_adding_a_dataset.py follows the page in a copy"
    ),
    "techtrade deploy --stage production": "needs the account of a cloud; test_declaration.py reads its stage",
}
# What `make` runs, and where that is run. `make test` itself is running this.
MADE_BY = {
    "run": "tests/integration/flows/cli/test_demo.py",
    "test": "tests/unit/docs/test_printed_commands.py",
    "test-slow": "tests/integration/docs/test_printed_commands.py",
    "check": "pyproject.toml",
    "bench": "tests/integration/benchmarks/test_benchmarks.py",
    "faults": "tests/faults/test_faults.py",
    "lock": "tests/unit/deploy/test_deploy_files.py",
    "freeze": "tests/unit/publish/test_compatibility.py",
    "demo-sources": "tests/support/newcomer.py",
    "first-live-day": "tests/integration/extract/test_probe_bundle.py",
    "generate": "tests/unit/deploy/test_generate.py",
    "stack": "tests/drills/test_stack.py",
    "stack-test": "deploy/stack/trial.py",
    "deploy-check": "deploy/checks/__main__.py",
}
# Commands whose documented exit codes are more than 0.
EXITS = {
    "probe": {0, 1},
    "freshness": {0, 1},
    "watch": {0, 1},
    "--check": {0, 1},
    "redate": {1},
}  # no log of the store is wrong
# Commands that write to the store; each gets a copy.
WRITING = {
    ("publish",), ("backfill",), ("yank",), ("promote",), ("gc",), ("restore",), ("raw", "take-down"), ("raw", "expire"),
    ("sources", "archives"), ("sources", "probe"), ("alerts", "send"),
}  # fmt: skip


class Place:
    """The folder of a newcomer, and what stands for the placeholders in it."""

    def __init__(self, made: Path, tmp: Path) -> None:
        self.made, self.tmp, self._number = made, tmp, 0
        store = LocalStore(made / "warehouse")
        self.versions = {name: [v.version for v in reader.list_versions(store, name)] for name in (ATP, IP)}

    def values(self, path: tuple[str, ...]) -> dict[str, str]:
        first, latest = self.versions[IP][0], self.versions[IP][-1]
        found = {
            "DATASET": IP, "DATASET@VERSION": f"{IP}@{latest}", f"{ATP}@VERSION": f"{ATP}@{self.versions[ATP][-1]}",
            "VERSION": latest, "OLD": first, "NEW": latest, "VINTAGE": "2022-12-22", "SOURCE": "snapshot",
            "STAGE": "local", "TEXT": "a reason", "...": "a reason", "PERSON": "A. Person", "OWNER": "techtrade data team",
            "DAYS": "400", "N": "20", "FILE": "page.html", "URL": "warehouse", "COPY": "copy",
            "COMMAND": "read", "PAGE": "quality", "ENTRY": "unit-and-size",
            "s3://my-bucket/techtrade": "warehouse", "O": "techtrade data team",
        }  # fmt: skip
        own = {
            ("restore",): {"NEW": "restored"},
            ("verify",): {"NEW": "warehouse"},
            ("sources", "check"): {"SOURCE": "bea"},
            ("sources", "probe"): {"SOURCE": "bea", "FILE": "bundle.zip"},
        }
        return found | own.get(path, {})

    def folder(self, *, writes: bool) -> Path:
        """A working folder with ``warehouse`` in it, and ``copy``: what is kept elsewhere of a store."""
        self._number += 1
        folder = self.tmp / str(self._number if writes else 0)
        if not folder.exists():
            copied(self.made, folder / "warehouse")
            copied(self.made, folder / "copy", "_raw", "_ledger")
        return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Place:
    return Place(made, tmp_path)


@pytest.fixture
def printed() -> dict[str, list[Printed]]:
    """The commands to run, by the line that is printed."""
    found: dict[str, list[Printed]] = {}
    for page in pages():
        for command in commands(page):
            if command.program == "techtrade" and not is_mention(command):
                found.setdefault(command.line, []).append(command)
    return found


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with publishers(tmp_path) as given:
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("TECHTRADE_FOLLOW", "true")
        yield


def test_every_printed_command_works(
    place: Place,
    printed: dict[str, list[Printed]],
    environment: None,
    prefect_api: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run = plain(monkeypatch, capfd, "warehouse")
    assert len(NOT_RUN) <= 10 and set(NOT_RUN) <= set(printed), "an exception for what is printed nowhere"
    wrong = []
    for line, where in printed.items():
        if line in NOT_RUN:
            continue
        try:
            problem = _problem(run, place, where[0], prefect_api, monkeypatch)
        except ValueError as e:
            problem = str(e)
        if problem:
            wrong.append(f"{', '.join(p.where for p in where)}: {line}\n{problem}")
    assert not wrong, "\n\n".join([f"{len(wrong)} of {len(printed)} printed commands do not work:", *wrong])


def _problem(run: Run, place: Place, given: Printed, api: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What went wrong with a command, with what it said; empty if nothing did."""
    path = path_of(given.words)
    words = filled(given, place.values(path)).words
    folder = place.folder(writes=path in WRITING and "--dry-run" not in words)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.chdir(folder)
        for name, value in given.variables.items():
            patch.setenv(name, value.replace("/data/impatp22.txt", str(atp_list(folder))))
        words = _prepared(run, path, words, stack, patch, api)
        ran = run(*words)
    expected = next((codes for word, codes in EXITS.items() if word in words), {0})
    if ran.code in expected and "Traceback" not in ran.err:
        return ""
    said = "\n".join([*ran.out.splitlines()[-10:], *ran.err.splitlines()[-10:]])
    return f"as: techtrade {shlex.join(words)}\nexit code {ran.code}, expected {sorted(expected)}; it said:\n{said}"


def _prepared(
    run: Run, path: tuple[str, ...], words: tuple[str, ...], stack: ExitStack, patch: pytest.MonkeyPatch, api: str
) -> tuple[str, ...]:
    """Makes what a command needs that ``make run`` does not leave: other publishers, a server, a rejected version.

    Returns:
        The words, with the name of the version that was rejected.
    """
    if path == ("sources", "check"):
        for name, value in stack.enter_context(metadata()).items():
            patch.setenv(name, value)
    if path == ("sources", "probe"):
        for name, value in stack.enter_context(first_day.publishers()).variables.items():
            patch.setenv(name, value)
    if path in {("deploy",), ("watch",)}:
        patch.setenv("PREFECT_API_URL", api)
    if path == ("deploy",):
        from prefect.client.orchestration import get_client

        client = stack.enter_context(get_client(sync_client=True))
        stack.callback(clear, client)
    if path == ("promote",):
        census = stack.enter_context(CensusDouble("2025-02"))
        census.fault = "thousands"
        patch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{census.url}/country.xlsx")
        ran = run("publish", ATP)
        assert ran.code == 3, ran.err
        rejected = next(
            v
            for v in reader.list_versions(LocalStore(Path("warehouse")), ATP, unpublished=True)
            if v.state == "rejected"
        )
        words = tuple(f"{ATP}@{rejected.version}" if "@" in word else word for word in words)
    return words


def test_every_command_that_make_run_prints_works(
    place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = plain(monkeypatch, capfd, "warehouse")
    printed = in_text((place.made / "said.txt").read_text(encoding="utf-8"))
    assert printed, "it says where to go on"
    wrong = [problem for p in printed if (problem := _problem(run, place, p, "", monkeypatch))]
    assert not wrong, "\n\n".join(wrong)


def test_what_make_runs_is_run_somewhere() -> None:
    targets = {p.words[0] for page in pages() for p in commands(page) if p.program == "make"}
    assert targets <= set(MADE_BY), "a target without a place where it is tried"
    assert [file for file in MADE_BY.values() if not (ROOT / file).exists()] == []


def test_the_snapshot_is_published_whole_and_the_rest_is_left_out(
    techtrade: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    from tasks.extract.bundled.index import bundled_datasets

    ran = techtrade("publish", "--source", "snapshot", "--json")
    assert ran.code == 0, ran.err
    ended: dict[str, Any] = {r["dataset"]: r["outcome"] for r in json.loads(ran.out)}
    assert [n for n, outcome in ended.items() if outcome == "published"] == bundled_datasets()
    left = [
        line for line in ran.err.splitlines() if "left out: nothing of it is bundled; start with: techtrade" in line
    ]
    assert len(left) == len(ended) - len(bundled_datasets()) == list(ended.values()).count("left out")
