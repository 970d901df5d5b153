"""How strong the gate is: a fixed few of the corruptions on every run, all of them in the slow one.

docs/quality-score.md has the numbers, and lists what is missed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

import benchmarks.quality_mutations
from benchmarks.quality_mutations.__main__ import main
from benchmarks.quality_mutations.case import Case
from benchmarks.quality_mutations.cases import CASES, FIXED, OURS
from benchmarks.quality_mutations.event import happened
from benchmarks.quality_mutations.events import EVENTS
from benchmarks.quality_mutations.grounds import ATP, GROUNDS, IP, PARTNERS, atp_world
from benchmarks.quality_mutations.judge import NothingCorruptedError, Verdict, run, run_all
from benchmarks.quality_mutations.operations import put, scaled
from benchmarks.quality_mutations.price import real_vintages
from benchmarks.quality_mutations.reasons import reason_of
from benchmarks.quality_mutations.score import Score
from benchmarks.quality_mutations.targets import of_price, of_score
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
    (IP, "the newest of the United States"): "short_of_world",
    (IP, "names with what could not be read"): "readable_text",
    (PARTNERS, "Schedule C of two"): "known_codes",
}


def case(dataset: str, what: str) -> Case:
    (found,) = [c for c in CASES if (c.dataset, c.what) == (dataset, what)]
    return found


FIXED_LIST = Path(benchmarks.quality_mutations.__file__).with_name("fixed.txt")
# The corruptions of the first list and those of others; the number may only grow.
FIXED_AT_LEAST = 299


@pytest.mark.parametrize(("dataset", "what"), FEW)
def test_a_first_publication_that_is_corrupted_is_caught_by(dataset: str, what: str) -> None:
    verdicts = [v for v in run([case(dataset, what)], ("first",)) if v.ground == "single" and v.second]
    assert [FEW[dataset, what] in v.by and v.outcome != "silent" for v in verdicts] == [True]


def test_what_moves_no_headline_and_no_bound_is_silent() -> None:
    """A score that cannot be lost would be worth nothing."""
    newest = pl.col("period") == pl.col("period").max()
    faint = Case(ATP, "one cell", "a new month a millionth more", scaled(1 + 1e-6, newest))
    verdicts = list(run([faint], ("first",)))
    assert {(v.outcome, v.by, v.headline) for v in verdicts} == {("silent", (), False)}
    assert Score.of(verdicts).silent == 1


@pytest.mark.parametrize("dataset", [ATP, IP, PARTNERS])
def test_counted_answers_are_those_of_great_expectations(dataset: str) -> None:
    """The score counts what breaks a rule in place of asking Great Expectations 2,500 times."""
    some = [c for c in CASES if c.dataset == dataset][::12]
    assert len(some) >= 2
    assert list(run(some, ("first",))) == run_all(some, stances=("first",))


def test_each_case_is_judged_in_all_ways() -> None:
    verdicts = list(run([case(ATP, "everything in euros (a tenth less)")]))
    ways = {(v.stance, v.ground, v.second) for v in verdicts}
    assert len(ways) == len(verdicts) == 8


def test_a_corruption_that_corrupts_nothing_is_refused() -> None:
    with pytest.raises(NothingCorruptedError, match="is what it was"):
        list(run([Case(ATP, "none", "nothing at all", put(pl.lit(False), value_usd=pl.lit(0)))]))


def test_a_headline_total_that_moves_is_seen_to() -> None:
    ground = atp_world()
    data, _ = ground.rebuilt(scaled(1.03, pl.col("flow") == "exports")(ground.figures))
    before, after = ground.headlines(ground.data), ground.headlines(data)
    moved = before.join(after, on="name", suffix="_after").filter(pl.col("value") != pl.col("value_after"))
    assert set(moved["name"].str.split(" ").list.first()) == {"exports"}


def test_the_fixed_list_does_not_shrink() -> None:
    listed = FIXED_LIST.read_text().splitlines()
    assert len(set(listed)) == len(listed) >= FIXED_AT_LEAST
    assert set(listed) == {c.key for c in FIXED}


def test_our_additions_are_counted_apart() -> None:
    assert len(OURS) >= 40 and {c.of for c in OURS} == {"ours"}
    assert len({c.key for c in CASES}) == len(CASES)
    assert "ours" not in {c.of for c in FIXED}


def verdict(outcome: str, stance: str = "next", moved: float = 0.5) -> Verdict:
    return Verdict(ATP, "unit", "any", "first", stance, "single", True, outcome, (), moved)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdicts", "unmet"),
    [
        ([verdict("held"), verdict("blocked", "first")], 0),
        ([verdict("warned")] + [verdict("held")] * 9, 1),
        ([verdict("warned", "first")] * 2 + [verdict("held", "first")] * 8, 1),
        ([verdict("silent", moved=0.001)] + [verdict("held")] * 9, 1),
    ],
)
def test_a_warning_of_a_mover_is_not_counted_as_held(verdicts: list[Verdict], unmet: int) -> None:
    assert sum(not t.met for t in of_score(verdicts)) == unmet


def test_a_target_that_is_missed_is_told_and_fails(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    two = (case(PARTNERS, "Schedule C of two"), case(PARTNERS, "two nobody has on a list"))
    monkeypatch.setattr("benchmarks.quality_mutations.__main__.CASES", two)
    assert main([PARTNERS, "--json"]) == 1, "more than 5 % are silent"
    told = json.loads(capfd.readouterr().out)
    assert [t["met"] for t in told["targets"] if t["what"] == "all corruptions: silent"] == [False]
    assert {v["stance"] for v in told["verdicts"]} == {"first", "next"}
    assert main([PARTNERS]) == 1
    table = capfd.readouterr().out
    assert "two nobody has on a list" in table and "NOT MET" in table


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
@pytest.mark.timeout(2400)
def test_the_gate_reaches_its_targets() -> None:
    verdicts = run_all(CASES)
    targets = [*of_score(verdicts), *of_price(list(real_vintages()), [happened(e) for e in EVENTS])]
    assert [t for t in targets if not t.met] == []
    published = {(v.dataset, v.kind, v.case) for v in verdicts if v.outcome in ("silent", "warned")}
    assert [c for c in sorted(published) if not reason_of(*c[:2])] == [], "the page says why of each"
