"""Plurals, and suggestions for misspelt names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.contract import dataset_names
from configs.words import did_you_mean, plural


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
