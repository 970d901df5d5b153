"""The gate on BEA's figures: good ones pass without an alarm, and each corruption is caught by the check for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import Any

import polars as pl
import pytest

from benchmarks.synthetic.bea import World
from benchmarks.synthetic.bea_api import documents
from benchmarks.synthetic.memory import Memory
from configs.contracts import load_contract
from expectations.check import GateInput
from tasks.extract import partners as partner_reference
from tasks.extract.bea import source
from tasks.quality.gate import run_gate
from tasks.quality.results import GateResult
from tasks.transform.registry import load_transform

ANNUAL, QUARTERLY = "us_ip_trade_annual", "us_ip_trade_quarterly"
Corruption = Callable[[pl.DataFrame], pl.DataFrame]
TOTAL, MOVIES = "ChargesForTheUseOfIpNie", "CipLicensesMoviesTv"


@cache
def made(dataset: str, state: int, size: str = "full") -> tuple[str, dict[str, pl.LazyFrame], pl.DataFrame]:
    """Vintage, the source's tables and the dataset, of one update."""
    extraction = source.parse(dataset, documents(World(size, state), dataset), None)
    partners = partner_reference.table(partner_reference.document(Memory()))
    tables = {n: f.collect().lazy() for n, f in {**extraction.tables, "partners": partners}.items()}
    return extraction.vintage, tables, load_transform(load_contract(dataset)).transform(tables).collect()


def good(dataset: str, state: int = 2024) -> pl.DataFrame:
    return made(dataset, state, "full" if dataset == QUARTERLY else "small")[2]


def given(
    dataset: str, data: pl.DataFrame, state: int = 2024, parent: pl.DataFrame | None = None, **more: Any
) -> GateInput:
    contract = load_contract(dataset)
    size = more.pop("size", "full" if dataset == QUARTERLY else "small")
    vintage, tables, _ = made(dataset, state, size)
    changed = more.pop("changed", {})
    return GateInput(
        **{
            "contract": contract,
            "data": data.lazy(),
            "staged_schemas": {"data/part-0000.parquet": contract.arrow_schema},
            "parent": parent.lazy() if parent is not None else None,
            "tables": tables | changed,
            "vintage": vintage,
            "asked_vintage": None,
            "parent_vintage": None,
            "yanked_contents": {},
            "content_sha256": "x",
            "live": True,
            "today": date.fromisoformat(vintage) + timedelta(days=30),
        }
        | more
    )


def failed(report: GateResult, severity: str | None = None) -> set[str]:
    return {r.check_id for r in report.results if r.outcome == "failed" and severity in (None, r.severity)}


def also_at_the_source(dataset: str, data: pl.DataFrame) -> dict[str, pl.LazyFrame]:
    """The source's own rows with the same corruption: then only a rule on the figures can see it."""
    columns = (
        made(dataset, 2024, "full" if dataset == QUARTERLY else "small")[1]["observations"].collect_schema().names()
    )
    return {"observations": data.select(columns).unique(load_contract(dataset).primary_key).lazy()}


# ------------------------------------------------------------------ no false alarm


@pytest.mark.parametrize(
    ("dataset", "size"), [(ANNUAL, "recent"), pytest.param(ANNUAL, "full", marks=pytest.mark.slow), (QUARTERLY, "full")]
)
def test_no_false_alarm_with_all_areas_and_after_an_update(dataset: str, size: str) -> None:
    _, _, first = made(dataset, 2024, size)
    report = run_gate(given(dataset, first, 2024, size=size))
    assert failed(report) == set(), report.failures()
    _, _, second = made(dataset, 2025, size)
    report = run_gate(given(dataset, second, 2025, first, size=size))
    assert failed(report) == set(), report.failures()
    # The two vintages differ; other datasets and the vintage before are not given here.
    elsewhere = {"figures_changed", "no_news", "quarters_to_year", *(["same_us_total"] if dataset == ANNUAL else [])}
    skipped = {r.check_id for r in report.results if r.outcome == "not_applicable"}
    assert skipped == {"asked_vintage", *elsewhere}


