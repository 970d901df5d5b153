"""The quality page of a version that an alert is about, for mails: charts, failing rows and the runbook's text.

Made when a mail is sent and not when the failure is reported, so that the state of alerts stays small. A page that
cannot be made holds no alert up.
"""

from __future__ import annotations

import logging

from configs.errors import TechtradeError
from tasks.alerts.message import Attached
from tasks.alerts.model import KINDS, Alert
from tasks.storage.object_store import ObjectStore

log = logging.getLogger("techtrade")
# A mail is read with a few pages; more of them would be refused by mail servers.
PAGES = 3
# Beyond this, charts and comparison would have the sender of a mail read gigabytes.
DATA_BYTES = 50_000_000


def pages(store: ObjectStore, alert: Alert) -> tuple[Attached, ...]:
    """Return the quality pages of the versions that the alert is about. Nothing is raised."""
    findings = [i.finding for s in alert.sections if not s.good and KINDS[s.kind].has_page for i in s.incidents]
    about = dict.fromkeys((f.dataset, f.version) for f in findings if f.version)
    found = (_page(store, dataset, version) for dataset, version in list(about)[:PAGES])
    return tuple(page for page in found if page is not None)


def _page(store: ObjectStore, dataset: str, version: str) -> Attached | None:
    # Here and not above: most runs send no mail, and these take a while to import.
    import polars as pl

    from tasks.quality.page.evidence import gather, with_figures
    from tasks.quality.page.render import render

    try:
        found = gather(store, dataset, version)
        if sum(f.bytes for f in found.manifest.files if f.rows is not None) <= DATA_BYTES:
            found = with_figures(store, found)
        return Attached(f"{dataset}@{version}.html", render(found))
    except (TechtradeError, pl.exceptions.PolarsError, OSError) as e:
        log.warning("%s@%s: its quality page is not attached: %s", dataset, version, e)
        return None
