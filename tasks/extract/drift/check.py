"""Contract drift: is what a publisher says of its data still what our readers of it were written against?

For each source one cheap request (two where there are two lists) to the publisher's metadata, held against the frozen
expectation in ``configs/drift/<source>.yaml``. Nothing is archived and nothing is changed: it is a look, not an
extraction. Where a publisher has no metadata, the document itself is asked for, and the expectation says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from configs import CONFIGS, yaml_file
from configs.errors import ConfigError, KeyStoreError, MissingKeyError, SourceError, SourceLayoutError, UsageError
from configs.operations import Series
from configs.release_calendar import load_calendar, month_after
from configs.settings import Keys, SourceSettings, from_environment, source_key, source_settings
from configs.source_series import series_of_source
from tasks.extract.drift.metadata import READERS, Kinds
from tasks.extract.http.client import Client
from tasks.extract.http.responses import Answer, StatusError
from tasks.extract.source import Meter
from tasks.raw.documents import RawDocument

FOLDER = CONFIGS / "drift"
State = Literal["as expected", "drift", "unreachable", "wrong setting", "no key", "no address", "files"]
# As late as a release has been: that of October 2025, by two months.
RELEASES = 3
YEARS = 5  # the newest list of which an address was seen is four years old
FAILED: tuple[State, ...] = ("drift", "unreachable", "wrong setting")


class Probe(BaseModel):
    """One request and what is expected of its answer, name by name. Kinds are alternatives where the reader gives
    types: ``number|null``. ``optional`` may be there or not; ``only`` leaves the other names out of sight. ``tail``: so
    many bytes at the end of the document are asked for, not all of it. ``{yyyy}`` and ``{yymm}`` in an address are the
    newest release by the calendar, or the newest before it that is there. ``each_series``: one for each series of the
    source that contracts name, with its ``{series}``, ``{code}`` and ``{title}``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    path: str = ""
    params: dict[str, str] = Field(default_factory=dict)
    read: str
    only: str = ".*"
    each_document: bool = False
    each_series: bool = False
    tail: int | None = None
    expect: dict[str, str]
    optional: dict[str, str] = Field(default_factory=dict)

    def of_series(self, name: str, series: Series) -> Probe:
        """Return the probe of one series."""
        words = {"series": name, "code": series.code, "title": series.title}
        expect = {key: kind.format_map(words) for key, kind in self.expect.items()}
        name, path = self.name.format_map(words), self.path.format_map(words)
        return self.model_copy(update={"name": name, "path": path, "expect": expect})


