"""What is known does not trip; what a second source has is confirmed; what it denies stays held."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.contract import Policy
from configs.contracts import load_contract
from configs.errors import ConfigError
from configs.known_values import KnownValue, load_known_values
from expectations.check import Check, GateInput, Observations, Other, none_of
from tasks.quality import confirmation
from tasks.quality.cells import Cell, confirmations, held_cells, held_frame, key_of
from tasks.quality.confirmation import ONE_FACTOR, confirm, settle, unknown
from tasks.quality.results import CheckResult

MARCH = date(2025, 3, 1)
WORLD = load_contract("atp_world_monthly")
HOLDS = Policy(severity="hold", confirmed_by=("atp_trade_monthly", "ft900"))
KEY = key_of({"flow": "imports", "period": MARCH})
A_FAILURE = CheckResult("in_season", "in season", "hold", "failed", "none", "1 row fails", 9, 1, (), "", "x", "")
FT900 = {
    "technology_group": pl.String,
    "partner_code": pl.String,
    "flow": pl.String,
    "period": pl.Date,
    "value_musd": pl.Float64,
}


def workbook(imports: float, months: int = 60) -> pl.DataFrame:
    """Months up to 2025-03, all with 70 billion of imports but the last."""
    periods = [date(2025 - (n - 3 + 12) // 12 if n > 2 else 2025, (3 - n - 1) % 12 + 1, 1) for n in range(months)]
    values = [int(imports), *[70_000_000_000 + n for n in range(1, months)]]
    return pl.DataFrame(
        {"period": periods, "exports_usd": [40_000_000_000 + n for n in range(months)], "imports_usd": values}
    ).sort("period")


def api(imports: dict[date, float], shares: tuple[float, ...] = (0.1,) * 10) -> pl.DataFrame:
    """Groups with the world; each month's total over the groups by their shares."""
    rows = [
        ("imports", f"{g:02d}", "-", month, int(total * share))
        for month, total in imports.items()
        for g, share in enumerate(shares, start=1)
    ]
    columns = ["flow", "technology_group", "partner_code", "period", "value_usd"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def ft900(value_musd: float | None) -> pl.LazyFrame:
    rows = (
        []
        if value_musd is None
        else [("total", "-", "imports", MARCH, value_musd), ("total", "5700", "imports", MARCH, 5_000)]
    )
    return pl.LazyFrame(rows, schema=FT900, orient="row")


def gate(now: pl.DataFrame, was: pl.DataFrame | None = None, **more: Any) -> GateInput:
    contract = WORLD.model_copy(update={"quality": {**WORLD.quality, "in_season": HOLDS}})
    given: dict[str, Any] = {
        "contract": contract,
        "data": now.lazy(),
        "staged_schemas": {},
        "parent": was.lazy() if was is not None else None,
        "tables": {"ft900": ft900(None)},
        "vintage": "2025-03",
        "asked_vintage": None,
        "parent_vintage": "2025-02" if was is not None else None,
        "yanked_contents": {},
        "content_sha256": "x",
    }
    return GateInput(**given | more)


def rule(g: GateInput, value: float, expected: float = 70e9) -> tuple[Check, pl.DataFrame]:
    """A rule that March's imports trip."""
    key = ("flow", "period")

    def flows(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.select(pl.lit("imports").alias("flow"), "period", pl.col("imports_usd").alias("value_usd"))

    off = pl.DataFrame({"flow": ["imports"], "period": [MARCH], "value_usd": [int(value)], "usual": [expected]})
    seen = Observations(key, flows(g.data), flows(g.parent) if g.parent is not None else None)
    return none_of(g, "in_season", "in season", "in season", off.lazy(), "hold", observed=seen), off


def cell(value: float = 102e9, expected: float = 70e9) -> Cell:
    return Cell("in_season", KEY, value, expected)


def other(frame: pl.DataFrame, vintage: str = "2025-03") -> Any:
    return lambda name: Other(frame.lazy(), vintage, "2025-05-06.0001") if name == "atp_trade_monthly" else None


# ------------------------------------------------------------------ known values


def test_a_published_value_does_not_trip() -> None:
    g = gate(workbook(102e9), workbook(102e9))
    assert unknown(g, *rule(g, 102e9)).rows.is_empty()


def test_another_value_than_the_published_one_trips() -> None:
    g = gate(workbook(102e9), workbook(70e9))
    assert unknown(g, *rule(g, 102e9)).rows.height == 1


@pytest.mark.parametrize(("revised", "trips"), [(1.005, False), (1.019, False), (1.03, True), (0.97, True)])
def test_a_confirmed_value_stays_confirmed_when_revised(revised: float, trips: bool) -> None:
    memory = confirmations([replace(cell(), state="confirmed", confirmed_by="ft900")], None, "2025-05-06T00:00:00Z")
    g = gate(workbook(102e9 * revised), workbook(70e9), confirmed=memory)
    found = unknown(g, *rule(g, 102e9 * revised))
    assert found.rows.is_empty() is not trips
    assert bool(found.known) is not trips


def test_a_true_outlier_is_known_by_configuration() -> None:
    known = load_known_values("atp_world_monthly")
    assert [v.id for v in known] == ["front_loading_2025_03"]
    g = gate(workbook(known[0].value_usd), known_values=known)
    found = unknown(g, *rule(g, known[0].value_usd))
    assert found.rows.is_empty()
    assert "tariffs" in found.known[0]
    other_value = KnownValue(**known[0].model_dump() | {"value_usd": 90e9})
    assert unknown(replace(g, known_values=(other_value,)), *rule(g, known[0].value_usd)).rows.height == 1


# ------------------------------------------------------------------ what an older candidate is held for


@pytest.mark.parametrize(("now", "still"), [(102e9, True), (90e9, True), (83e9, False), (70e9, False)])
def test_a_newer_candidate_inherits_what_it_still_says(now: float, still: bool) -> None:
    """However usual later months make it look; a figure that went back most of the way is corrected."""
    g = gate(workbook(now), workbook(70e9, 59).filter(pl.col("period") < MARCH), held_cells=held_frame([cell()]))
    check, off = rule(g, now)
    assert unknown(g, check, off.clear()).rows.height == int(still)


@pytest.mark.parametrize(
    ("was", "now", "still"),
    [
        (cell(float("nan"), 70e9), 71e9, False),  # withdrawn, and there again with a revision
        (cell(70e9, 70e9), 70.1e9, False),  # too coarse, and more precise now
        (cell(70e9, 70e9), 70e9, True),
    ],
)
def test_what_was_missing_or_coarse_is_corrected(was: Cell, now: float, still: bool) -> None:
    g = gate(workbook(now), workbook(60e9), held_cells=held_frame([was]))
    check, off = rule(g, now)
    assert unknown(g, check, off.clear()).rows.height == int(still)


def test_what_was_confirmed_meanwhile_is_not_inherited() -> None:
    done = replace(cell(), state="confirmed", confirmed_by="ft900")
    g = gate(workbook(102e9), held_cells=held_frame([done]))
    check, off = rule(g, 102e9)
    assert unknown(g, check, off.clear()).rows.is_empty()


def test_held_cells_come_back_as_written() -> None:
    cells = (cell(), replace(cell(1, 2), state="contradicted", why="ft900 has 3"))
    assert held_cells(held_frame(cells)) == cells


# ------------------------------------------------------------------ second sources


@pytest.mark.parametrize(
    ("theirs", "state"), [(102e9, "confirmed"), (102.4e9, "confirmed"), (103e9, "contradicted"), (70e9, "contradicted")]
)
def test_a_published_source_confirms_within_its_tolerance(theirs: float, state: str) -> None:
    (found,) = confirm(gate(workbook(102e9), others=other(api({MARCH: theirs}))), [cell()])
    assert found.state == state
    assert found.confirmed_by == ("atp_trade_monthly@2025-05-06.0001" if state == "confirmed" else "")


def test_a_small_deviation_needs_a_nearer_source() -> None:
    """Within half a percent, and not within a fifth of the deviation: it may be what the deviation is."""
    (found,) = confirm(gate(workbook(102e9), others=other(api({MARCH: 101.6e9}))), [cell(expected=101e9)])
    assert found.state == "contradicted"


def test_a_source_of_another_vintage_confirms_nothing() -> None:
    (found,) = confirm(gate(workbook(102e9), others=other(api({MARCH: 102e9}), "2025-02")), [cell()])
    assert (found.state, "2025-02" in found.why) == ("open", True)


def test_one_source_that_denies_outweighs_one_that_agrees() -> None:
    tables = {"ft900": ft900(70_000)}
    (found,) = confirm(gate(workbook(102e9), others=other(api({MARCH: 102e9})), tables=tables), [cell()])
    assert (found.state, found.why) == ("contradicted", "ft900 has 70,000,000,000")


def test_a_printed_total_confirms_alone() -> None:
    (found,) = confirm(gate(workbook(102e9), tables={"ft900": ft900(102_003.2)}), [cell()])
    assert (found.state, found.confirmed_by) == ("confirmed", "ft900")


def months_of_groups(newest: tuple[float, ...]) -> pl.DataFrame:
    """Two years of groups that move a little apart, and the newest month by these factors."""
    before = [date(2023 + m // 12, m % 12 + 1, 1) for m in range(26)]
    usual = random.Random(20250301)
    wobble = [usual.uniform(0.96, 1.04) for _ in range(27 * 10)]
    rows = [
        ("imports", f"{g + 1:02d}", "-", month, int(7e9 * wobble[m * 10 + g]))
        for m, month in enumerate(before)
        for g in range(10)
    ]
    rows += [("imports", f"{g + 1:02d}", "-", MARCH, int(7e9 * f * wobble[-g])) for g, f in enumerate(newest)]
    columns = ["flow", "technology_group", "partner_code", "period", "value_usd"]
    return pl.DataFrame(rows, schema=columns, orient="row")


EVENT = (1.0, 3.4, 1.1, 2.0, 1.0, 1.1, 1.0, 1.1, 1.0, 1.87)


@pytest.mark.parametrize(("factors", "state"), [(EVENT, "confirmed"), ((1.457,) * 10, "open"), ((1.09,) * 10, "open")])
def test_held_candidates_confirm_each_other_unless_by_one_factor(factors: tuple[float, ...], state: str) -> None:
    groups = months_of_groups(factors)
    total = float(groups.filter(pl.col("period") == MARCH)["value_usd"].sum())
    was = workbook(70e9).filter(pl.col("period") < MARCH)
    g = gate(workbook(total), was, held_others=other(groups))
    (found,) = confirm(g, [cell(total)])
    assert found.state == state
    assert (ONE_FACTOR in found.why) is (state == "open")
    # A third document says so: then it is true all the same.
    (printed,) = confirm(replace(g, tables={"ft900": ft900(total / 1e6)}), [cell(total)])
    assert printed.state == "confirmed"


def test_a_year_means_the_months_that_both_versions_have() -> None:
    months = {date(2025, m, 1): 70e9 for m in (1, 2)} | {MARCH: 102e9}
    g = gate(workbook(102e9), workbook(70e9).filter(pl.col("period") < MARCH), others=other(api(months)))
    (found,) = confirm(g, [Cell("in_season", key_of({"flow": "imports", "year": 2025}), 140e9, 150e9)])
    assert found.state == "confirmed"


def test_a_partner_is_found_where_it_is_printed() -> None:
    key = key_of({"flow": "imports", "partner_code": "5700", "period": MARCH})
    partner = Cell("in_season", key, 5e9, 2e9)
    g = gate(workbook(102e9), others=other(api({MARCH: 102e9})))
    assert [c.state for c in confirm(g, [partner])] == ["open"]
    assert [c.state for c in confirm(replace(g, tables={"ft900": ft900(102_000)}), [partner])] == ["confirmed"]


def test_a_denial_is_not_forgotten_while_its_source_is_away() -> None:
    denied = replace(cell(), state="contradicted", why="ft900 has 70,000,000,000")
    (found,) = confirm(gate(workbook(102e9), others=other(api({MARCH: 102e9}))), [denied])
    assert found == denied


def test_every_denial_is_remembered() -> None:
    """The first one may be withdrawn while the second is away."""
    tables = {"ft900": ft900(70_000)}
    (both,) = confirm(gate(workbook(102e9), others=other(api({MARCH: 80e9})), tables=tables), [cell()])
    assert both.denied_by == {"atp_trade_monthly", "ft900"}
    (found,) = confirm(gate(workbook(102e9), others=other(api({MARCH: 102e9}))), [both])
    assert found.state == "contradicted"


@pytest.mark.parametrize(("value", "state"), [(102e9, "contradicted"), (103e9, "contradicted"), (75e9, "open")])
def test_a_newer_candidate_inherits_a_denial(value: float, state: str) -> None:
    denied = replace(cell(), state="contradicted", why="ft900 has 70,000,000,000")
    g = gate(workbook(value), held_cells=held_frame([denied]), others=other(api({MARCH: 102e9}), "2025-02"))
    results = [replace(A_FAILURE, check_id="in_season")]
    (_, (found,)) = settle(g, results, [cell(value)])
    assert found.state == state


def test_a_held_candidate_in_doubt_confirms_nothing() -> None:
    groups = months_of_groups(EVENT)
    total = float(groups.filter(pl.col("period") == MARCH)["value_usd"].sum())
    doubted = Other(groups.lazy(), "2025-03", "x", "ft900 has 4")
    g = gate(workbook(total), workbook(70e9).filter(pl.col("period") < MARCH), held_others=lambda _: doubted)
    (found,) = confirm(g, [cell(total)])
    assert (found.state, "ft900 has 4" in found.why) == ("open", True)


def test_a_correction_of_both_tables_in_one_vintage_is_confirmed() -> None:
    """What is published of the other one are the figures before it."""
    groups = months_of_groups(EVENT)
    total = float(groups.filter(pl.col("period") == MARCH)["value_usd"].sum())
    old = other(api({MARCH: 70e9}))
    g = gate(workbook(total), workbook(70e9).filter(pl.col("period") < MARCH), others=old, held_others=other(groups))
    assert [c.state for c in confirm(g, [cell(total)])] == ["confirmed"]
    assert [c.state for c in confirm(replace(g, held_others=old), [cell(total)])] == ["contradicted"]


def test_one_factor_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(confirmation, "moved_by_one_factor", lambda gate, other: bool(asked.append(other)))
    g = gate(workbook(102e9), held_others=other(api({MARCH: 102e9})))
    assert [c.state for c in confirm(g, [cell(), cell(102e9, 60e9)])] == ["confirmed", "confirmed"]
    assert len(asked) == 1


def test_a_misspelt_source_is_named() -> None:
    g = gate(workbook(102e9))
    quality = {"in_season": HOLDS.model_copy(update={"confirmed_by": ("ft9000",)})}
    with pytest.raises(ConfigError, match="ft9000"):
        confirm(replace(g, contract=g.contract.model_copy(update={"quality": quality})), [cell()])


# ------------------------------------------------------------------ always


@given(st.floats(1e9, 2e11), st.floats(1e9, 2e11), st.floats(1e9, 2e11))
def test_only_a_figure_near_ours_confirms(ours: float, theirs: float, expected: float) -> None:
    (found,) = confirm(gate(workbook(ours), tables={"ft900": ft900(theirs / 1e6)}), [cell(ours, expected)])
    if found.state == "confirmed":
        assert abs(ours - theirs) <= 0.0101 * theirs
        assert abs(ours - theirs) <= 0.2001 * abs(ours - expected)
