"""What ``techtrade status`` makes of what is known: what a person has to look at, and a table that fits a screen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from configs.contracts import dataset_names
from flows.cli.status import print_rows
from tasks.monitor.freshness import Freshness
from tasks.monitor.status_board import OpenAlert, Row, Run, Runs, StatusBoard, row
from tasks.warehouse.records import Cost, Latest, Status

NOW = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
FRESH = Freshness("partners", "fresh", "vintage 2026-11-24", version="2026-11-24.0001", vintage="2026-11-24")
LATEST = Latest(
    dataset="partners", version="2026-11-24.0001", manifest="", manifest_sha256="", published_at="2026-11-24T08:00:00Z",
    seq=1, log=(),
)  # fmt: skip
STATUS = Status(
    dataset="partners", checked_at="2026-11-25T18:00:00.000000Z", outcome="unchanged", detail="nothing",
    cost=Cost(requests=2, bytes=1234), seconds=3.4,
)  # fmt: skip


def made(runs: Runs = Runs(), status: Status | None = STATUS, verdict: Freshness = FRESH, *alerts: OpenAlert) -> Row:
    return row(LATEST, status, verdict, alerts, runs, NOW)


def ago(state: str, **apart: float) -> Run:
    return Run(state, NOW - timedelta(**apart))


def test_a_dataset_that_is_well_needs_nobody() -> None:
    found = made(Runs(ago("completed", hours=3), ago("scheduled", hours=-3)))
    assert (found.run, found.attention) == ("unchanged", ())
    assert StatusBoard((found,), ()).well
    assert not StatusBoard((found,), ("an alert was not delivered",)).well


@pytest.mark.parametrize(
    ("runs", "shown"),
    [
        (Runs(ago("crashed", hours=1)), "crashed"),  # it wrote nothing down, and Prefect knows
        (Runs(ago("crashed", hours=3)), "unchanged"),  # another run came after it
        (Runs(ago("running", minutes=1)), "running"),
        (Runs(), "unchanged"),
    ],
)
def test_prefect_is_asked_for_what_a_run_could_not_write(runs: Runs, shown: str) -> None:
    assert made(runs).run == shown


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (made(Runs(ago("crashed", hours=1))), "ended as crashed: see its log"),
        (made(status=STATUS.model_copy(update={"outcome": "failed", "detail": "no key"})), "ended as failed: no key"),
        (made(status=STATUS.model_copy(update={"outcome": "rejected"})), "ended as rejected"),
        (made(Runs(next=ago("late", minutes=20))), "no worker has taken it"),
        (made(Runs(last=ago("pending", minutes=20))), "no worker has taken it"),
        (made(verdict=replace(FRESH, state="late at us")), "late at us"),
        (made(verdict=replace(FRESH, state="not known")), "not known"),
        (made(Runs(), STATUS, FRESH, OpenAlert("layout", "another layout", NOW)), "alert open since"),
    ],
)
def test_what_a_person_has_to_look_at_is_said(row: Row, words: str) -> None:
    assert len(row.attention) == 1 and words in row.attention[0]
    assert not StatusBoard((row,), ()).well


@pytest.mark.parametrize(
    "row",
    [
        made(verdict=replace(FRESH, state="late at the publisher")),
        made(Runs(next=ago("late", minutes=5))),
        made(Runs(paused=True)),
        made(status=None, verdict=replace(FRESH, state="never published")),
    ],
)
def test_what_is_nobodys_fault_here_or_may_pass_calls_nobody(row: Row) -> None:
    assert row.attention == ()


def test_schedules_that_are_paused_are_told_in_place_of_a_next_run() -> None:
    assert made(Runs(paused=True)).next_run == "paused"
    assert made(Runs(next=ago("late", hours=1), paused=True)).next_run == "late"


def test_every_dataset_fits_on_a_screen_whatever_is_wrong_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worst = made(Runs(None, ago("late", days=20)), STATUS, replace(FRESH, state="late at the publisher"))
    worst = replace(worst, run="superseded", cost=Cost(requests=12_345, bytes=999_000_000), seconds=12_345.0)
    rows = [replace(worst, dataset=name) for name in dataset_names()]
    heads = {}
    for width in (140, 120, 100, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        print_rows(rows, NOW, dict.fromkeys(dataset_names(), "corrupt"))
        out, _ = capsys.readouterr()
        lines = out.splitlines()
        assert max(map(len, lines)) <= width
        assert len(lines) == len(rows) + 2
        assert "…" not in out
        heads[width] = lines[0]
    assert "requests" in heads[140] and "requests" not in heads[80] and "next run" in heads[80]


def test_figures_are_short_and_of_one_unit(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([made(Runs(next=ago("scheduled", hours=-30)))], NOW, {})
    assert capsys.readouterr().out.splitlines()[2].split() == [
        "partners", "unchanged", "2h", "in", "30h", "2026-11-24.0001", "2h", "fresh", "-", "2", "1.2", "kB", "3",
    ]  # fmt: skip
