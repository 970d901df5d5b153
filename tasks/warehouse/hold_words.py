"""A hold in words: one spelling for readers, owners and operators. No I/O."""

from __future__ import annotations

import json
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


def key_words(key: str) -> str:
    """Return the values of a figure's key, in its order: ``imports, 2025-03``."""
    try:
        found = json.loads(key)
    except ValueError:
        return key
    values = found.values() if isinstance(found, dict) else [found]
    return ", ".join(_value(str(v)) for v in values)


def _value(text: str) -> str:
    """Return a month without its day, anything else as it is."""
    is_month = len(text) == 10 and text[4] == text[7] == "-" and text.endswith("-01")
    return text.removesuffix("-01") if is_month else text


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
