"""How to get a dataset, by its contract alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from configs import first_publish
from configs.contract import Contract
from configs.contracts import dataset_names, load_contract, published_names
from configs.errors import NotBundledError
from tasks.build.request import Request


@pytest.fixture(autouse=True)
def default_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TECHTRADE_STORE", raising=False)
    monkeypatch.setenv("TECHTRADE_FOLLOW", "true")


def _bundled(chosen: Callable[[Contract], bool]) -> str:
    """The command that publishes the bundled ones of these datasets."""
    contracts = [load_contract(name) for name in dataset_names()]
    return (
        f"techtrade publish {' '.join(c.name for c in contracts if c.sources.snapshot and chosen(c))} --source snapshot"
    )


BUNDLED_AND_PROFILED = _bundled(lambda c: c.profiled)


@pytest.mark.parametrize("name", published_names())
def test_a_start_publishes_datasets_that_its_source_has(name: str) -> None:
    publish, *rest = first_publish.start(name).words
    named = [word for word in rest if word in published_names()]
    bundled = rest[len(named) :] == ["--source", "snapshot"]
    assert publish == "publish" and named and (bundled or named == rest)
    assert set(named) <= set(dataset_names()), "histories and marts follow, and are not published by themselves"
    assert all(load_contract(n).sources.snapshot for n in named) or not bundled
    assert bundled or any(load_contract(n).sources.snapshot is None for n in named), "no network where none is needed"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("atp_world_monthly", "start with: techtrade publish atp_world_monthly --source snapshot"),
        ("atp_detail_monthly", "start with: techtrade publish atp_detail_monthly (a month is some 300 MB)"),
        ("ip_position_annual_history", "start with: techtrade publish ip_trade_annual --source snapshot"),
        ("revision_profile", f"start with: {BUNDLED_AND_PROFILED}"),
    ],
)
def test_the_words_of_a_start(name: str, told: str) -> None:
    assert first_publish.start_words(name) == told


def test_a_start_of_a_mart_names_all_inputs_and_their_keys() -> None:
    told = first_publish.start_words("us_technology_position_annual")
    assert told.startswith(
        "start with: techtrade publish atp_trade_monthly us_ip_trade_annual partners (needs CENSUS_API_KEY, "
    )
    assert "needs BEA_API_KEY, free at https://" in told


def test_where_following_is_off_the_start_of_a_history_switches_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHTRADE_FOLLOW", "false")
    assert "TECHTRADE_FOLLOW=true techtrade publish partners" in first_publish.start_words("partners_history")
    assert "FOLLOW" not in first_publish.start_words("partners")


@pytest.mark.parametrize("name", [n for n in published_names() if not load_contract(n).sources.snapshot])
def test_bundled_figures_that_are_not_there_are_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(NotBundledError) as refused:
        Request(load_contract(name), "snapshot")
    assert first_publish.start_words(name) in str(refused.value)
    assert "--source live" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("world_bank", _bundled(lambda c: c.sources.live == "world_bank")),
        ("census_balance", "techtrade publish atp_world_monthly --source snapshot"),
        ("bea", ""),
        ("world_bank_archives", ""),
    ],
)
def test_a_publisher_that_is_down_can_be_replaced_by_what_is_bundled(source: str, told: str) -> None:
    assert first_publish.bundled_instead(source) == told


def test_a_new_version_of_a_mart_comes_from_its_inputs() -> None:
    assert first_publish.again("ip_position_annual_history") == "techtrade publish ip_trade_annual"
    assert first_publish.again("partners", "--refresh", "all") == "techtrade publish partners --refresh all"
