"""Every command that a message names works when it is copied: messages are provoked, and their commands run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from configs.contracts import published_names
from tasks.storage.local import LocalStore
from tasks.warehouse import reader
from tests.doubles.publishers import CensusDouble, closed_port
from tests.support.newcomer import publishers
from tests.support.plain import Ran, nothing_published, plain
from tests.support.printed import Printed, filled, in_text

pytestmark = pytest.mark.slow

Run = Callable[..., Ran]
ATP, IP = "atp_world_monthly", "ip_trade_annual"
NEVER = "2020-01-01.0001"
# Of each dataset, what looks for a version of it. {} is the dataset.
LOOKING = ["read {}", "show {}", "versions {}", "diff {}", "quality {}", "replay {}", "verify {}", "history {}"]
# Documented ends that are not 0.
EXITS = {"freshness": {0, 1}, "quality": {0}, "serve": set()}


@pytest.fixture
def elsewhere(
    tmp_path: Path, prefect_api: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """``techtrade`` as a person runs it who names the store each time: a hint without it would look into another."""
    monkeypatch.chdir(tmp_path)
    run = plain(monkeypatch, capfd, "")
    monkeypatch.delenv("TECHTRADE_STORE")
    monkeypatch.setenv("TECHTRADE_FOLLOW", "true")
    store = str(tmp_path / "store")
    return lambda *words: run(*words, *(() if "--store" in words or "deploy" in words else ("--store", store)))


@dataclass(frozen=True)
class Hint:
    """A command in a message, and the command that the message came from."""

    printed: Printed
    after: str

    @property
    def line(self) -> str:
        return self.printed.line


def hints(run: Run, line: str, codes: frozenset[int] = frozenset({0, 1, 2, 3})) -> list[Hint]:
    """What a command says to run; what it is about must be said in a line, not in a traceback."""
    ran = run(*shlex.split(line))
    assert ran.code in codes and "Traceback" not in ran.err, f"techtrade {line}: {ran.code}: {ran.err}"
    return [Hint(printed, line) for printed in in_text(f"{ran.out}\n{ran.err}")]


def follow(run: Run, hint: Hint, monkeypatch: pytest.MonkeyPatch) -> str:
    """What went wrong with a hint; empty if nothing did."""
    expected = EXITS.get(hint.printed.words[0], {0})
    if not expected:
        return ""
    with monkeypatch.context() as patch:
        for name, value in hint.printed.variables.items():
            patch.setenv(name, value)
        ran = run(*filled(hint.printed, {"DATASET": ATP, "VINTAGE": "2025-02", "FILE": "page.html"}).words)
    said = " / ".join([*ran.out.splitlines()[-3:], *ran.err.splitlines()[-3:]])
    return "" if ran.code in expected else f"after techtrade {hint.after}: {hint.line}: exit code {ran.code}: {said}"


def test_on_an_empty_store_the_way_to_every_dataset_ends_with_it(
    elsewhere: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_published(LocalStore(tmp_path / "store"))
    asked: dict[str, list[Hint]] = {}
    for name in published_names():
        for looking in LOOKING:
            for hint in hints(elsewhere, looking.format(name)):
                assert hint.printed.words[0] == "publish" and "--store" in hint.printed.words, hint
                asked.setdefault(name, []).append(hint)
    assert set(asked) == set(published_names()), "each says how to begin"
    assert {name: len({h.line for h in of}) for name, of in asked.items()} == dict.fromkeys(asked, 1)
    wrong, done = [], set()
    with publishers(tmp_path) as given:
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        for name, (hint, *_) in asked.items():
            if hint.line not in done:
                wrong.append(follow(elsewhere, hint, monkeypatch))
                done.add(hint.line)
            ran = elsewhere("read", name, "--format", "csv")
            if ran.code:
                wrong.append(f"{name}: after {hint.line}: {ran.err}")
    assert [w for w in wrong if w] == []


def test_on_a_store_in_use_every_hint_can_be_followed(
    elsewhere: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, vintage in ((ATP, "2023-01"), (ATP, "2025-02"), (IP, "2025-01-28")):
        assert elsewhere("publish", name, "--source", "snapshot", "--vintage", vintage).code == 0
    latest = reader.latest_version(LocalStore(tmp_path / "store"), ATP)
    found: list[Hint] = []
    with publishers(tmp_path) as given, CensusDouble("2025-02") as census, closed_port() as nobody:
        for variable, value in given.items():
            monkeypatch.setenv(variable, value)
        for line in (
            f"read {ATP}@latest", f"read {ATP}@{NEVER}", f"read {ATP} --vintage 1999-01", f"diff {ATP} latest {latest}",
            f"show {ATP}@{NEVER}", f"quality {ATP}", f"quality {ATP}@{NEVER}", f"replay {ATP}@{NEVER}",
            f"verify {ATP}@{NEVER}", f"yank {ATP} --reason x", f"yank {ATP}@{NEVER} --reason x",
            f"yank {ATP}_history@{latest} --reason x", f"promote {ATP} --reason x --by y",
            f"promote {ATP}@{latest} --reason x --by y", f"promote {ATP}@{NEVER} --reason x --by y",
            f"backfill {IP} --from 2020-01 --to 2020-02", "backfill ip_position_annual --from 2020-01 --to 2020-02",
            "publish ip_position_annual --source snapshot", "publish atp_trade_monthly --source snapshot",
            "publish --vintage 2025-02", f"publish {ATP} --source snapshot --vintage 1999-01", "datasets", "status --json",
            "freshness", f"vintages {ATP}", "claims", f"history {ATP} period=1800-01", "raw list", "alerts list",
            "alerts send", "gc --dry-run", "deploy --dry-run",
        ):  # fmt: skip
            found += hints(elsewhere, line)
        census.fault = "thousands"
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{census.url}/country.xlsx")
        stopped = hints(elsewhere, f"publish {ATP}", frozenset({3}))
        found += stopped
        for line in (f"quality {ATP}", f"show {ATP}", "status --json", "freshness", "alerts list", f"versions {ATP}"):
            found += hints(elsewhere, line)
        rejected = next(h.printed.words[1] for h in stopped if h.printed.words[0] == "quality")
        assert rejected.startswith(f"{ATP}@")
        found += [h for of in ("quality", "show") for h in hints(elsewhere, f"{of} {rejected}", frozenset({0}))]
        monkeypatch.setenv("TECHTRADE_SOURCES__WORLD_BANK__URL", nobody)
        monkeypatch.setenv("TECHTRADE_SOURCES__WORLD_BANK__ATTEMPTS", "1")
        found += hints(elsewhere, f"publish {IP}", frozenset({1}))
        monkeypatch.setenv("TECHTRADE_SOURCES__WORLD_BANK__URL", given["TECHTRADE_SOURCES__WORLD_BANK__URL"])
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", given["TECHTRADE_SOURCES__CENSUS_BALANCE__URL"])
        every = {hint.line: hint for hint in found}
        named = {hint.printed.words[0] for hint in every.values()}
        assert named >= {"versions", "vintages", "publish", "quality", "diff", "serve"}, sorted(named)
        without = [h for h in every.values() if "--store" not in h.printed.words and h.printed.words[0] != "serve"]
        assert {h.after for h in without} <= {"publish --vintage 2025-02"}, "the store is part of a command to copy"
        assert [w for h in every.values() if (w := follow(elsewhere, h, monkeypatch))] == []


def test_a_history_that_was_not_made_says_how_to_have_it_made(
    elsewhere: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHTRADE_FOLLOW", "false")
    assert elsewhere("publish", "partners", "--source", "snapshot").code == 0
    (hint,) = hints(elsewhere, "history partners", frozenset({1}))
    assert hint.printed.variables == {"TECHTRADE_FOLLOW": "true"}
    assert follow(elsewhere, hint, monkeypatch) == ""
    ran = elsewhere("history", "partners", "--json")
    assert ran.code == 0 and json.loads(ran.out)
