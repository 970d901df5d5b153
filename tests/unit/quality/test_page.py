"""The page of a version's quality, its charts and tables. Without a store."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest

from configs.contracts import load_contract
from tasks.common.clock import to_minute
from tasks.quality.measures import compare_measures
from tasks.quality.page.chart import draw, short
from tasks.quality.page.evidence import Served
from tasks.quality.page.render import cell, change, ratio, render
from tasks.quality.page.series import AROUND, CheckedSeries, Point, headline_series, series_of
from tasks.warehouse.records import Override
from tests.support.evidence import ATP, HITECH, IP, evidence, months, result

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> {{ 7*7 }} &amp; \u202e"


class Page(HTMLParser):
    """The tags that a browser would see, with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said += data

    def count(self, tag: str) -> int:
        return sum(t == tag for t, _ in self.tags)


# ----------------------------------------------------------------------- series


def test_the_series_around_the_failing_points_stands_beside_the_version_before() -> None:
    (exports,) = series_of(result({"period": "2019-06-01", "exports_usd": 1}), ATP, months(120, 2), months(119))
    assert (exports.measure, exports.unit, exports.has_before) == ("exports_usd", "US dollars", True)
    assert len(exports.points) == 2 * AROUND + 1
    assert [p.at for p in exports.points if p.failing] == ["2019-06-01"]
    middle = exports.points[AROUND]
    assert (middle.now, middle.before, middle.factor) == (2 * 1053, 1053, 2)


def test_where_more_rows_failed_than_are_kept_the_whole_series_is_shown() -> None:
    (exports,) = series_of(result({"period": "2019-06-01", "exports_usd": 1}, failed=119), ATP, months(120), None)
    assert len(exports.points) == 120 and not exports.has_before


def test_a_month_that_is_gone_is_a_point_without_a_figure() -> None:
    without = months(60).filter(pl.col("period") != date(2017, 3, 1))
    (one, _) = series_of(result({"period": "2017-03-01"}), ATP, without, months(60))
    gone = next(p for p in one.points if p.failing)
    assert (gone.now, gone.before, gone.factor) == (None, 1026, None)


def test_a_year_that_fails_marks_its_months() -> None:
    (one, *_) = series_of(result({"year": 2017, "exports_usd": 5}), ATP, months(60), months(60))
    assert sum(p.failing for p in one.points) == 12


def hitech() -> pl.LazyFrame:
    rows = [("exports", g, p, date(2026, 1, 1), v, v) for g in ("01", "02") for p, v in (("-", 10), ("5700", 7))]
    return pl.LazyFrame(rows, schema=["flow", "technology_group", "partner_code", "period", "value_usd", "value_ytd_usd"], orient="row")  # fmt: skip


def test_what_a_rule_summed_over_is_summed_over_and_aggregates_are_not_counted_twice() -> None:
    (one, *_) = series_of(result({"flow": "exports", "period": "2026-01-01", "value_usd": 1}), HITECH, hitech(), None)
    assert [p.now for p in one.points] == [20]
    assert one.of == "flow exports, the world, all groups"


@pytest.mark.parametrize(
    "row",
    [
        {"vintage": "2026-08", "days_old": 85}, {"rows": 5, "rows_before": 9}, {"file": "a", "column": "b"},
        {"period": "2026-01-01", "partner_code": "5700", "technology_group": "01"},  # of which flow it is, nobody says
    ],
)  # fmt: skip
def test_where_the_rows_do_not_say_which_series_none_is_drawn(row: dict[str, Any]) -> None:
    assert series_of(result(row), HITECH, hitech(), None) == []


def test_a_dataset_without_figures_over_time_has_no_series() -> None:
    assert series_of(result({"partner_id": "DEU"}), load_contract("partners"), pl.LazyFrame(), None) == []


def test_the_measure_that_a_row_names_is_the_one_drawn() -> None:
    data = pl.LazyFrame({"economy_code": ["USA", "USA"], "year": [2019, 2020], "receipts_usd": [1.0, 2.0], "payments_usd": [3.0, None]})  # fmt: skip
    row = {"economy_code": "USA", "year": 2020, "measure": "payments_usd", "value": 4.0}
    (one,) = series_of(result(row), IP, data, None)
    assert (one.measure, [p.now for p in one.points]) == ("payments_usd", [3.0, None])


# ----------------------------------------------------------------------- charts


def line(*values: float | None, before: float | None = None) -> CheckedSeries:
    points = tuple(Point(f"2020-{i + 1:02d}-01", before, v, i == 0) for i, v in enumerate(values))
    return CheckedSeries("value_usd", "US dollars", "of it", points, before is not None)


def test_figures_far_apart_are_drawn_logarithmically_and_others_not() -> None:
    far, near, negative = draw(line(1000, 2000, before=1)), draw(line(10, 20, before=15)), draw(line(-5, 5000))
    assert far and near and negative
    assert (far.logarithmic, near.logarithmic, negative.logarithmic) == (True, False, False)


