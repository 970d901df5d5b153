"""The gate of ``atp_products``: no false alarm on the bundled lists, and which check catches what.

The violations are what polars finds; that Great Expectations is asked about them is tested in ``integration``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from configs.contracts import load_contract
from configs.errors import CheckCouldNotRunError
from expectations.check import GateInput
from expectations.datasets import atp_products as expectations
from tasks.extract.bundled import atp_lists
from tasks.transform import atp_products
from tests.support.atp_products import DATASET, bundled, products


def gate(data: pl.DataFrame, parent: pl.DataFrame | None = None, vintage: str | None = None) -> GateInput:
    contract = load_contract(DATASET)
    extraction = bundled(vintage)
    return GateInput(
        contract=contract,
        data=data.lazy(),
        staged_schemas={},
        parent=parent.lazy() if parent is not None else None,
        tables=extraction.tables,
        vintage=extraction.vintage,
        asked_vintage=None,
        parent_vintage=None,
        yanked_contents={},
        content_sha256="",
    )


def violated(given: GateInput, severity: str = "critical") -> set[str]:
    checks = [c for c in expectations.checks(given) if c.severity == severity and c.frame is not None]
    frames = pl.collect_all([c.frame for c in checks if c.frame is not None])
    return {c.id for c, frame in zip(checks, frames, strict=True) if frame.height}


def test_no_false_alarm_on_any_bundled_vintage() -> None:
    parent = None
    for vintage in atp_lists.vintages(DATASET):
        given = gate(products(vintage), parent, vintage)
        # The Harmonized System of 2022, and years whose export list is not bundled, as the reasons of the bounds say.
        expected = {"2022-01": {"churn"}, "2020-01": {"lists_of_one_year"}, "2021-01": {"lists_of_one_year"}}
        warned = expected.get(vintage, set())
        assert not violated(given, "hold")
        assert (violated(given), violated(given, "warning")) == (set(), warned)
        parent = products(vintage)


Corruption = Callable[[pl.DataFrame], pl.DataFrame]
LEFT = pl.col("ended") == "left"
NEWEST = pl.col("ended") == "newest_list"
ONE = pl.col("hs10") == "2933294500"


def when(condition: pl.Expr, **values: object) -> Corruption:
    return lambda df: df.with_columns(
        [pl.when(condition).then(pl.lit(v)).otherwise(pl.col(n)).cast(df.schema[n]).alias(n) for n, v in values.items()]
    )


def again(condition: pl.Expr, **values: object) -> Corruption:
    return lambda df: pl.concat([df, when(condition, **values)(df.filter(condition))])


CORRUPTIONS: dict[str, tuple[Corruption, str]] = {
    "an end before the beginning": (when(LEFT, valid_to=date(2016, 12, 1)), "intervals"),
    "a day that is not the first": (when(ONE, valid_from=date(2017, 1, 2)), "intervals"),
    "an end without a reason": (when(LEFT, ended=None), "intervals"),
    "a reason without an end": (when(ONE, valid_to=None), "intervals"),
    "a newest list that ends before December": (when(NEWEST, valid_to=date(2022, 11, 1)), "intervals"),
    "a newest list that goes on": (when(NEWEST, valid_to=date(2023, 12, 1)), "years_with_a_list"),
    "a newest list without an end": (when(NEWEST, valid_to=None), "years_with_a_list"),
    "a beginning after the newest list": (when(ONE, valid_from=date(2023, 1, 1)), "intervals"),
    "a code in two groups at a time": (again(ONE, technology_group="02", valid_from=date(2019, 1, 1)), "no_overlap"),
    "an interval cut in two": (
        lambda df: pl.concat([
            when(ONE, valid_to=date(2018, 12, 1), ended="left")(df),
            when(ONE, valid_from=date(2019, 1, 1), began="entered")(df).filter(ONE),
        ]),
        "neighbours",
    ),
    "a change of group without another half": (when(ONE, began="changed_group"), "neighbours"),
    "an end by change of group without another half": (when(LEFT, ended="changed_group"), "neighbours"),
    "a code too many": (again(ONE, hs10="1234567890"), "matches_lists"),
    "a code missing": (lambda df: df.filter(~ONE), "matches_lists"),
    "a code in another group": (when(ONE, technology_group="02"), "matches_lists"),
    "a code that did not leave": (when(LEFT, valid_to=date(2022, 12, 1), ended="newest_list"), "matches_lists"),
    "a year that no list covers": (
        when((pl.col("flow") == "exports") & (pl.col("hs10") == "2844200010"), valid_from=date(2018, 1, 1)),
        "years_with_a_list",
    ),
    "an end in a year that no list covers": (
        when((pl.col("flow") == "exports") & (pl.col("hs10") == "2844200010"), valid_to=date(2020, 12, 1), ended="left"),
        "years_with_a_list",
    ),
    "a flow of another vintage": (when(pl.col("flow") == "exports", source_vintage="2021-01"), "one_vintage"),
    "a flow lost": (lambda df: df.filter(pl.col("flow") == "imports"), "one_vintage"),
    "a group without codes": (lambda df: df.filter(pl.col("technology_group") != "07"), "all_groups"),
    "half of the codes": (lambda df: df[::2], "in_force"),
}  # fmt: skip


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corrupted_table_is_rejected_by(corruption: str) -> None:
    corrupt, check = CORRUPTIONS[corruption]
    assert check in violated(gate(corrupt(products())))


EXPORTS = pl.col("flow") == "exports"
AGAINST_PARENT: dict[str, tuple[Corruption, str, str]] = {
    "a code lost": (lambda df: df.filter(~ONE), "history_lost", "critical"),
    "a beginning moved": (when(ONE, valid_from=date(2018, 1, 1)), "history_lost", "critical"),
    "a past interval lost": (lambda df: df.filter(~LEFT), "history_lost", "critical"),
    "a past interval in another group": (when(ONE, technology_group="02"), "history_changed", "warning"),
    "a past interval that ends later": (
        when(LEFT & (pl.col("valid_to") == date(2018, 12, 1)), valid_to=date(2019, 12, 1)), "history_changed", "warning",
    ),
    "a past interval open again": (
        when(LEFT & (pl.col("valid_to") == date(2018, 12, 1)), valid_to=date(2022, 12, 1), ended="newest_list"), "history_changed", "warning",
    ),
    "an open interval that ended before": (
        when(ONE, valid_to=date(2018, 12, 1), ended="left"), "history_changed", "warning",
    ),
    "a group rewritten": (
        when(pl.col("technology_group") == "04", technology_group="05"), "history_rewritten", "critical",
    ),
}  # fmt: skip


@pytest.mark.parametrize("corruption", AGAINST_PARENT)
def test_against_the_version_before_it_is_caught_by(corruption: str) -> None:
    corrupt, check, severity = AGAINST_PARENT[corruption]
    assert check not in violated(gate(products(), products("2020-01")), severity)
    assert check in violated(gate(corrupt(products()), products("2020-01")), severity)


def held_against(lists: pl.LazyFrame, parent: pl.DataFrame | None = None) -> GateInput:
    data = atp_products.transform({"lists": lists}).collect()
    return replace(gate(data, parent), tables={"lists": lists})


def test_a_list_added_between_two_others_loses_no_history() -> None:
    lists = bundled().tables["lists"].filter(~EXPORTS)
    gap = lists.filter(pl.col("list_month") != date(2019, 1, 1))
    parent = atp_products.transform({"lists": gap}).collect()
    assert parent.filter(pl.col("ended") == "coverage_gap").height > 500
    given = held_against(lists, parent)
    assert violated(given) == violated(given, "warning") == set()


def test_a_new_list_that_changes_much_is_a_warning_once() -> None:
    lists = bundled().tables["lists"]
    eighth = (pl.col("list_month") == date(2021, 1, 1)) & (pl.int_range(pl.len()) % 8 == 0)
    renumbered = lists.with_columns(
        hs10=pl.when(eighth).then("hs10").otherwise("hs10").str.replace("^", "")
    ).with_columns(hs10=pl.when(eighth).then(pl.concat_str(pl.lit("99"), pl.col("hs10").str.tail(8))).otherwise("hs10"))
    known = atp_products.transform({"lists": renumbered}).collect()
    first = held_against(renumbered, products("2020-01"))
    assert "churn" in violated(first, "warning") and "list_exchanged" not in violated(first)
    assert "churn" not in violated(held_against(renumbered, known), "warning"), "what was published is not told again"


def test_a_list_of_the_other_flow_is_rejected() -> None:
    lists = bundled().tables["lists"]
    newest = EXPORTS & (pl.col("list_month") == date(2022, 1, 1))
    exports = lists.filter(newest).with_columns(flow=pl.lit("imports"), list_month=pl.lit(date(2023, 1, 1)))
    assert {"list_exchanged", "list_of_its_flow"} <= violated(held_against(pl.concat([lists, exports])))
    imports = lists.filter(~EXPORTS & (pl.col("list_month") == date(2021, 1, 1)))
    assert "list_exchanged" in violated(held_against(pl.concat([lists, imports.with_columns(flow=pl.lit("exports"))])))


def test_one_list_under_two_months_is_a_warning() -> None:
    lists = bundled().tables["lists"]
    newest = lists.filter(~EXPORTS & (pl.col("list_month") == date(2022, 1, 1)))
    twice = pl.concat([lists, newest.with_columns(list_month=pl.lit(date(2023, 1, 1)))])
    given = replace(held_against(twice, products()), vintage="2023-01")
    assert (violated(given), violated(given, "warning")) == (set(), {"same_list", "lists_of_one_year"})


def test_exchanged_lists_are_rejected_on_an_empty_store() -> None:
    lists = bundled().tables["lists"].filter(pl.col("list_month") == date(2022, 1, 1))
    other = pl.when(EXPORTS).then(pl.lit("imports")).otherwise(pl.lit("exports"))
    assert violated(replace(held_against(lists), vintage="2022-01")) == set()
    exchanged = replace(held_against(lists.with_columns(flow=other)), vintage="2022-01")
    assert "list_of_its_flow" in violated(exchanged)


def test_a_pair_that_was_published_is_not_judged_again() -> None:
    """A promoted list stays: otherwise every later list would be rejected for it."""
    lists = bundled().tables["lists"]
    foreign = pl.concat(
        [
            lists.filter(~EXPORTS),
            lists.filter(~EXPORTS & (pl.col("list_month") == date(2021, 1, 1))).with_columns(flow=pl.lit("exports")),
            lists.filter(EXPORTS & (pl.col("list_month") == date(2022, 1, 1))),
        ]
    )
    promoted = atp_products.transform({"lists": foreign}).collect()
    assert "list_exchanged" in violated(held_against(foreign, products("2020-01")))
    assert not {"list_exchanged", "list_of_its_flow"} & violated(held_against(foreign, promoted))


def test_a_version_with_open_rows_knows_its_lists() -> None:
    """Before schema 2 the rows of the newest list had no end."""
    open_ = when(NEWEST, valid_to=None, ended=None)(products("2021-01"))
    given = gate(products(), open_)
    assert (violated(given), violated(given, "warning")) == (set(), {"churn"})
    pairs = next(c for c in expectations.checks(given) if c.id == "churn").over
    assert pairs is not None
    assert pairs.select("flow", "list_month").collect().rows() == [
        ("exports", date(2022, 1, 1)), ("imports", date(2022, 1, 1)),
    ]  # fmt: skip


def test_a_check_without_its_table_or_with_another_vintage_could_not_run() -> None:
    with pytest.raises(CheckCouldNotRunError, match="lists"):
        expectations.checks(replace(gate(products()), tables={}))
    with pytest.raises(CheckCouldNotRunError, match="YYYY-MM"):
        expectations.checks(replace(gate(products()), vintage="latest"))


def test_a_version_before_without_a_column_is_not_compared() -> None:
    checks = expectations.checks(gate(products(), products().drop("ended")))
    skipped = {c.id: c.reason for c in checks if c.frame is None}
    assert set(skipped) == {"history_lost", "history_changed", "history_rewritten"}
    assert "ended" in skipped["history_lost"]


def test_every_bound_of_the_contract_is_that_of_a_check_and_has_a_reason() -> None:
    quality = load_contract(DATASET).quality
    assert all(policy.reason for policy in quality.values())
    assert set(quality) - {"row_count"} <= {c.id for c in expectations.checks(gate(products(), products()))}
