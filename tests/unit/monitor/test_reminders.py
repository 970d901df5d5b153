"""On which days the owner of a held candidate is reminded."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tasks.common.clock import moment
from tasks.monitor.reminders import reminders_due
from tasks.warehouse.holds import Holds
from tests.support.holding import SINCE, hold_of, later


@pytest.mark.parametrize(
    ("days", "sent", "due"),
    [
        (0.99, (), ()),
        (1, (), (1,)),
        (2, (1,), ()),
        (3, (1,), (3,)),
        (7, (1, 3), (7,)),
        (9, (), (1, 3, 7)),  # nothing ran: one reminder for all three
        (60, (1, 3, 7), ()),
    ],
)
def test_reminders_are_due_on_three_days(days: float, sent: tuple[int, ...], due: tuple[int, ...]) -> None:
    hold = hold_of("2026-11-02.0001", reminded=sent)
    assert reminders_due(Holds(dataset="a", holds=(hold,)), hold, moment(SINCE) + timedelta(days=days)) == due


def test_newer_candidate_takes_over_the_reminders_of_its_wait() -> None:
    old = hold_of("2026-11-02.0001", reminded=(1,))
    new, other = hold_of("2026-11-03.0001"), hold_of("2026-11-03.0001", since=later(SINCE, -1))
    now = moment(SINCE) + timedelta(days=2)
    assert reminders_due(Holds(dataset="a", holds=(old, new)), new, now) == ()
    assert reminders_due(Holds(dataset="a", holds=(old, other)), other, now) == (1, 3)
