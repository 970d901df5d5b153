"""Which month or window an announced day belongs to: in order, after a shutdown, taken back, and not believed at all."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from configs.announced import Announced, ReleaseDays, of_months, of_windows
from configs.contracts import load_contract
from configs.release_due import releases_due

FT900 = "U.S. International Trade in Goods and Services"
# As the releases of 2025 and 2026 came: August's on 19 November, October's on 8 January.
REAL = [
    "2025-08-05", "2025-09-04", "2025-11-19", "2025-12-11", "2026-01-08", "2026-01-29", "2026-02-19", "2026-03-12",
    "2026-04-02", "2026-05-05",
]  # fmt: skip


def days(*texts: str, open_: tuple[str, ...] = ()) -> ReleaseDays:
    return ReleaseDays(tuple(map(date.fromisoformat, texts)), tuple(map(date.fromisoformat, open_)))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_days_are_counted_through_a_shutdown() -> None:
    found = of_months(days(*REAL))
    assert found[date(2025, 6, 1)] == date(2025, 8, 5)
    assert found[date(2025, 8, 1)] == date(2025, 11, 19)
    assert found[date(2025, 10, 1)] == date(2026, 1, 8)
    assert found[date(2025, 12, 1)] == date(2026, 2, 19)
    assert found[date(2026, 3, 1)] == date(2026, 5, 5)


@pytest.mark.parametrize(
    "texts",
    [
        (),
        REAL[4:],  # begins while releases are late: it would be a month off
        ("2026-01-08", "2026-03-05"),  # a hole
        ("2026-01-08", "2026-01-09"),
        REAL[:4],  # ends while they are
    ],
)
def test_days_that_fit_no_months_are_not_believed(texts: tuple[str, ...]) -> None:
    assert of_months(days(*texts)) == {}


def test_a_day_to_be_rescheduled_is_no_day() -> None:
    found = of_months(days("2026-10-06", "2026-12-08", open_=("2026-11-04",)))
    assert found == {
        date(2026, 8, 1): date(2026, 10, 6), date(2026, 9, 1): None, date(2026, 10, 1): date(2026, 12, 8),
    }  # fmt: skip


def due(dataset: str, moment: str, announced: ReleaseDays, name: str = FT900) -> str:
    found = releases_due(dataset, at(moment), Announced({name.casefold(): announced})).due
    return found.what if found else ""


def test_an_announced_day_goes_before_the_typed_one_and_the_rule() -> None:
    later = days("2026-09-03", "2026-10-06", "2026-11-20", "2026-12-22", "2027-01-19")
    assert due("atp_world_monthly", "2026-11-15T12:00", later) == "2026-08", "typed: 4 November"
    assert due("atp_world_monthly", "2026-11-22T12:00", later) == "2026-09"
    assert due("atp_world_monthly", "2027-01-18T12:00", later) == "2026-10", "by the rule: 9 January"
    assert due("atp_world_monthly", "2027-01-21T12:00", later) == "2026-11"
    open_ = days("2026-09-03", "2026-10-06", open_=("2026-11-04",))
    assert due("atp_world_monthly", "2026-11-22T12:00", open_) == "2026-08", "no day is known"


def test_an_announced_shutdown_needs_no_entry_by_hand() -> None:
    assert due("atp_world_monthly", "2026-01-10T12:00", days(*REAL)) == "2025-10"
    assert due("atp_world_monthly", "2026-01-07T12:00", days(*REAL)) == "2025-09"


QUARTERLY = "us_ip_trade_quarterly"


def test_a_day_belongs_to_the_window_that_began_last() -> None:
    releases = load_contract(QUARTERLY).releases
    assert releases is not None
    found = of_windows(days("2025-09-23", "2026-01-14", "2026-03-10", "2026-03-25", "2026-06-24"), releases.windows)
    assert found == {
        (2025, 2): date(2025, 9, 23), (2025, 3): date(2026, 1, 14), (2026, 0): date(2026, 3, 10),
        (2026, 1): date(2026, 6, 24),
    }  # fmt: skip


def test_an_announced_quarter_goes_before_its_window() -> None:
    name = releases_of(QUARTERLY)
    late = days("2026-09-23", "2027-01-14")
    assert due(QUARTERLY, "2027-01-02T12:00", late, name) == "the second quarter of 2026", "by the window: 23 December"
    assert due(QUARTERLY, "2027-01-16T12:00", late, name) == "the third quarter of 2026"
    open_ = days("2026-09-23", open_=("2026-12-17",))
    assert due(QUARTERLY, "2027-01-02T12:00", open_, name) == "the second quarter of 2026"


def releases_of(dataset: str) -> str:
    releases = load_contract(dataset).releases
    assert releases is not None and releases.announced
    return releases.announced
