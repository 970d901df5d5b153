"""``techtrade watch``: the look at runs from outside of Prefect; it also notices that no worker or server is left."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta

from configs.errors import StorePermissionError, StoreUnavailableError, UsageError
from configs.settings import load_settings
from flows.cli.output import progress
from flows.prefect_setup.run_status import address
from tasks.warehouse.existing import existing_store


def watch(store: str | None, every: float | None, late: float, settle: float, patience: float) -> int:
    """Looks once, or every so many seconds until it is stopped. Returns the exit code: 1 if anything is wrong.

    A store that is down is no reason not to watch: alerts then wait on this machine. One that is missing is a mistake.

    Raises:
        UsageError: no server is named.
        NoStoreError: there is no store to note alerts in.
    """
    url = address()
    if not url:
        raise UsageError("no Prefect server is named: set PREFECT_API_URL to the one that is to be watched")
    from flows.prefect_setup.run_watchdog import Limits
    from flows.watch import look_or_tell

    with suppress(StoreUnavailableError, StorePermissionError):
        existing_store(store or load_settings().store)
    limits = Limits(timedelta(minutes=late), timedelta(minutes=settle))
    with progress(f"watching runs at {url}"):
        while True:
            well = look_or_tell(store, limits, patience)
            if every is None:
                break
            time.sleep(every)
    print("nothing is wrong with any run" if well else "something is wrong; see: techtrade alerts list")
    return 0 if well else 1
