"""``techtrade watch``: the look at runs from outside of Prefect; it also notices that no worker or server is left."""

from __future__ import annotations

import time
from datetime import timedelta

from configs.errors import UsageError
from flows.output import progress
from flows.prefect_runs import address


def watch(store: str | None, every: float | None, late: float, settle: float, patience: float) -> int:
    """Looks once, or every so many seconds until it is stopped. Returns the exit code: 1 if anything is wrong.

    Raises:
        UsageError: no server is named.
    """
    url = address()
    if not url:
        raise UsageError("no Prefect server is named: set PREFECT_API_URL to the one that is to be watched")
    from flows.run_watch import Limits
    from flows.watch import look_or_tell

    limits = Limits(timedelta(minutes=late), timedelta(minutes=settle))
    with progress(f"watching runs at {url}"):
        while True:
            well = look_or_tell(store, limits, patience)
            if every is None:
                break
            time.sleep(every)
    print("nothing is wrong with any run" if well else "something is wrong; see: techtrade alerts list")
    return 0 if well else 1
