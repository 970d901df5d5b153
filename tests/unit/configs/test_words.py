"""Plurals, and suggestions for misspelt names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.contracts import dataset_names
from configs.words import COMMAND, did_you_mean, plural
from tests.paths import ROOT


@pytest.mark.parametrize(
    ("count", "noun", "several", "words"),
    [
        (0, "row", "", "0 rows"),
        (1, "row", "", "1 row"),
        (2, "new row", "", "2 new rows"),
        (12345, "cell", "", "12,345 cells"),
        (1, "history", "histories", "1 history"),
        (3, "history", "histories", "3 histories"),
        (2, "series", "series", "2 series"),
    ],
)
def test_a_count_agrees_with_its_noun(count: int, noun: str, several: str, words: str) -> None:
    assert plural(count, noun, several) == words


@pytest.mark.parametrize(
    "command",
    [
        "techtrade quality partners@2026-01-31.0001 --store s3://bucket/store",
        "techtrade alerts runbook quality unit-and-size",
        "techtrade alerts runbook",
        "techtrade raw list --source snapshot",
    ],
)
def test_a_command_is_found_whole_in_a_text(command: str) -> None:
    found = COMMAND.search(f"it was stopped; see: {command}; or ask its owner")
    assert found is not None and found[0] == command


@given(st.integers(min_value=0, max_value=10**12))
def test_only_one_is_singular(count: int) -> None:
    number, noun = plural(count, "row").split(" ")
    assert int(number.replace(",", "")) == count
    assert noun == ("row" if count == 1 else "rows")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("atp_wrold_monthly", "atp_world_monthly"),
        ("atp_world", "atp_world_monthly"),
        ("apt_world", "atp_world_monthly"),
        ("ATP_PRODUCTS", "atp_products"),
        ("partner", "partners"),
        ("ip_trade", "ip_trade_annual"),
        ("us_ip_trade_quartely", "us_ip_trade_quarterly"),
    ],
)
def test_a_misspelt_name_is_recognised(typed: str, meant: str) -> None:
    assert did_you_mean(typed, dataset_names()) == f" (did you mean {meant}?)"


@pytest.mark.parametrize("typed", ["", "x", "zebra", "cars"])
def test_nothing_is_suggested_for_an_unrelated_word(typed: str) -> None:
    assert did_you_mean(typed, dataset_names()) == ""


@given(st.sampled_from(dataset_names()), st.data())
def test_one_wrong_letter_never_hides_a_dataset(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(name) - 1))
    letter = data.draw(st.sampled_from("abcxyz_"))
    assert did_you_mean(name[:place] + letter + name[place + 1 :], dataset_names()) != ""


def test_texts_are_shortened_by_the_one_function_that_keeps_commands_whole() -> None:
    for folder in ("configs", "flows", "tasks", "expectations"):
        for file in (ROOT / folder).rglob("*.py"):
            code = file.read_text(encoding="utf-8")
            assert not re.search(r"\btextwrap import .*\bshorten\b|textwrap\.shorten", code), file


def test_no_plural_is_written_by_hand() -> None:
    """A count in a text is followed by its noun from ``plural``; a noun that is written out is wrong at one."""
    nouns = "rows|cells|files|versions|documents|requests|vintages|records|codes|attempts|objects|spans|warnings"
    by_hand = re.compile(rf"\{{[^{{}}]*\}} (?:new |revised |removed )?(?:{nouns})\b|'s' if [^}}]*else ''")
    allowed = {
        # Never one, or of a series of which one is no case.
        "tasks/warehouse/upkeep/retention.py": 2,
        "tasks/publish/restore.py": 1,
        "tasks/extract/world_bank/indicators_parse.py": 1,
    }
    for folder in ("flows", "tasks", "expectations"):
        for file in (ROOT / folder).rglob("*.py"):
            found = by_hand.findall(file.read_text(encoding="utf-8"))
            assert len(found) <= allowed.get(str(file.relative_to(ROOT)), 0), (file, found)
