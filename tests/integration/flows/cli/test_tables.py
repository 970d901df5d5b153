"""Every command that prints a table, on a store with real figures, at the widths of real terminals."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from configs.contracts import dataset_names, published_names
from configs.words import COMMAND
from flows.cli import demo
from tasks.alerts import state_store
from tasks.alerts.model import AlertState, Finding, Incident
from tasks.build.recipes import dependents_of
from tasks.common.clock import stamp, utc_now
from tasks.publish.dependents import NotYetError, refresh
from tasks.raw import housekeeping
from tasks.storage.open import open_store
from tasks.warehouse import protocol, yank
from tasks.warehouse.outcomes import RejectedError
from tasks.warehouse.records import Status
from tasks.warehouse.run_status import write_status
from tests.doubles.publishers import CensusDouble
from tests.paths import ROOT
from tests.support.plain import Ran, Run, plain
from tests.support.published import publish

ATP, IP = "atp_world_monthly", "ip_trade_annual"
WIDTHS = (80, 120)
REASON = (
    "the publisher withdrew its file within the hour, and readers who pinned this version should use the one after it"
)
COPIED = f"techtrade quality {ATP}@2026-11-24.0001"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A store in which everything that a table can show has happened; its address, and the names of versions."""
    store = open_store(str(tmp_path_factory.mktemp("tables") / "warehouse"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PREFECT_API_URL", raising=False)
        for dataset, vintages in ((ATP, ("2023-01", "2025-02")), (IP, ("2022-12-22", "2024-05-08", "2025-10-07"))):
            for vintage in vintages:
                publish(store, dataset, vintage)
                for name in dependents_of(dataset):
                    with suppress(NotYetError):
                        refresh(store, name)
        with CensusDouble("2025-02") as double:
            double.fault = "thousands"
            patch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{double.url}/country.xlsx")
            with pytest.raises(RejectedError) as caught:
                publish(store, ATP, kind="live")
    rejected = caught.value.version
    latest, _ = protocol.read_latest(store, IP)
    assert latest is not None
    middle = latest.published[1].version
    yank.yank(store, IP, middle, REASON, latest.version)
    now = datetime.now(UTC)
    words = f"a run ended without a word, and so did the one before it; for what the gate found see {COPIED}"
    finding = Finding(dataset=ATP, kind="crash", cause="", words=words, served="nothing", evidence=())
    incident = Incident(owner="techtrade data team", finding=finding, first_at=now, last_at=now)
    state_store.change(store, lambda _: AlertState(incidents=(incident,)))
    detail = f"{'the quality gate stopped the candidate, ' * 5}see {COPIED}"
    write_status(store, Status(dataset=ATP, checked_at=stamp(utc_now()), outcome="rejected", detail=detail))
    plan = housekeeping.plan_take_down(store, "census_balance", REASON, utc_now())
    housekeeping.execute(store, plan)
    yield {"url": store.url, "rejected": str(rejected), "yanked": middle}


@pytest.fixture
def techtrade(
    warehouse: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    yield plain(monkeypatch, capfd, warehouse["url"])


COMMANDS = (
    "datasets", "datasets --all", f"vintages {IP}", f"versions {IP}", f"versions {ATP}", f"show {IP}", f"show {ATP}@BAD",
    f"quality {IP}", f"quality {ATP}@BAD", f"diff {IP}", f"diff {ATP}", f"read {IP}", "read revision_profile",
    f"read {IP}_history", f"history {IP} economy_code=USA year=2020", f"history {IP} economy_code=USA", "claims", "status",
    "status --all", "freshness", f"verify {IP}", "raw list", "alerts list",
)  # fmt: skip
ROWS_BETWEEN = "read"


def line_is_whole_thing_to_copy(line: str) -> bool:
    """A command or an address that is longer than the terminal is not cut, and stands alone on its line."""
    words = COMMAND.sub(lambda found: found.group().replace(" ", "\0"), line).split()
    return len(words) <= 2 and any("/" in w or "\0" in w for w in words)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_table_fits_the_terminal_and_loses_nothing_in_silence(
    techtrade: Run, warehouse: dict[str, str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    arguments = command.replace("BAD", warehouse["rejected"]).split()
    monkeypatch.delenv("COLUMNS", raising=False)
    piped = techtrade(*arguments)
    assert piped.code == 0 or command in ("freshness", "status"), piped.err
    no_singular_with_plural(piped)
    everything = set(piped.out.split())
    for width in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(width))
        ran, wide = techtrade(*arguments), techtrade(*arguments, "--wide")
        assert wide.code == ran.code == piped.code
        # A clock may have moved on between two runs.
        assert clockless(wide.out) == clockless(piped.out), "--wide shows what a pipe gets"
        for line in ran.out.splitlines():
            assert len(line) <= width or line_is_whole_thing_to_copy(line), line
        shown = set(clockless(ran.out).split())
        cut = {w for w in shown - set(clockless(" ".join(everything)).split()) if not set(w) <= {"-"}}
        assert all(w.endswith("…") for w in cut), f"cut without an ellipsis: {cut}"
        for found in COMMAND.findall(wide.out):
            assert any(found in line for line in ran.out.splitlines()), found
        if command.split(maxsplit=1)[0] != ROWS_BETWEEN and "…" in ran.out.replace(" … techtrade", ""):
            assert "--wide shows all" in " ".join(ran.err.split())
        for note in ran.err.splitlines():
            assert len(note) <= width or not note.startswith("("), note


def clockless(text: str) -> str:
    """Without what tells the time: ages, and the minute of a status."""
    return re.sub(r"\b\d+[smhd]\b|\b\d\d:\d\d\b| +|-{2,}", " ", text)


def no_singular_with_plural(ran: Ran) -> None:
    found = re.findall(r"(?<![\w.,:-])1 (?:[a-z]+ )?[a-z]{2,}s\b", ran.out + ran.err)
    assert not [f for f in found if f.split()[-1] not in ("is", "was", "has", "its", "this", "fails", "dollars")], found


def test_what_the_store_keeps_is_as_good_in_grammar(warehouse: dict[str, str]) -> None:
    pages = [*Path(warehouse["url"]).rglob("changes.md")]
    assert len(pages) > 5
    for page in pages:
        no_singular_with_plural(Ran(0, page.read_text(encoding="utf-8"), ""))


@pytest.mark.parametrize("command", ["datasets", f"versions {IP}", "status", f"read {IP}"])
def test_a_real_terminal_is_asked_for_its_width(warehouse: dict[str, str], command: str) -> None:
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "PREFECT_API_URL")}
    environment |= {"TECHTRADE_STORE": warehouse["url"], "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *command.split()], stdout=child, stderr=child, env=environment
    )
    os.close(child)
    text = b""
    with suppress(OSError):  # how a pseudo-terminal ends
        while piece := os.read(parent, 65536):
            text += piece
    os.close(parent)
    assert process.wait() == 0
    shown = text.decode()
    assert "\x1b[1m" in shown, "the header is bold"
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r", "").splitlines()
    for line in lines:
        assert len(line) <= 80 or line_is_whole_thing_to_copy(line), line
    assert len(lines) > 5


def test_histories_are_folded_unless_they_are_asked_for(techtrade: Run) -> None:
    for command, some in (("datasets", {*dataset_names(), "ip_position_annual"}), ("status", set(dataset_names()))):
        folded, all_ = techtrade(command), techtrade(command, "--all")
        names = {line.split()[0] for line in folded.out.splitlines() if line.split()}
        assert some <= names and not any(n.endswith("_history") for n in names)
        assert re.search(rf"^{IP} .* yes", folded.out, re.MULTILINE)
        assert re.search(r"^partners .* no", folded.out, re.MULTILINE)
        assert {line.split()[0] for line in all_.out.splitlines() if line.split()} >= set(published_names())
        assert "--all lists them" in folded.err and "--all" not in all_.err
    import json

    assert [d["dataset"] for d in json.loads(techtrade("datasets", "--json").out)] == published_names()


def test_a_command_to_copy_is_whole_on_every_screen(techtrade: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (40, *WIDTHS):
        monkeypatch.setenv("COLUMNS", str(width))
        for command in ("status", "alerts list"):
            assert any(COPIED in line for line in techtrade(*command.split()).out.splitlines()), (command, width)


def test_a_misspelt_name_is_recognised(techtrade: Run) -> None:
    assert "did you mean ip_trade_annual?" in techtrade("versions", "ip_trade_anual").err
    assert "did you mean economy_code?" in techtrade("history", IP, "economy_cod=USA").err
    assert "did you mean receipts_usd?" in techtrade("history", IP, "measure=receipt_usd").err
    for command in ("show", "quality", "read", "verify"):
        version = techtrade("versions", IP).out.splitlines()[2].split()[0]
        wrong = version[:-4] + "0099"
        assert f"did you mean {version[:-4]}000" in techtrade(command, f"{IP}@{wrong}").err, command


def test_what_make_run_prints_of_the_store(
    warehouse: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], techtrade: Run
) -> None:
    store = open_store(warehouse["url"])
    monkeypatch.setattr(demo, "bundled_datasets", lambda: [ATP, IP])
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for columns in (None, "80"):
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns:
            monkeypatch.setenv("COLUMNS", columns)
        capfd.readouterr()
        demo.print_all(store)
        out = capfd.readouterr().out
        if columns:
            assert all(len(line) <= 80 or line_is_whole_thing_to_copy(line) for line in out.splitlines())
        else:
            assert len(out.splitlines()) <= 52
    assert re.search(rf"^{ATP} +2 +2025-02 +2025-02 +434 +111 +0$", out, re.MULTILINE)
    assert re.search(rf"^{IP} +\d +2024 +2025-10-07 +8,573 +\d+ +5$", out, re.MULTILINE)
    flat = " ".join(out.split())
    assert "{" not in out and f"Warnings, which do not block: techtrade quality {IP}@" in flat
    assert "x 2002: first deficit, -16.6" in out and "2024: 169.5" in out
    chart = out[out.index("US balance in advanced") : out.index("Claims of the press")]
    assert chart in readme, "the README shows the charts as they are printed"
    assert re.search(r"^US ATP balance 1995 +13 +13\.694 +2025-02 +holds within 1 billion", out, re.MULTILINE)
    assert re.search(r"^German IP receipts 2023 +48 +48\.110 +2025-10-07 +holds$", out, re.MULTILINE)
    commands = re.findall(rf"{re.escape(demo.COMMAND)} ([^#\n]+)", out)
    assert len(commands) == len(demo.NEXT) + 1
    assert sum(f"--store {store.url}" in command for command in commands) == len(demo.NEXT)
    for command in commands:
        ran = techtrade(*command.split())
        assert ran.code == 0 and ran.out
