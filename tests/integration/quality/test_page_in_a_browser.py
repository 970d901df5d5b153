"""The quality page as Chromium draws it, on a phone and on a desk, light and dark: nothing is clipped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.quality.measures import compare_measures
from tasks.quality.page.render import render
from tasks.quality.page.series import headline_series, series_of
from tests.support.browser import Tab, browser, chromium
from tests.support.evidence import ATP, evidence, months, result

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium is installed: apt-get install chromium")

# What stands out of the window though nothing around it scrolls. SVG is looked at by its text.
CLIPPED = """
[...document.querySelectorAll('body *')].filter(e => {
  if (e.closest('.scroll') && !e.matches('.scroll')) return false;
  if (e.closest('details:not([open])') && !e.closest('summary')) return false;
  const box = e.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5
    || (!e.matches('.scroll') && getComputedStyle(e).overflowX !== 'visible' && e.scrollWidth > e.clientWidth + 1));
}).map(e => e.tagName + ' ' + e.className + ' ' + (e.textContent || '').trim().slice(0, 60))
"""
# Each box that holds more than it shows: whether it can be scrolled, by keyboard too, and shows that there is more.
SCROLLING = """
[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => {
  const style = getComputedStyle(e);
  return [style.overflowX, e.tabIndex, style.backgroundImage.split('linear-gradient').length - 1];
})
"""
SMALLEST_TEXT = """
Math.min(...[...document.querySelectorAll('svg text')].map(e =>
  parseFloat(getComputedStyle(e).fontSize) * e.ownerSVGElement.getBoundingClientRect().width / 720))
"""


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A version that passed and one that was rejected, with long words wherever a page can have them."""
    folder = tmp_path_factory.mktemp("pages")
    big = months(120, 1_000_000_000_000)
    wide = {"period": "2019-06-01", "exports_usd": 5_762_200_000_000} | {
        f"another_long_column_{n}": n for n in range(8)
    }
    failing = result(wide, failed=434, title="no_month_is_out_of_proportion_" * 4, reason="x" * 90)
    compared = tuple(compare_measures(ATP, big, months(119)))
    files = {"quality.parquet": "s3://a-bucket/" + "a-long-prefix/" * 9 + "quality.parquet"}
    held = result(outcome="passed", check_id="held_by_a_long_name", rows_checked=1_200_000)
    skipped = result(outcome="not_applicable", check_id="skipped", reason="there is no version before " * 5)
    kept: dict[str, Any] = {"compared": compared, "files": files}
    rejected = evidence(failing, held, skipped, series={"jumps": series_of(failing, ATP, big, months(119))}, **kept)
    revised = big.with_columns(exports_usd=pl.when(pl.col("period") == date(2016, 3, 1)).then(9).otherwise("exports_usd"))  # fmt: skip
    headlines = tuple(headline_series(ATP, big, revised.head(118)))
    passed = evidence(held, skipped, state="latest", headlines=headlines, **kept)
    found = {"rejected": rejected, "passed": passed}
    for name, one in found.items():
        # What is folded is drawn too, so that it is measured.
        (folder / f"{name}.html").write_text(render(one).replace("<details", "<details open"), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in found}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["passed", "rejected"])
def test_nothing_is_clipped_and_what_scrolls_shows_it(
    tab: Tab, pages: dict[str, Path], name: str, width: int, dark: bool
) -> None:
    tab.show(pages[name], width, dark=dark)
    assert tab.value("innerWidth") == width
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.value(CLIPPED) == []
    scrolling = tab.value(SCROLLING)
    assert all(box == ["auto", 0, 4] for box in scrolling), scrolling
    assert scrolling or width > 390 or name == "passed", "the wide table is there, so that something is measured"
    assert tab.value(SMALLEST_TEXT) >= 8, "labels of a chart can be read"


def test_light_and_dark_are_two_palettes(tab: Tab, pages: dict[str, Path]) -> None:
    colours = []
    for dark in (False, True):
        tab.show(pages["passed"], 390, dark=dark)
        colours.append(tab.value("getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color"))  # fmt: skip
    assert colours[0] != colours[1]


def test_a_page_that_clips_is_found(tab: Tab, pages: dict[str, Path], tmp_path: Path) -> None:
    """The page as it was: a caption as wide as its table, and a legend that does not wrap."""
    html = pages["rejected"].read_text(encoding="utf-8")
    clipped = tmp_path / "clipped.html"
    clipped.write_text(html.replace("</style>", ".caption { width: 40rem } .legend { flex-wrap: nowrap; white-space: nowrap }</style>"))  # fmt: skip
    tab.show(clipped, 390)
    assert tab.value("document.documentElement.scrollWidth") > 390 or tab.value(CLIPPED) != []
    found = str(tab.value(CLIPPED))
    assert "P caption" in found and "SPAN legend" in found