def test_every_point_lies_within_the_frame() -> None:
    for series in (line(1000, 2000, before=1), line(-5, 5000), line(7), line(0, 0), line(5, None, 6), line(3e-9, 1e14)):
        chart = draw(series)
        assert chart is not None
        numbers = [float(n) for n in re.findall(r"(?<=[ML ])-?[\d.]+", chart.now + chart.before)]
        xs, ys = numbers[::2], numbers[1::2]
        assert all(chart.left <= x <= chart.right for x in xs) and all(chart.top <= y <= chart.bottom for y in ys)
        assert all(chart.top <= y <= chart.bottom for y, _ in chart.y_ticks) and len(chart.y_ticks) >= 2


def test_a_gap_breaks_the_line_and_nothing_is_drawn_of_nothing() -> None:
    chart = draw(line(5, None, 6))
    assert chart is not None and chart.now.count("M") == 2 and "L" not in chart.now
    assert draw(line(None, None)) is None


@pytest.mark.parametrize(
    ("value", "told"), [(0, "0"), (44.7e9, "44.7 bn"), (-2e6, "-2 m"), (1e12, "1 tn"), (999, "999")]
)
def test_figures_of_an_axis_are_short(value: float, told: str) -> None:
    assert short(value) == told


# -------------------------------------------------------------------- comparison


def test_one_factor_over_all_rows_is_found_and_single_rows_are_not_taken_for_one() -> None:
    exports, imports, _ = compare_measures(ATP, months(60, 1000), months(60))
    assert (exports.both, exports.differ, exports.one_factor) == (60, 60, 1000)
    assert (imports.differ, imports.one_factor, imports.median) == (0, None, None)
    one = months(60).with_columns(
        exports_usd=pl.when(pl.col("period") == date(2017, 1, 1)).then(9).otherwise("exports_usd")
    )
    exports, *_ = compare_measures(ATP, one, months(60))
    assert (exports.differ, exports.one_factor) == (1, None)
    assert compare_measures(ATP, months(60), None) == []


@pytest.mark.parametrize(
    ("value", "told"),
    [(1.0, "1.0000"), (1.02, "1.0200"), (1.00001, "1.000010"), (1000.0, "1,000"), (0.001, "0.001"), (-1.0, "−1.0000")],
)
def test_a_ratio_is_a_ratio_and_no_percentage(value: float, told: str) -> None:
    assert ratio(value) == told and ratio(None) == "\N{EN DASH}"


def test_cells_are_for_people() -> None:
    assert [cell(v) for v in (None, 1234567, 0.5, True, "a")] == ["\N{EN DASH}", "1,234,567", "0.5", "True", "a"]
    assert [change(v) for v in (None, 1.02, 1000)] == ["\N{EN DASH}", "+2.00%", "\N{MULTIPLICATION SIGN} 1,000"]
    assert to_minute("2026-11-24T07:56:08.2Z") == "2026-11-24 07:56 UTC" and to_minute("") == ""


# --------------------------------------------------------------------------- page


def test_the_page_says_what_an_owner_needs() -> None:
    failing = result({"period": "2019-06-01", "exports_usd": 1}, runbook="deploy/runbooks/quality.md#unit-and-size")
    held, skipped = (
        result(outcome="passed", check_id="held"),
        result(outcome="not_applicable", check_id="skipped", reason="no parent"),
    )
    series = {"jumps": series_of(failing, ATP, months(120, 1000), months(119))}
    compared = tuple(compare_measures(ATP, months(120, 1000), months(119)))
    html = render(evidence(held, skipped, failing, series=series, compared=compared))
    page = Page(html)
    for words in (
        "Readers still get atp_world_monthly@2026-11-24.0002", "vintage 2025-01, since 2026-11-20 08:00 UTC", "within a factor of 2", "the largest seen is 1.4",
        "somebody", "quality.md#unit-and-size", "Do not promote.", "no parent", "/s/q.parquet", "1,000 times",
        "this version", "version before", "2019-06-01", "1.2.3+code.c3156d4ca5a5", "f51f3b6fd00b",
        "Nearly every figure of exports_usd is 1,000 times what it was in the version before.",
    ):  # fmt: skip
        assert words in page.said, words
    assert html.index('id="jumps"') < html.index("Checks that do not apply") < html.index("Checks that passed")
    assert "median ratio" in page.said and "factor over all rows" not in page.said


def test_a_version_that_passed_shows_its_headline_series_beside_the_version_before() -> None:
    headlines = tuple(headline_series(ATP, months(62), months(60)))
    assert [(s.measure, s.of) for s in headlines][0] == ("exports_usd", "ATP exports")
    passed = render(evidence(result(outcome="passed"), state="latest", headlines=headlines))
    assert Page(passed).count("svg") == len(headlines) == 3
    assert Page(passed).count("rect") == 3, "what is new stands apart"
    first = render(evidence(state="latest", headlines=tuple(headline_series(ATP, months(60), None))))
    assert Page(first).count("svg") == 3 and "version before</span>" not in first
    failing = result({"period": "2017-06-01", "exports_usd": 1})
    series = {"jumps": series_of(failing, ATP, months(60, 2), months(60))}
    assert Page(render(evidence(failing, series=series, headlines=headlines))).count("svg") == 1
    assert headline_series(load_contract("partners"), pl.LazyFrame(), None) == []


