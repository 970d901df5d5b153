"""One publisher, probe by probe: each is made if it can be, and its failure is a finding, never the end of the others.

A refusal (401, 403, 429) ends the visit: a filter that has shut us out would count every further request against us.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from configs.errors import (
    ConfigError,
    CredentialError,
    KeyStoreError,
    LockedOutError,
    MissingKeyError,
    PassingAnswerError,
    SourceError,
    SourceUnavailableError,
)
from configs.settings import Keys, SourceSettings, source_key, source_settings
from tasks.extract.http.session import Session
from tasks.extract.probe import headers
from tasks.extract.probe.exchanges import Exchange, without_addresses
from tasks.extract.probe.findings import Finding, Severity
from tasks.extract.probe.recorder import REFUSED, Recorder
from tasks.extract.source import FetchRequest
from tasks.raw.documents import RawDocument

T = TypeVar("T")
State = Literal["as believed", "differs", "not made", "no answer"]
_KEPT = re.compile(r" \(kept as [^)]*\)$")


class Unkept:
    """An archive that keeps nothing: a probe leaves no trace in a store."""

    def keep(self, source: str, role: str, url: str, body: bytes, suffix: str) -> RawDocument:
        return RawDocument.of(role, url, body, source=source)

    def keep_file(self, source: str, role: str, url: str, file: Path, suffix: str, modified: str) -> RawDocument:
        return RawDocument.of(role, url, file.read_bytes(), source=source)

    def unfinished(self, source: str, plan: str, since: datetime) -> dict[str, RawDocument]:
        return {}

    def note(self, source: str, plan: str, document: RawDocument) -> None:
        """Nothing is resumed."""

    def finished(self, source: str, plan: str) -> None:
        """Nothing was noted."""


class ProbeSession(Session):
    """A session of the source's own code whose requests the recorder makes."""

    def __init__(self, source: str, ask: FetchRequest, recorder: Recorder) -> None:
        super().__init__(source, ask, Unkept())
        self.settings, self._client = recorder.settings, recorder


@dataclass
class Outcome:
    """What one probe found. ``read``: what the parser that publishing uses made of the answer, in words."""

    probe: str
    read: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    not_made: str = ""
    no_answer: str = ""

    @property
    def state(self) -> State:
        if self.not_made:
            return "not made"
        if self.no_answer:
            return "no answer"
        return "differs" if any(f.severity != "good to know" for f in self.findings) else "as believed"


class Visit:
    """The probes of one publisher. ``figures``: totals by flow and month in US dollars, for comparison with others."""

    def __init__(self, source: str, now: datetime, keys: Keys, shut: set[str]) -> None:
        self.source, self.now, self._keys, self._shut = source, now, keys, shut
        self.settings: SourceSettings = source_settings(source)
        self.outcomes: list[Outcome] = []
        self.figures: dict[tuple[str, str], float] = {}
        self.no_key, self._stopped = "", ""
        key: str | None = None
        try:
            key = source_key(source, keys)
        except (MissingKeyError, KeyStoreError, ConfigError) as e:
            self.no_key = str(e)
        self.recorder = Recorder(source, self.settings, key)

    @property
    def exchanges(self) -> list[Exchange]:
        return self.recorder.exchanges

    def session(self) -> ProbeSession:
        """Return a session for the source's own functions."""
        ask = FetchRequest(self.source, now=self.now, keys=self._keys, meter=self.recorder.meter)
        return ProbeSession(self.source, ask, self.recorder)

    def probe(self, name: str, step: Callable[[Outcome], T], *, needs_key: bool = False) -> T | None:
        """Make one probe; return what the step does, None if it could not be made or failed."""
        outcome = Outcome(name)
        self.outcomes.append(outcome)
        outcome.not_made = self._stopped or (self.no_key if needs_key else "") or self._not_asked()
        if outcome.not_made:
            return None
        self.recorder.probe = name
        first = len(self.exchanges)
        try:
            return step(outcome)
        except (PassingAnswerError, SourceUnavailableError) as e:
            if self.recorder.refused:
                self._add(outcome, "breaks us", _refusal(self.exchanges[-1]))
                return None
            outcome.no_answer = self._told(e)
            if not any(x.status for x in self.exchanges[first:]):
                self._stopped = "the publisher could not be reached"
        except CredentialError as e:
            self.no_key = "the publisher did not accept the key"
            self._add(outcome, "breaks us", f"The key is not accepted: {self._told(e)}")
        except LockedOutError as e:
            self._add(outcome, "breaks us", f"The publisher shut us out: {self._told(e)}")
        except SourceError as e:
            self._add(outcome, "breaks us", f"Publishing would stop here: {self._told(e)}")
        except ConfigError as e:
            outcome.not_made = str(e)
        except Exception as e:  # noqa: BLE001 - an answer that crashes our parser is a finding, and others are to come
            self._add(
                outcome,
                "breaks us",
                f"Our parser crashed: {type(e).__name__}: {self.recorder.scrub.text(str(e))[:300]}",
            )
        finally:
            made = self.exchanges[first:]
            outcome.findings += headers.compared(self.source, name, made)
            self._stop_if_refused(made)
        return None

    def _add(self, outcome: Outcome, severity: Severity, text: str) -> None:
        outcome.findings.append(Finding(self.source, outcome.probe, severity, text))

    def _told(self, error: SourceError) -> str:
        """Return a message without the source and without where the answer would be kept."""
        text = _KEPT.sub("", " ".join(str(error).split())).removeprefix(f"{self.source}: ")
        return without_addresses(self.recorder.scrub.text(text))

    def _not_asked(self) -> str:
        if self.settings.url.startswith("file:"):
            return "its address is a file, and a probe asks publishers"
        host = headers.host_of(self.settings.url)
        return f"{host} has refused an earlier probe and is left alone" if host in self._shut else ""

    def _stop_if_refused(self, made: list[Exchange]) -> None:
        if refused := next((x for x in made if x.status in REFUSED), None):
            self._stopped = f"the publisher answered {refused.status} before, and is left alone"
            self._shut.add(headers.host_of(refused.url))


def _refusal(exchange: Exchange) -> str:
    """Describe a refusal that does not say what is wrong, as the page of a filter."""
    page = "a page" if exchange.media == "text/html" else exchange.media or "no type"
    return (
        f"It answers {exchange.status} with {page}: a filter may have shut out this machine or its network. Try "
        "later, or from another network; the page is in the bundle."
    )
