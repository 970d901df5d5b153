"""When the owner of a held candidate is reminded of it. No I/O."""

from __future__ import annotations

from datetime import datetime

from tasks.common.clock import moment
from tasks.warehouse.holds import Hold, Holds

DAYS = (1, 3, 7)


def reminders_due(found: Holds, hold: Hold, now: datetime) -> tuple[int, ...]:
    """Return the days after which a reminder is due and was not sent, of a candidate that is held.

    Several that were missed, because nothing ran, are one reminder. A newer candidate that took over the wait of an
    older one takes over its reminders too.
    """
    sent = {day for h in found.holds if h.since == hold.since for day in h.reminded}
    passed = (now - moment(hold.since)).days
    return tuple(day for day in DAYS if day <= passed and day not in sent)