def test_how_many_sums_could_be_held_against_their_parts_is_told() -> None:
    report = run_gate(given(ANNUAL, good(ANNUAL)))
    told = {r.check_id: (r.rows_checked, r.expected) for r in report.results if r.check_id.endswith("_add_up")}
    for checked, expected in told.values():
        assert f"{checked:,} of " in expected
    assert told["affiliations_add_up"][1] != told["types_add_up"][1]
    withheld = good(ANNUAL).filter(pl.col("observation_status") == "suppressed").height
    assert withheld > 0


# ------------------------------------------------------------------ what is caught


def when(condition: pl.Expr, **values: pl.Expr) -> Corruption:
    return lambda df: df.with_columns(
        [pl.when(condition).then(v).otherwise(pl.col(n)).cast(df.schema[n]).alias(n) for n, v in values.items()]
    )


def without(condition: pl.Expr) -> Corruption:
    return lambda df: df.filter(~condition)


def scaled(factor: float, condition: pl.Expr | None = None) -> Corruption:
    return when(pl.lit(True) if condition is None else condition, value_usd=pl.col("value_usd") * factor)


VALUE, STATUS = pl.col("value_usd"), pl.col("observation_status")
TYPE, AREA, AFFILIATION = pl.col("ip_type"), pl.col("partner_code"), pl.col("affiliation")
EXPORTS = pl.col("direction") == "exports"
WORLD = (AREA == "AllCountries") & (AFFILIATION == "AllAffiliations")
SUPPRESSED = STATUS == "suppressed"
SWAP = when(pl.lit(True), direction=pl.col("direction").replace({"exports": "imports", "imports": "exports"}))
# Each with its source corrupted in the same way, so that the comparison with the source alone does not catch it.
FIGURES: dict[str, tuple[str, Corruption, str]] = {
    "thousands": (ANNUAL, scaled(1e-3), "unit"),
    "dollars taken for millions": (ANNUAL, scaled(1e6), "range_value_usd"),
    "flows swapped": (ANNUAL, SWAP, "unit"),
    "imports taken for exports as well": (ANNUAL, without(~EXPORTS), "unit"),
    "no total": (ANNUAL, without(TYPE == TOTAL), "unit"),
    "one type a tenth more": (ANNUAL, scaled(1.1, TYPE == "CipLicensesCompSoftware"), "types_add_up"),
    "one type missing a part": (ANNUAL, scaled(0.5, TYPE == MOVIES), "types_add_up"),
    "one affiliation twice": (ANNUAL, scaled(2, AFFILIATION == "UsParents"), "affiliations_add_up"),
    "unaffiliated trade off by ten million": (
        ANNUAL,
        when((AFFILIATION == "Unaffiliated") & (AREA == "AllCountries"), value_usd=VALUE + 10_000_000),
        "affiliations_add_up",
    ),
    "a region twice": (ANNUAL, scaled(2, AREA == "Europe"), "areas_add_up"),
    "regions swapped": (
        ANNUAL,
        when(AFFILIATION == "Unaffiliated", partner_code=AREA.replace({"Europe": "AllCountries", "AllCountries": "Europe"})),
        "areas_add_up",
    ),
    "exports off by three million": (
        ANNUAL,
        when(EXPORTS & (AREA == "Taiwan") & VALUE.is_not_null(), value_usd=VALUE + 3_000_000),
        "balance",
    ),
    "a suppressed figure as 0": (ANNUAL, when(SUPPRESSED, value_usd=pl.lit(0)), "status_of_value"),
    "a reported figure without one": (ANNUAL, when(AREA == "Taiwan", value_usd=pl.lit(None)), "status_of_value"),
    "a reason that does not exist": (ANNUAL, when(SUPPRESSED, observation_status=pl.lit("secret")), "allowed_observation_status"),
    "figures of two vintages": (ANNUAL, when(AREA == "Taiwan", source_vintage=pl.lit("2023-07-06")), "one_vintage"),
    "stale": (ANNUAL, without(pl.col("year") > 2021), "fresh"),
    "a newest year without figures": (
        ANNUAL,
        when(pl.col("year") > 2021, value_usd=pl.lit(None), observation_status=pl.lit("not_available")),
        "fresh",
    ),
    "a year that was not over": (ANNUAL, when(pl.col("year") == 2023, year=pl.lit(2024)), "no_future_year"),
    "an area marked as a country": (ANNUAL, when(AREA == "Europe", is_aggregate=pl.lit(False)), "aggregate_marks"),
    "a country marked as an area": (ANNUAL, when(AREA == "Taiwan", is_aggregate=pl.lit(True)), "aggregate_marks"),
    "an area without a name": (ANNUAL, when(AREA == "Taiwan", partner_name=pl.lit(None, dtype=pl.String)), "not_null_partner_name"),
    "a row twice": (ANNUAL, lambda df: pl.concat([df, df.head(1)]), "key_unique"),
    "quarterly thousands": (QUARTERLY, scaled(1e-3), "unit"),
    "quarterly flows swapped": (QUARTERLY, SWAP, "unit"),
    "annual totals for quarters": (QUARTERLY, scaled(8), "unit"),
    "a quarter missing": (QUARTERLY, without(pl.col("period") == pl.date(2015, 4, 1)), "no_gaps"),
    "a newest quarter of one flow only": (QUARTERLY, without((pl.col("period") == pl.date(2024, 1, 1)) & EXPORTS), "no_gaps"),
    "a series without its adjustment": (
        QUARTERLY,
        without((pl.col("seasonal_adjustment") == "seasonally_adjusted") & (TYPE == "CipLicensesAudVis")),
        "no_gaps",
    ),
    "a quarter not over": (QUARTERLY, when(pl.col("period") == pl.date(2024, 1, 1), period=pl.date(2024, 4, 1)), "no_future_quarter"),
    "a period inside of a quarter": (QUARTERLY, when(pl.col("period") == pl.date(2015, 4, 1), period=pl.date(2015, 5, 1)), "no_future_quarter"),
    "quarterly stale": (QUARTERLY, without(pl.col("period") > pl.date(2023, 4, 1)), "fresh"),
    "a quarterly type a tenth more": (QUARTERLY, scaled(1.1, TYPE == "CipLicensesAudVis"), "types_add_up"),
}  # fmt: skip


