"""Each row of the table of faults: nothing comes out wrong, a seeded bug turns it red, and the page says as many."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.harness import Ground, Row, Tally, rows, tried
from tests.support import seaweed

ROWS = [pytest.param(r, id=r.name, marks=[pytest.mark.slow] if r.slow else []) for r in rows()]


@pytest.fixture
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    def server() -> seaweed.Seaweed:
        found: seaweed.Seaweed = request.getfixturevalue("seaweed_server")
        return found

    return Ground(tmp_path, server)


@pytest.mark.parametrize("row", ROWS)
def test_no_outcome_is_wrong(row: Row, where: Ground) -> None:
    tally = tried(row, where)
    assert not tally.wrong, "\n".join(f"{name}: {told}" for name, told in tally.wrong.items())


@pytest.mark.parametrize("row", ROWS)
def test_seeded_bug_turns_row_red(row: Row, where: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    row.seed(monkeypatch)
    assert tried(row, where, row.seeded).wrong


def test_page_states_every_row_and_count() -> None:
    assert table.written() == table.lines([Tally(r, len(r.faults())) for r in rows()])
