"""Who is told how runs go: owners by alerts, and the terminal of the process."""

from __future__ import annotations

from configs.errors import TechtradeError
from flows.prefect_setup import alert_hooks, secrets, stopping
from tasks.common.text import one_line
from tasks.publish.notices import Notices


def describe(error: Exception) -> str:
    """Return the error in one line without secrets."""
    return one_line(error) if isinstance(error, TechtradeError) else secrets.describe_safely(error)


NOTICES = Notices(
    ended=alert_hooks.ended,
    failed=alert_hooks.failed,
    promoted=alert_hooks.promoted,
    published=stopping.published,
    describe=describe,
    is_stopping=stopping.requested,
)