@pytest.mark.parametrize("corruption", FIGURES)
def test_a_corrupted_table_is_rejected_by(corruption: str) -> None:
    dataset, corrupt, check = FIGURES[corruption]
    data = corrupt(good(dataset))
    report = run_gate(given(dataset, data, changed=also_at_the_source(dataset, data)))
    assert check in failed(report, "critical"), report.failures()


def test_an_area_that_nobody_knows_is_held_if_it_is_large() -> None:
    for size, check in ((1, "resolves_partner_code"), (1e-4, "unknown_partner_code")):
        taiwan = when(AREA == "Taiwan", partner_code=pl.lit("Atlantis"), value_usd=(VALUE * size).cast(pl.Int64))
        data = taiwan(good(ANNUAL))
        report = run_gate(given(ANNUAL, data, changed=also_at_the_source(ANNUAL, data)))
        found = {r.check_id: r.severity for r in report.results if r.outcome == "failed"}
        assert found.get(check) == ("hold" if size == 1 else "warning"), found


FROM_THE_SOURCE: dict[str, Corruption] = {
    "a suppressed figure as 0": when(SUPPRESSED, value_usd=pl.lit(0), observation_status=pl.lit("reported")),
    "rows lost": without(SUPPRESSED),
    "a row that BEA did not give": lambda df: pl.concat(
        [df, df.head(1).with_columns(year=pl.lit(2001, dtype=pl.Int32))]
    ),
    "one figure off by a million": when((AREA == "Taiwan") & (TYPE == TOTAL), value_usd=VALUE + 1_000_000),
}


@pytest.mark.parametrize("corruption", FROM_THE_SOURCE)
def test_what_bea_did_not_say_is_rejected(corruption: str) -> None:
    report = run_gate(given(ANNUAL, FROM_THE_SOURCE[corruption](good(ANNUAL))))
    assert "as_published" in failed(report, "critical")


