"""Figures that are right, however strange: published at once, or held until a second source or a person confirms them.

Every row of the table of true events that was tried on the gate is a case, with its real size; ours are beside them.
"""

from __future__ import annotations

import pytest

from benchmarks.quality_mutations.event import Event, happened
from benchmarks.quality_mutations.events import EVENTS


def name(event: Event) -> str:
    return f"{event.dataset}: {event.what}"


# No second source has these: a person confirms them.
BY_A_PERSON = {
    "atp_trade_monthly: a new partner of size",
    "ip_trade_annual: a new aggregate",
    "ip_trade_annual: one figure is corrected without a new date",
}


@pytest.mark.parametrize("event", EVENTS, ids=name)
def test_a_true_event_is_published_or_confirmed(event: Event) -> None:
    aftermath = happened(event)
    assert not aftermath.alone.rejected, aftermath.alone.failures_by_severity()
    assert not aftermath.beside.rejected, aftermath.beside.failures_by_severity()
    assert (aftermath.ending == "person") == (name(event) in BY_A_PERSON), aftermath.beside.failures_by_severity()


def test_there_are_as_many_as_are_claimed() -> None:
    assert len({name(e) for e in EVENTS}) == len(EVENTS)
    assert sum(e.of == "ours" for e in EVENTS) >= 10
