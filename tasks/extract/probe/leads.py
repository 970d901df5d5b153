"""Pages that may be there: whether they are, by one HEAD each. No finding comes of them, whatever the answer."""

from __future__ import annotations

from urllib.parse import urlsplit

from configs import CONFIGS, yaml_file
from configs.columns import Frozen
from configs.words import plural
from tasks.extract.probe.visit import Outcome, Visit


class Lead(Frozen):
    """``path``: on the host of the source's address. ``why``: what it would be good for."""

    name: str
    source: str
    path: str
    why: str


def leads_of(source: str) -> list[Lead]:
    """Return the leads on the host of a source."""
    return [e for e in yaml_file.load(list[Lead], CONFIGS / "leads.yaml") if e.source == source]


def look(visit: Visit) -> None:
    """Ask for the headers of each lead."""
    host = urlsplit(visit.settings.url)
    for lead in leads_of(visit.source):
        url = f"{host.scheme}://{host.netloc.rpartition('@')[2]}{lead.path}"

        def step(outcome: Outcome, url: str = url) -> None:
            with visit.recorder.without_key():
                found = visit.recorder.head(url)
            size = f", {plural(found.size, 'byte')}" if found and found.size is not None else ""
            outcome.read.append(f"it is there{size}" if found else "it is not there (404)")

        visit.probe(f"lead: {lead.name}", step)