class Expectation(BaseModel):
    """``configs/drift/<source>.yaml``. ``basis``: where it is from, and whether it was seen live."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    basis: str
    needs_key: bool = False
    probes: tuple[Probe, ...]


@dataclass(frozen=True)
class DriftItem:
    """One name that is not as frozen."""

    kind: Literal["new", "gone", "changed"]
    probe: str
    name: str
    expected: str = ""
    seen: str = ""

    def __str__(self) -> str:
        told = {"new": self.seen, "gone": self.expected, "changed": f"{self.expected} -> {self.seen}"}[self.kind]
        return f"{self.kind}: {self.probe} {self.name} ({told})"


@dataclass(frozen=True)
class DriftResult:
    """What a look at one source gave. ``seen``: what the publisher says now, by probe, to freeze if it is right."""

    source: str
    state: State
    detail: str = ""
    differences: tuple[DriftItem, ...] = ()
    seen: Mapping[str, Kinds] = field(default_factory=dict)


def sources() -> list[str]:
    """The sources that have a frozen expectation."""
    return sorted(p.stem for p in FOLDER.glob("*.yaml"))


def expectation(source: str) -> Expectation:
    """The frozen expectation of a source.

    Raises:
        UsageError: there is none. ConfigError: it is not of the form it should be.
    """
    if source not in sources():
        raise UsageError(f"no expectation of a source {source!r}; there are: {', '.join(sources())}")
    found = yaml_file.load(Expectation, FOLDER / f"{source}.yaml")
    once = [p for p in found.probes if not p.each_series]
    each = [p for p in found.probes if p.each_series]
    made = [
        p.of_series(name, series) for name, series in (series_of_source(source) if each else {}).items() for p in each
    ]
    return found.model_copy(update={"probes": (*once, *made)})


def compare(probe: Probe, seen: Kinds) -> tuple[DriftItem, ...]:
    """What is gone, changed, and new, in the order of the expectation."""
    visible = {name: kind for name, kind in seen.items() if re.fullmatch(probe.only, name)}
    known = probe.expect | probe.optional
    gone = [DriftItem("gone", probe.name, n, k) for n, k in probe.expect.items() if n not in visible]
    changed = [
        DriftItem("changed", probe.name, n, k, visible[n])
        for n, k in known.items()
        if n in visible and visible[n] != k and not set(visible[n].split("|")) <= set(k.split("|"))
    ]
    return (*gone, *changed, *(DriftItem("new", probe.name, n, seen=k) for n, k in visible.items() if n not in known))


def check(source: str, now: datetime, keys: Keys = from_environment) -> DriftResult:
    """Looks at one source. What goes wrong is a state, so that one source does not hide the others.

    Raises:
        UsageError: no such source. ConfigError: the expectation is wrong.
    """
    expected = expectation(source)
    try:
        settings = source_settings(source)
        key = source_key(source, keys) if expected.needs_key and not settings.url.startswith("file:") else None
    except MissingKeyError as e:
        return DriftResult(source, "no key", str(e))
    except (ConfigError, KeyStoreError) as e:
        return DriftResult(source, "wrong setting", str(e))
    client = Client(source, settings, key, Meter())
    differences: list[DriftItem] = []
    seen: dict[str, Kinds] = {}
    asked = 0
    for probe in expected.probes:
        for role, urls in _addresses(settings, probe, now):
            if urls[0].startswith("file:"):
                return DriftResult(source, "files", "its address is a file or folder, which has no metadata")
            asked += 1
            try:
                seen[role] = _newest(client, source, probe, role, urls)
            except SourceLayoutError as e:
                differences.append(DriftItem("changed", role, "layout", "as our reader has it", _told(e)))
                continue
            except ConfigError as e:
                return DriftResult(source, "wrong setting", str(e))
            except SourceError as e:
                return DriftResult(source, "unreachable", _told(e), tuple(differences), seen)
            differences += compare(probe.model_copy(update={"name": role}), seen[role])
    if not asked:
        return DriftResult(source, "no address", "its settings name no document to look at")
    return DriftResult(source, "drift" if differences else "as expected", expected.basis, tuple(differences), seen)


def _newest(client: Client, source: str, probe: Probe, role: str, urls: Sequence[str]) -> Kinds:
    """What the first of these addresses says at which something is: a release can be late, and is no drift."""
    read = _read(client, source, probe, role)
    for last, url in enumerate(urls, start=1 - len(urls)):
        try:
            if probe.tail is None:
                return client.get(url, probe.params or None, read)
            return client.tail(url, probe.tail, read)
        except StatusError as e:
            if e.status != 404 or last == 0:
                raise
    raise AssertionError("unreachable")


def _addresses(settings: SourceSettings, probe: Probe, now: datetime) -> Iterator[tuple[str, Sequence[str]]]:
    """What to ask for: name and address; of releases the newest that can be expected, and those before it."""
    if probe.each_document:
        # The newest of each flow: roles are exports/YYYY-MM.
        newest = {role.split("/", maxsplit=1)[0]: role for role in sorted(settings.documents)}
        yield from ((role, [settings.documents[role]]) for role in newest.values())
        for flow, address in settings.yearly.items():
            if flow not in newest:
                years = range(now.year, now.year - YEARS, -1)
                yield f"{flow}/{now.year}-01", [address.replace("{yy}", f"{y % 100:02d}") for y in years]
    elif settings.url:
        address = f"{settings.url.rstrip('/')}/{probe.path}" if probe.path else settings.url
        if "{yymm}" in address:
            expected = load_calendar("ft900").newest(now)
            months = [month_after(expected, -n) for n in range(RELEASES)]
            yield probe.name, [address.replace("{yymm}", f"{m:%y%m}").replace("{yyyy}", f"{m:%Y}") for m in months]
        else:
            yield probe.name, [address]


def _read(client: Client, source: str, probe: Probe, role: str) -> Callable[[Answer], Kinds]:
    read = READERS[probe.read]
    return lambda answer: read(RawDocument.of(role, answer.url, client.scrub.bytes(answer.body)), source)


def _told(error: SourceError) -> str:
    """The message without where the answer is kept: it is not."""
    return str(error).removesuffix(f" (kept as {', '.join(error.raw_keys)})")
