"""A hold in words: one spelling for readers, owners and operators. No I/O."""

from __future__ import annotations

from datetime import datetime, timedelta

from configs.words import plural
from tasks.common.clock import moment, to_minute
from tasks.warehouse.holds import Hold
from tasks.warehouse.records import QualityCounts


def waiting(hold: Hold, first: bool = False) -> str:
    """``newer figures (vintage 2025-04) are held since 2026-11-28 07:50 UTC, because ...``; ``first``: readers have
    none."""
    which = "the first" if first else "newer"
    return f"{which} figures (vintage {hold.vintage}) are held since {to_minute(hold.since)}, because {because(hold)}"


def because(hold: Hold) -> str:
    """Return why it is held, to be put into a sentence."""
    return hold.why.rstrip(". ") or f"{plural(len(hold.checks), 'check')} could not tell it from a mistake"


def confirmable(hold: Hold) -> str:
    """Return who can confirm it: second sources, or only a person."""
    if not hold.confirmable_by:
        return "only a person can confirm it"
    return f"it can be confirmed by {' or '.join(hold.confirmable_by)}, or by a person"


def ending(hold: Hold) -> str:
    """Return how a closed hold ended: ``confirmed by atp_trade_monthly``."""
    by = f" by {hold.by}" if hold.by else ""
    return {
        "confirmed": f"confirmed{by}",
        "promoted": f"promoted{by}",
        "superseded": f"superseded by {hold.successor}, which has other figures",
        "replaced": f"replaced by the newer candidate {hold.successor}",
        "": "held",
    }[hold.ended]


def became(hold: Hold) -> str:
    """Return what became of a closed hold, in a few words: ``held, then confirmed as 2026-11-30.0001``."""
    if not hold.ended:
        return "held, until a later version was published"
    how = "as" if hold.ended in ("confirmed", "promoted") else "by"
    return f"held, then {hold.ended} {how} {hold.successor}"


def age(hold: Hold, now: datetime) -> str:
    """Return for how long it has been held: ``3 days``, ``5 hours``."""
    passed = max(timedelta(), now - moment(hold.since))
    return plural(passed.days, "day") if passed.days else plural(passed.seconds // 3600, "hour")


def stopped(quality: QualityCounts) -> str:
    """Return what the gate had done with a version that a person published all the same: rejected or held it."""
    return "held" if quality.failed_hold and not quality.failed_critical else "rejected"
