"""How strong the gate is: a fixed few of the corruptions on every run, all of them in the slow one.

docs/quality-score.md has the numbers, and lists what is missed.
"""

from __future__ import annotations

import json
import re

import polars as pl
import pytest

from benchmarks.quality_mutations.__main__ import main
from benchmarks.quality_mutations.case import Case
from benchmarks.quality_mutations.cases import CASES
from benchmarks.quality_mutations.grounds import ATP, GROUNDS, IP, PARTNERS, atp_world
from benchmarks.quality_mutations.operations import put, scaled
from benchmarks.quality_mutations.score import NothingCorruptedError, Score, run
from expectations.runbooks import GENERAL, PROJECT, anchor
from tasks.quality.gate import run_gate

# Of a first publication nothing but the series itself and another table can tell.
FEW = {
    (ATP, "exchanged in one year of revision"): "proportion",
    (ATP, "the newest month is the one before"): "copied_periods",
    (ATP, "to millions since 2009"): "not_rounded",
    (ATP, "a month of long ago a sixth more"): "settled_years",
    (ATP, "the newest month a tenth less"): "same_total",
    (ATP, "a month of revision a third more"): "in_season",
    (IP, "carried forward since 2017"): "carried_periods",
    (IP, "the newest of the United States"): "large_are_current",
    (IP, "names with what could not be read"): "readable_text",
    (PARTNERS, "Schedule C of two"): "known_codes",
}


def case(dataset: str, what: str) -> Case:
    (found,) = [c for c in CASES if (c.dataset, c.what) == (dataset, what)]
    return found


@pytest.mark.parametrize(("dataset", "what"), FEW)
def test_a_first_publication_that_is_corrupted_is_caught_by(dataset: str, what: str) -> None:
    (verdict,) = run([case(dataset, what)], ("first",))
    assert FEW[dataset, what] in verdict.by
    assert verdict.caught != "missed"


def test_what_moves_no_headline_and_no_bound_is_missed_and_counted_so() -> None:
    """A score that cannot be lost would be worth nothing."""
    faint = Case(
        ATP, "one cell", "a new month a millionth more", scaled(1 + 1e-6, pl.col("period") == pl.date(2025, 2, 1))
    )
    (verdict,) = run([faint], ("alone",))
    assert (verdict.caught, verdict.by, verdict.headline) == ("missed", (), False)
    assert Score.of([verdict]).caught == 0


def test_a_corruption_that_corrupts_nothing_is_refused() -> None:
    with pytest.raises(NothingCorruptedError, match="is what it was"):
        list(run([Case(ATP, "none", "nothing at all", put(pl.lit(False), value_usd=pl.lit(0)))]))


def test_a_headline_total_that_moves_is_seen_to() -> None:
    ground = atp_world()
    data, _ = ground.rebuilt(scaled(1.03, pl.col("flow") == "exports")(ground.figures))
    before, after = ground.headlines(ground.data), ground.headlines(data)
    moved = before.join(after, on="name", suffix="_after").filter(pl.col("value") != pl.col("value_after"))
    assert set(moved["name"].str.split(" ").list.first()) == {"exports"}


def test_there_are_as_many_ways_as_are_claimed_and_each_is_there_once() -> None:
    ways = [(c.dataset, c.kind, c.what, c.level) for c in CASES]
    assert len(set(ways)) == len(ways) >= 200
    assert len({c.kind for c in CASES}) >= 30


def test_the_table_is_printed_and_given_as_json(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    two = (case(PARTNERS, "Schedule C of two"), case(PARTNERS, "two nobody has on a list"))
    monkeypatch.setattr("benchmarks.quality_mutations.__main__.CASES", two)
    assert main([PARTNERS, "--json"]) == 1, "of these fewer than 95 % are caught"
    told = json.loads(capfd.readouterr().out)
    assert told["score"] | {"critical": 2, "warning": 1, "missed": 1} == told["score"]
    assert {v["stance"] for v in told["verdicts"]} == {"first", "next"}
    assert main([PARTNERS]) == 1
    table = capfd.readouterr().out
    assert "two nobody has on a list" in table and "missed of them" in table


@pytest.mark.slow
@pytest.mark.parametrize("dataset", sorted(GROUNDS))
def test_every_check_is_told_of_in_the_docs_and_has_a_runbook_entry(dataset: str) -> None:
    ground = GROUNDS[dataset]().at("next")
    page = (PROJECT / "docs" / "quality.md").read_text()
    told = set(re.findall(r"`([a-z0-9_]+\*?)`", page))
    families = tuple(t[:-1] for t in told if t.endswith("*"))
    ran = {r.check_id for r in run_gate(ground.gate(ground.data, ground.tables)).results}
    assert {c for c in ran if c not in told and not c.startswith(families)} == set()
    assert {c for c in ran if anchor(c) == GENERAL} == set()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_headline_mover_is_missed_and_95_of_100_are_caught() -> None:
    verdicts = list(run(CASES))
    score = Score.of(verdicts)
    assert [v for v in verdicts if v.headline and v.caught == "missed"] == []
    assert score.caught >= 0.95, [v for v in verdicts if v.caught == "missed"]
    assert score.blocked >= 0.75, "critical, not only told of"