TAIWAN_2022 = (AREA == "Taiwan") & (pl.col("year") == 2022)
WITHHELD = {"value_usd": pl.lit(None), "observation_status": pl.lit("suppressed")}
AGAINST_PARENT: dict[str, tuple[str, Corruption, str, str]] = {
    "an area lost": (ANNUAL, without(AREA == "Ireland"), "codes_lost", "critical"),
    "a type lost": (ANNUAL, without(TYPE == MOVIES), "codes_lost", "critical"),
    "years lost": (ANNUAL, without(pl.col("year") < 2022), "row_count", "critical"),
    "some figures withheld": (ANNUAL, when(TAIWAN_2022 & (TYPE == MOVIES), **WITHHELD), "figures_withdrawn", "warning"),
    "a third of all withheld": (ANNUAL, when(AFFILIATION == "UsParents", **WITHHELD), "withdrawn_share", "critical"),
    "a type twice": (ANNUAL, scaled(2, TYPE == MOVIES), "size_of_change", "critical"),
    "a partner fourfold": (ANNUAL, scaled(4, AREA == "Germany"), "size_of_change_partner", "critical"),
    "a type a fifth more": (ANNUAL, scaled(1.2, TYPE == MOVIES), "large_revision", "warning"),
    "a quarter lost": (QUARTERLY, without(pl.col("period") < pl.date(2001, 1, 1)), "row_count", "critical"),
    "a series lost": (QUARTERLY, without(TYPE == "CipLicensesAudVis"), "codes_lost", "critical"),
    "a series twice": (QUARTERLY, scaled(2, TYPE == "CipLicensesAudVis"), "size_of_change", "critical"),
    "a series a fifth more": (QUARTERLY, scaled(1.2, TYPE == "CipLicensesAudVis"), "large_revision", "warning"),
    "quarters withheld": (QUARTERLY, when(pl.col("period") == pl.date(2020, 1, 1), **WITHHELD), "figures_withdrawn", "warning"),
}  # fmt: skip


@pytest.mark.parametrize("corruption", AGAINST_PARENT)
def test_against_the_version_before_it_is_caught_by(corruption: str) -> None:
    dataset, corrupt, check, severity = AGAINST_PARENT[corruption]
    report = run_gate(given(dataset, corrupt(good(dataset, 2025)), 2025, good(dataset)))
    assert check in failed(report, severity), report.failures()


@pytest.mark.parametrize("dataset", [ANNUAL, QUARTERLY])
def test_a_figure_lost_within_a_vintage_is_a_fault(dataset: str) -> None:
    data = good(dataset)
    lost = (
        data.with_row_index()
        .with_columns(value_usd=pl.when(pl.col("index") == 0).then(None).otherwise(VALUE))
        .drop("index")
    )
    assert "figures_lost" in failed(run_gate(given(dataset, lost, 2024, data)), "critical")


def test_a_type_that_a_person_took_out_of_the_codes_is_news_and_no_fault() -> None:
    data = good(ANNUAL, 2025).filter(TYPE != MOVIES)
    changed = also_at_the_source(ANNUAL, data)
    changed["types"] = made(ANNUAL, 2025, "small")[1]["types"].filter(pl.col("code") != MOVIES)
    loose = load_contract(ANNUAL)
    loose = loose.model_copy(
        update={
            "quality": {
                **loose.quality,
                "row_count": loose.policy("row_count", "warning").model_copy(update={"bounds": {"minimum_share": 0.5}}),
            }
        }
    )
    report = run_gate(given(ANNUAL, data, 2025, good(ANNUAL), changed=changed, contract=loose))
    assert "codes_retired" in failed(report, "warning")
    assert "codes_lost" not in failed(report)


def test_missing_areas_and_disagreeing_adjustments_are_warnings() -> None:
    data = good(ANNUAL)
    assert failed(run_gate(given(ANNUAL, data))) == {"areas_complete"}, "the small world has twelve of ninety"
    quarterly = good(QUARTERLY)
    off = when(pl.col("seasonal_adjustment") == "seasonally_adjusted", value_usd=VALUE * 1.05)(quarterly)
    report = run_gate(given(QUARTERLY, off, changed=also_at_the_source(QUARTERLY, off)))
    assert failed(report) == {"years_agree"}


def test_a_revision_of_a_tenth_of_one_year_is_real() -> None:
    """Receipts of 2023 went from 134 to 148 billion dollars; it must not be rejected."""
    parent, data = good(ANNUAL), good(ANNUAL, 2025)
    raised = scaled(1.1, (pl.col("year") == 2023) & EXPORTS)(data)
    balance = made(ANNUAL, 2025, "small")[1]["balance"].filter(pl.col("year") != 2023)
    changed = also_at_the_source(ANNUAL, raised) | {"balance": balance}
    report = run_gate(given(ANNUAL, raised, 2025, parent, changed=changed))
    assert failed(report, "critical") == set(), report.failures()
