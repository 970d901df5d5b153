"""``techtrade alerts``: what is open and what could not be delivered, sending it, and a test of the channels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from configs.alerts import AlertSettings, load_alerts
from configs.errors import TechtradeError, UsageError
from configs.settings import load_settings
from configs.words import plural, shortened
from expectations import runbooks
from flows.cli.output import print_json, say, table
from flows.cli.stores import open_at
from flows.prefect_setup.alert_hooks import address, alerting
from flows.prefect_setup.remarks import remark
from tasks.alerts import state_store
from tasks.alerts.channels import Delivery, deliver, reachable
from tasks.alerts.message import message
from tasks.alerts.model import KINDS, AlertState, Finding, Incident, Section
from tasks.alerts.model import Alert as AlertRecord
from tasks.common.clock import to_minute, utc_now

WORDS = 300


class AlertError(TechtradeError):
    """A channel did not take what was sent to it."""


def test(owner: str | None, as_json: bool) -> None:
    """Sends a test to the channels of one owner, or of all.

    Raises:
        UsageError: no such owner, or no channel set.
        AlertError: a channel did not take it.
    """
    settings = load_alerts()
    owners = [owner] if owner else sorted(settings.owners)
    if owner and owner not in settings.owners:
        raise UsageError(f"no owner {owner!r} in configs/alerts.yaml; there are: {', '.join(sorted(settings.owners))}")
    found = {o: _tested(o, settings) for o in owners if _set(o, settings)}
    if not found:
        named = ", ".join(dict.fromkeys(c for o in owners for c in (*settings.channels(o), *settings.fallback)))
        raise UsageError(f"no channel is set, so nothing was sent: set one of {named}; docs/alerts.md says to what")
    if as_json:
        print_json([{"owner": o, "taken_by": d.taken_by, "problems": d.problems} for o, d in found.items()])
    for name, result in found.items():
        if not as_json and result.taken_by:
            print(f"{name}: taken by {', '.join(result.taken_by)}")
    problems = [p for result in found.values() for p in result.problems]
    if problems:
        raise AlertError(f"a test was not taken by {'; '.join(problems)}; mend the address, and test again")


def list_open(url: str | None, as_json: bool) -> None:
    """What is wrong now, and what could not be told."""
    found = state_store.look(open_at(url))
    if as_json:
        print_json(_plain(found))
        return
    wrong = [i for i in found.incidents if i.open and KINDS[i.finding.kind].healed_by]
    if wrong:
        rows = [
            [i.finding.dataset, KINDS[i.finding.kind].title, to_minute(i.first_at), i.count, _told(i), i.owner]
            for i in sorted(wrong, key=lambda i: (i.finding.dataset, i.first_at))
        ]
        columns = ("dataset", "what", "since", "seen", "told", "owner")
        table(columns, rows, right=["seen"], text={"what": 20}, spare=("owner", "told"))
        for incident in wrong:
            print()
            say(f"{incident.finding.dataset}: {shortened(incident.finding.summary, WORDS)}")
    else:
        print("no open alerts")
    for alert in found.undelivered:
        tried = f"{plural(alert.attempts, 'attempt')}, last: {alert.error}" if alert.attempts else "being sent"
        remark(f"not delivered to {alert.owner} ({tried}): {', '.join(alert.datasets)}")


def send(url: str | None) -> None:
    """Sends what is due, and what could not be delivered before.

    Raises:
        AlertError: something is still not delivered.
    """
    if lost := alerting(open_at(url), url or load_settings().store).send(at_once=True):
        told = "; ".join(f"{', '.join(a.datasets)}: {a.why}" for a in lost)
        raise AlertError(f"not delivered: {told}; test the channels with: techtrade alerts test")
    print("everything that is due was sent")


def runbook(page: str | None, entry: str | None) -> None:
    """Print a page of the runbooks, or one entry of it; without a page, which there are.

    Raises:
        UsageError: no such page or entry.
    """
    known = runbooks.pages()
    if page is None:
        print("\n".join(known))
        return
    if page not in known:
        raise UsageError(f"no runbook {page!r}; there are: {', '.join(known) or 'none, this is no checkout'}")
    text = runbooks.page(page)
    entries = runbooks.sections(text)
    if entry is not None and entry not in entries:
        raise UsageError(f"no entry {entry!r} in the runbook {page!r}; there are: {', '.join(entries)}")
    print(text.strip() if entry is None else f"## {entry.replace('-', ' ').capitalize()}\n\n{entries[entry]}")


def _set(owner: str, settings: AlertSettings) -> bool:
    return bool(reachable((*settings.channels(owner), *settings.fallback), address))


def _tested(owner: str, settings: AlertSettings) -> Delivery:
    now = utc_now()
    finding = Finding(
        dataset="example_dataset",
        kind="test",
        cause="test",
        words="this is a test of the alert channels, sent by techtrade alerts test; nothing is wrong",
        served="what they saw before",
        evidence=("techtrade alerts list",),
    )
    incident = Incident(owner=owner, finding=finding, first_at=now, last_at=now)
    section = Section(kind=finding.kind, cause=finding.cause, incidents=(incident,))
    alert = AlertRecord(id="test", owner=owner, sections=(section,), taken_at=now)
    told = replace(message(alert, settings.runbooks), subject="techtrade TEST: nothing is wrong", level="good")
    return deliver(told, owner, settings, address)


def _told(incident: Incident) -> str:
    return to_minute(incident.told_at) if incident.told_at and incident.known else "not yet"


def _plain(found: AlertState) -> dict[str, Any]:
    plain: dict[str, Any] = found.model_dump(mode="json", include={"incidents", "undelivered"})
    for incident in plain["incidents"]:
        incident["open"] = incident["healed_at"] is None
    return plain