def test_a_headline_table_has_the_largest_revisions_and_the_newest_points() -> None:
    revised = months(62).with_columns(exports_usd=pl.when(pl.col("period") == date(2016, 3, 1)).then(9).otherwise("exports_usd"))  # fmt: skip
    exports = headline_series(ATP, revised, months(60))[0]
    assert [p.at for p in exports.shown()] == ["2016-03-01", "2020-01-01", "2020-02-01"]
    assert [p.at for p in headline_series(ATP, months(60), months(60))[0].shown()] == []


def test_the_page_needs_nothing_but_itself() -> None:
    failing = result({"period": "2019-06-01", "exports_usd": 1})
    html = render(evidence(failing, series={"jumps": series_of(failing, ATP, months(60), None)}))
    page = Page(html)
    assert page.count("script") == page.count("link") == page.count("img") == page.count("iframe") == 0
    assert not [a for _, attributes in page.tags for a in attributes if a == "src" or a.startswith("on")]
    assert all(str(a["href"]).startswith("#") for _, a in page.tags if "href" in a)
    assert not re.search(r"url\(|@import|https?://", html)
    assert any(a.get("http-equiv") == "Content-Security-Policy" for _, a in page.tags)


def test_the_page_can_be_read_without_seeing_it() -> None:
    failing = result({"period": "2017-06-01", "exports_usd": 1})
    html = render(evidence(failing, series={"jumps": series_of(failing, ATP, months(60, 2), months(60))}))
    drawings = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert drawings
    for drawing in drawings:
        svg = ElementTree.fromstring(drawing)
        named = {e.get("id"): e.text for e in svg if e.tag in ("title", "desc")}
        assert svg.get("role") == "img" and set(str(svg.get("aria-labelledby")).split()) == set(named)
        assert any("1 failing point marked: 2017-06-01" in str(text) for text in named.values())
    assert [a for tag, a in Page(html).tags if tag == "html"] == [{"lang": "en"}]
    heads = [a for tag, a in Page(html).tags if tag == "th"]
    assert heads and all(a.get("scope") in ("col", "row") for a in heads)


def test_hostile_text_stays_text_wherever_it_comes_from() -> None:
    hostile = result(
        {"period": HOSTILE, HOSTILE: HOSTILE, "exports_usd": 1}, title=HOSTILE, expected=HOSTILE, observed=HOSTILE, reason=HOSTILE,
        owner=HOSTILE, runbook=HOSTILE, check_id=HOSTILE,
    )  # fmt: skip
    point = Point(HOSTILE, 1.0, 2.0, True)
    found = evidence(
        hostile, replace(hostile, outcome="passed"), replace(hostile, outcome="not_applicable"),
        files={HOSTILE: HOSTILE}, series={HOSTILE: [CheckedSeries(HOSTILE, HOSTILE, HOSTILE, (point,), True)]},
        served=Served(HOSTILE, HOSTILE, HOSTILE),
    )  # fmt: skip
    html = render(found)
    page = Page(html)
    assert page.count("script") == page.count("img") == 0
    assert not [a for _, attributes in page.tags for a in attributes if a.startswith("on")]
    assert "<script" not in html and "49" not in page.said
    assert page.said.count("<script>alert(1)</script>") > 10, "it is there, as text"


def test_the_same_series_is_drawn_once() -> None:
    first = result({"period": "2017-06-01", "exports_usd": 1})
    second = replace(first, check_id="range_exports_usd")
    series = {r.check_id: series_of(r, ATP, months(60), months(60)) for r in (first, second)}
    html = render(evidence(first, second, series=series))
    assert Page(html).count("svg") == 1
    assert 'is drawn under <a href="#jumps">' in html


def test_what_was_let_through_says_by_whom_and_why() -> None:
    let = result(severity="warning", declared_severity="critical", exemption="an expected break: <new list>")
    said = Page(render(evidence(let, state="latest"))).said
    assert "an expected break: <new list>" in said and "declared critical" in said
    manifest = evidence().manifest
    override = Override(rejected="2026-11-24.0002", reason="checked by hand.", by="a person")
    promoted = evidence(let, state="latest", manifest=manifest.model_copy(update={"override": override}))
    assert promoted.verdict() == (
        "Published although rejected as 2026-11-24.0002, by a person: checked by hand; it is what readers get now."
    )


@pytest.mark.parametrize(
    ("state", "served", "says"),
    [
        ("rejected", False, "Readers still get nothing: none is published."),
        ("latest", True, "Published without a warning; it is what readers get now."),
        ("published", True, "followed by others since. Readers now get 2026-11-24.0002."),
        ("not published", True, "Never published (not published)"),
    ],
)
def test_the_verdict_in_a_sentence(state: Any, served: bool, says: str) -> None:
    failing = [result()] if state == "rejected" else []
    found = evidence(*failing, state=state)
    assert says in (found if served else replace(found, served=None)).verdict()
