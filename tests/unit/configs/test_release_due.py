"""Which release is to be expected when: over the turn of a day, of the clock, of the year, and in a shutdown."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from configs import release_due
from configs.contracts import dataset_names, load_contract
from configs.errors import ConfigError
from configs.operations import Window
from configs.release_calendar import load_calendar
from configs.release_due import ExpectedRelease, load_yearly, months, releases_due, years


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(dataset: str, moment: str) -> str:
    found = releases_due(dataset, at(moment)).due
    return found.what if found else ""


def test_every_dataset_follows_a_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in dataset_names():
        assert releases_due(name, at("2026-11-24T12:00"))
    without = load_contract("partners").model_copy(update={"releases": None})
    monkeypatch.setattr(release_due, "load_contract", lambda name: without)
    with pytest.raises(ConfigError, match=r"partners\.yaml: releases is missing; name a calendar of configs/calendars"):
        releases_due("partners", at("2026-11-24T12:00"))


def test_a_calendar_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"configs/calendars/lunar\.yaml"):
        load_yearly("lunar")


@pytest.mark.parametrize(
    ("moment", "month"),
    [
        # September was announced for 4 November, 8:30 in Washington: 13:30 UTC, since the clocks went back on the 1st.
        ("2026-11-05T15:29", "2026-08"),
        ("2026-11-05T15:30", "2026-09"),
        # August for 6 October, 8:30: still summer time, so 12:30 UTC.
        ("2026-10-07T14:29", "2026-07"),
        ("2026-10-07T14:30", "2026-08"),
        # Nothing is announced for November 2026: 40 days after its end, and 26 hours.
        ("2027-01-10T15:29", "2026-10"),
        ("2027-01-10T15:30", "2026-11"),
        ("2026-12-31T23:59", "2026-10"),
    ],
)
def test_the_month_that_would_be_late_by_now(moment: str, month: str) -> None:
    assert due("atp_trade_monthly", moment) == due("atp_world_monthly", moment) == month


def test_hours_are_added_to_moments_not_to_clocks() -> None:
    """Summer time begins on 8 March 2026, between the release and 26 hours after it."""
    calendar = load_calendar("ft900").model_copy(update={"releases": {date(2026, 1, 1): date(2026, 3, 7)}})
    release = next(r for r in months(calendar, at("2026-03-20T00:00")) if r.what == "2026-01")
    assert release.expected == at("2026-03-07T13:30")
    assert release.overdue == at("2026-03-08T15:30")


@pytest.mark.parametrize(
    ("moment", "quarter", "open_"),
    [
        ("2026-03-16T12:00", "the third quarter of 2025", None),
        ("2026-03-20T12:00", "the third quarter of 2025", "the fourth quarter of 2025"),
        ("2026-03-29T12:00", "the fourth quarter of 2025", None),
        ("2026-09-30T12:00", "the second quarter of 2026", None),
        ("2027-01-02T12:00", "the third quarter of 2026", None),
    ],
)
def test_quarters_come_in_the_third_month_after_them(moment: str, quarter: str, open_: str | None) -> None:
    found = releases_due("us_ip_trade_quarterly", at(moment))
    assert (found.due and found.due.what, found.open and found.open.what) == (quarter, open_)


def test_the_annual_update_is_due_in_july() -> None:
    assert due("us_ip_trade_annual", "2026-07-05T12:00") == "the annual update of 2025"
    assert due("us_ip_trade_annual", "2026-07-14T12:00") == "the annual update of 2026"


def test_the_world_bank_has_no_days_and_our_own_tables_no_releases() -> None:
    for dataset, own in (("ip_trade_annual", False), ("partners", True)):
        found = releases_due(dataset, at("2026-11-24T12:00"))
        assert (found.due, found.open, found.own) == (None, None, own)


def test_what_falls_into_a_shutdown_is_waited_for_and_says_why() -> None:
    found = releases_due("us_ip_trade_quarterly", at("2026-01-15T12:00"))
    assert found.due is not None and found.due.what == "the second quarter of 2025"
    assert found.open is not None and found.open.what == "the third quarter of 2025"
    assert "lapse in appropriations" in found.open.note
    assert due("us_ip_trade_quarterly", "2026-03-02T12:00") == "the third quarter of 2025"


@pytest.mark.parametrize(
    ("vintage", "needed", "has"),
    [
        ("2026-09", "2026-09", True), ("2026-10", "2026-09", True), ("2026-08", "2026-09", False),
        ("2026-07-02", "2026-07-01", True), ("2026-06-30", "2026-07-01", False),
        ("2026-01", "2026-01-01", True), ("2025-12", "2026-01-01", False), ("2027", "2026-01-01", True),
    ],
)  # fmt: skip
def test_which_vintage_has_a_release(vintage: str, needed: str, has: bool) -> None:
    now = at("2026-11-24T12:00")
    assert ExpectedRelease("it", needed, now, now, now).had_by(vintage) is has


def test_releases_of_a_year_are_in_order() -> None:
    calendar = load_yearly("bea")
    windows = [
        Window(what="later {year}", first="09-01", last="09-02"),
        Window(what="of {before}", first="03-01", last="03-02"),
    ]
    found = [r.what for r in years(calendar, windows, at("2026-11-24T12:00"))]
    assert found == ["of 2023", "later 2024", "of 2024", "later 2025", "of 2025", "later 2026"]
