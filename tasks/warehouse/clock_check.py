"""Whether the clock of a publisher can be believed: what it stamps is the answer to "which version on that day?".

One publish stamped 2099 cannot be undone by later ones: a log never goes backwards, so every later version would be of
2099 too, and ``--as-of`` would serve the version before it until then. So a stamp is compared with what else tells the
time: the store's own clock (the ``Date`` of its answers on S3, the time of a new file on disk), and the last event of
the log. A disk of this machine has the same clock as the publisher. There only the log is left, and it may be old for a
good reason: a store is published into by hand once a year. Hence the bound ``TECHTRADE_MAX_IDLE_DAYS``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from configs.errors import WrongClockError
from configs.hints import command
from configs.settings import load_settings
from configs.words import plural
from tasks.common.clock import moment, to_minute
from tasks.storage.documents import DamagedRecordError
from tasks.storage.object_store import ObjectStore
from tasks.warehouse.records import Latest
from tasks.warehouse.run_status import recorded

AHEAD = timedelta(days=1)


def believed(store: ObjectStore, dataset: str, latest: Latest | None, now: datetime) -> datetime:
    """Return ``now``, the time by the publisher's clock, if nothing says that it is wrong.

    Raises:
        WrongClockError: it is more than a day ahead of the store's, or further ahead of the last event of the log than
            a store is idle, or the log has an event of the future.
    """
    there = store.clock()
    if there is not None and now - there > AHEAD:
        raise WrongClockError(
            f"{dataset}: nothing was changed: the clock of this machine says {to_minute(now)}, that of the store "
            f"{to_minute(there)}. Set the clock, then run again"
        )
    if latest is None or not latest.log:
        return now
    last = moment(latest.log[-1].at)
    if last - max(now, there or now) > AHEAD:
        raise WrongClockError(
            f"{dataset}: nothing was changed: the last event of its log is stamped {to_minute(last)}, and today is "
            f"{to_minute(now)}: a publisher's clock was wrong. Set the clock if this one is; else correct the log "
            f"with: {command('redate', dataset, '--reason', 'TEXT', '--by', 'NAME', store=store.url)}"
        )
    idle = timedelta(days=load_settings().max_idle_days)
    if store.shares_clock and now - last > idle and now - _last_run(store, dataset) > idle:
        raise WrongClockError(
            f"{dataset}: nothing was changed: the clock of this machine says {to_minute(now)}, "
            f"{plural((now - last).days, 'day')} after the last event of its log and the last good run. Set the clock; "
            f"if it is right, set TECHTRADE_MAX_IDLE_DAYS (now {idle.days})"
        )
    return now


def _last_run(store: ObjectStore, dataset: str) -> datetime:
    """Return when the last run ended well, which had this check behind it. One that failed may have failed in it."""
    never = datetime.fromtimestamp(0, UTC)
    try:
        status = recorded(store, dataset)
        return moment(status.checked_at) if status and status.outcome in ("unchanged", "superseded") else never
    except (DamagedRecordError, ValueError):
        return never


def is_future(stamped: datetime, now: datetime) -> bool:
    """Return whether a stamp was made by a clock that was wrong, by the clock of now."""
    return stamped - now > AHEAD
