"""Texts that act on a terminal, bytes that are not UTF-8 and numbers that cannot be, in every option and argument, and
in what the store keeps of people and publishers; a file system without hard links; the umask."""

from __future__ import annotations

import atexit
import errno
import json
import os
import re
import stat
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import click
import polars as pl
import pytest

from configs.contracts import load_contract
from configs.errors import ConfigError, StoreError, StorePermissionError, TechtradeError
from configs.settings import Settings, SourceSettings, load_settings, source_settings
from deploy.stack.state import write_private
from flows.cli import cli, formats
from tasks.alerts.message import message
from tasks.alerts.model import Alert, Finding, Incident, Section
from tasks.publish.after import refresh_feeds
from tasks.storage.open import open_store
from tasks.warehouse import catalog, layout, yank
from tasks.warehouse.records import Status
from tasks.warehouse.run_status import write_status
from tests.faults.commands import Commands
from tests.faults.harness import Fault, Ground, Row
from tests.support import drill
from tests.support.candidates import build_candidate

# A title for the terminal's window, a control of one byte, a direction, markup of rich, and a line that looks like ours.
EVIL = "a\x1b]0;pwned\x07b\x9b2Jc\u202ed[red]e\x00\r\nforged: all is well\x85forged: all is well"
TYPED = EVIL.replace("\x00", "")  # an argument cannot have it
STYLE = re.compile(r"\x1b\[[0-9;]*m")
ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
NUMBERS = ("nan", "inf", "-inf", "1e300", "-1", "9" * 30, "", "²", "0x10")
OTHER_BYTES = b"caf\xe9".decode("utf-8", "surrogateescape")
# What has to be given besides, so that the option in question is looked at.
REQUIRED = {
    "backfill": ("--from", "2015-01"), "yank": ("--reason", "x"), "restore": ("--from", "nowhere"),
    "promote": ("--reason", "x", "--by", "x"), "raw take-down": ("--reason", "x"), "raw expire": ("--older-than", "9"),
}  # fmt: skip
ARGUMENTS = {"target": drill.DATASET, "dataset": drill.DATASET, "source": "drill", "datasets": "nothing"}
# They would start something, or need a version that was really checked; their other parameters are tried.
NOT_RUN = {
    ("serve", "store"), ("alerts test", "owner"), ("sources archives", "store"), ("alerts send", "store"),
    ("quality", "html"),
}  # fmt: skip
_bug: list[str] = []
_running: dict[tuple[str, ...], tuple[Commands, Path]] = {}


def _parameters(group: click.Group = cli, path: str = "") -> Iterator[tuple[str, click.Command, click.Parameter]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _parameters(command, f"{path}{name} ")
            continue
        yield from ((path + name, command, p) for p in command.params if not getattr(p, "is_flag", False))


def _words(path: str, command: click.Command, parameter: click.Parameter, value: str) -> list[str]:
    needed = REQUIRED.get(path, ())
    pairs = [needed[n : n + 2] for n in range(0, len(needed), 2)]
    given = [word for pair in pairs if pair[0] not in parameter.opts for word in pair]
    arguments = [
        value if p is parameter else ARGUMENTS.get(p.name or "", "partners")
        for p in command.params
        if isinstance(p, click.Argument) and (p is parameter or p.required or p.name == "datasets")
    ]
    option = [f"{parameter.opts[0]}={value}"] if isinstance(parameter, click.Option) else []
    return [*path.split(), *given, *option, "--", *arguments]


def _run(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and output."""
    seed = tuple(_bug)
    if seed not in _running:
        folder = TemporaryDirectory(prefix="techtrade-odd-")
        _store(Path(folder.name))
        commands = Commands({k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}, *seed)
        _running[seed] = commands, Path(folder.name)
        atexit.register(folder.cleanup)
        atexit.register(commands.close)
    commands, place = _running[seed]
    output = place / "said"
    output.unlink(missing_ok=True)
    store = {"TECHTRADE_STORE": str(place / "store")}
    code = commands.run(output, {**os.environ, **store, **environment}, *arguments)
    return code, output.read_bytes().decode("utf-8", "surrogateescape")


def _wrong(text: str) -> str:
    """What is wrong with a text that was shown."""
    acting = ACTS.search(STYLE.sub("", text))
    if acting or "\x1b[31m" in text:
        return f"acts: {text[-200:]!r}"
    forged = [line for line in text.splitlines() if line.startswith("forged")]
    if forged:
        return f"forges a line: {text[-200:]!r}"
    return f"traceback: {text[-300:]!r}" if "Traceback" in text or "(unexpected" in text else ""


def _refused(*arguments: str) -> str:
    code, text = _run(*arguments)
    return _wrong(text) or ("" if code == 2 else f"exit code {code}: {text[-200:]!r}")


def _shown(*arguments: str, **environment: str) -> str:
    return _wrong(_run(*arguments, **environment)[1])


def _of_parameters() -> Iterator[Fault]:
    for path, command, parameter in _parameters():
        name = f"{path} {parameter.opts[0]}"
        if isinstance(parameter.type, click.types.IntParamType | click.types.FloatParamType):
            for value in NUMBERS:
                words = _words(path, command, parameter, value)
                yield Fault(f"{name}={value or 'nothing'}", lambda _, w=tuple(words): _refused(*w))  # type: ignore[misc]
            continue
        other = tuple(_words(path, command, parameter, OTHER_BYTES))
        yield Fault(f"{name}, not UTF-8", lambda _, w=other: _refused(*w))  # type: ignore[misc]
        if not isinstance(parameter.type, click.Choice) and (path, parameter.name) not in NOT_RUN:
            typed = tuple(_words(path, command, parameter, TYPED))
            yield Fault(f"{name}, escapes", lambda _, w=typed: _shown(*w))  # type: ignore[misc]


# ------------------------------------------------------------------------ settings


def _of_settings() -> Iterator[Fault]:
    numeric = ("float", "int", "Seconds")
    for prefix, model in (("TECHTRADE_", Settings), ("TECHTRADE_SOURCES__CENSUS_BALANCE__", SourceSettings)):
        for name, field in model.model_fields.items():
            if any(n in str(field.annotation) for n in numeric) and "tuple" not in str(field.annotation):
                for value in ("nan", "inf", "1e300", "-1"):
                    variable = prefix + name.upper()
                    yield Fault(
                        f"{variable}={value}",
                        lambda _, v=variable, x=value: _setting_refused(v, x),  # type: ignore[misc]
                    )
    for value in ("nan", "inf", "1e300", "-1"):
        yield Fault(f"TECHTRADE_RUN_SECONDS={value}", lambda _, x=value: _setting_refused("TECHTRADE_RUN_SECONDS", x))  # type: ignore[misc]


def _setting_refused(variable: str, value: str) -> str:
    from flows.run_context import run_seconds

    with patch.dict(os.environ, {variable: value}):
        try:
            load_settings(), source_settings("census_balance"), run_seconds()
        except ConfigError as e:
            return _wrong(str(e))
    return f"{variable}={value} was accepted"


# ------------------------------------------------------------------------ what the store keeps


def _store(folder: Path) -> str:
    """A store in which older code kept texts as they came: a reason, what went wrong in a run."""
    store = open_store(str(folder / "store"))
    for number in (1, 2, 3):
        built = folder / f"built-{number}"
        built.mkdir()
        drill.publish(store, build_candidate(number, built), whole=True)
    first = drill.linear(store)[0]
    yank.yank(store, drill.DATASET, first, EVIL, None)
    catalog.refresh_catalog(store, drill.contract())
    status = Status(
        dataset=drill.DATASET, checked_at="2026-11-29T00:00:00.000000Z", outcome="failed", detail=EVIL, diagnosis=EVIL
    )
    write_status(store, status)
    refresh_feeds(store, load_contract(drill.DATASET), deep=True)
    return store.url


_kept: dict[int, str] = {}


def _of_store(*arguments: str) -> Callable[[Ground], str]:
    def attempt(ground: Ground) -> str:
        url = _kept.setdefault(id(ground), "") or _kept.setdefault(-id(ground), _store(ground.folder()))
        first = drill.linear(open_store(url))[0]
        words = [a.replace("FIRST", first) for a in arguments]
        code, text = _run(*words, TECHTRADE_STORE=url)
        told = "" if "pwned" in text or "--json" not in words else "does not have the text"
        # Its changes are not parquet, which some commands are right to stumble over.
        return _wrong(text.replace("(unexpected", "")) or told

    return attempt


def _typed_reason(ground: Ground) -> str:
    """A reason is kept as the text that readers are shown."""
    url = _store(ground.folder())
    last = drill.linear(open_store(url))[-1]
    code, text = _run("yank", f"{drill.DATASET}@{last}", "--reason", TYPED, TECHTRADE_STORE=url)
    latest = open_store(url).get(layout.latest(drill.DATASET)).body.decode()
    if code or ACTS.search(json.loads(latest)["log"][-1]["reason"]):
        return f"exit code {code}: {text[-200:]}"
    return _wrong(text)


def _of_feed(ground: Ground) -> str:
    url = _kept.setdefault(-id(ground), "") or _store(ground.folder())
    store = open_store(url)
    for entry in store.entries(""):
        if entry.key.endswith(("feed.xml", ".html")):
            body = store.get(entry.key).body
            if entry.key.endswith(".xml"):
                ET.fromstring(body)
            wrong = "" if not ACTS.search(body.decode()) else f"{entry.key} has controls"
            if wrong:
                return wrong
    return ""


def _of_alert(_: Ground) -> str:
    finding = Finding(dataset=drill.DATASET, kind="crash", cause="x", words=EVIL, served=EVIL, diagnosis=EVIL)
    at = drill.utc_now()
    incident = Incident(owner="o", finding=finding, first_at=at, last_at=at)
    section = Section(kind="crash", cause="x", incidents=(incident,))
    told = message(Alert(id="1", owner="o", sections=(section,), taken_at=at), "deploy/runbooks/")
    if "\n" in told.subject:
        return f"a subject of several lines: {told.subject!r}"
    return next((f"acts: {t!r}" for t in (told.subject, told.text, told.html) if ACTS.search(t)), "")


# ------------------------------------------------------------------------ the file system


def _without_links(code: int) -> Callable[[Ground], str]:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    def attempt(ground: Ground) -> str:
        store = open_store(str(ground.folder() / "store"))
        with patch("os.link", refuse):
            try:
                store.create("a/b", b"x")
            except StorePermissionError as e:
                return f"blames permissions: {e}"
            except StoreError as e:
                return "" if "hard links" in str(e) and "ext4" in str(e) else str(e)
        return "was written"

    return attempt


def _one_file_without_link(ground: Ground) -> str:
    """A link that is refused for one file is not the file system's fault."""
    store = open_store(str(ground.folder() / "store"))
    real = os.link
    left = [errno.EPERM]

    def once(*arguments: str) -> None:
        if left:
            raise PermissionError(left[0], os.strerror(left.pop()))
        real(*arguments)

    with patch("os.link", once):
        try:
            store.create("a/b", b"x")
        except TechtradeError as e:
            return "" if isinstance(e, StorePermissionError) else f"{type(e).__name__}: {e}"
    return "was written"


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _of_umask(mask: int) -> Callable[[Ground], str]:
    def attempt(ground: Ground) -> str:
        folder = ground.folder()
        with _umask(mask):
            url = _store(folder)
            store = open_store(url)
            file = next(Path(url).glob("*/versions/*/data/**/*.parquet"))
            store.create_file("file", file)
            store.copy("file", "copied")
            contract, frame = drill.contract(), pl.read_parquet(file)
            for form in ("csv", "json", "parquet"):
                formats.write_rows(frame, contract, form, str(folder / f"out.{form}"))
            formats.write_table("", [frame], contract, str(folder / "out.txt"))
        wrong = [
            f"{path.relative_to(folder)} {stat.filemode(mode)}"
            for path in folder.rglob("*")
            if (mode := path.stat().st_mode) & 0o777 != (0o777 if path.is_dir() else 0o666) & ~mask
        ]
        return ", ".join(wrong[:5])

    return attempt


def _of_secrets(ground: Ground) -> str:
    """A file with passwords is for its owner, whatever the umask, and also where it was there already."""
    file = ground.folder() / "state.json"
    with _umask(0):
        file.write_text("")
        write_private(file, "s3cret")
    return "" if file.stat().st_mode & 0o777 == 0o600 else stat.filemode(file.stat().st_mode)


def faults() -> Sequence[Fault]:
    kept: Mapping[str, tuple[str, ...]] = {
        "versions": ("versions", drill.DATASET),
        "versions, wide": ("versions", drill.DATASET, "--wide"),
        "versions, JSON": ("versions", drill.DATASET, "--json"),
        "show": ("show", drill.DATASET),
        "show of what was yanked": ("show", f"{drill.DATASET}@FIRST"),
        "read of what was yanked": ("read", f"{drill.DATASET}@FIRST"),
        "status": ("status",),
        "status, JSON": ("status", "--json"),
        "datasets": ("datasets",),
        "freshness": ("freshness", drill.DATASET),
        "verify": ("verify", drill.DATASET),
        "diff": ("diff", drill.DATASET),
    }
    links = {errno.errorcode[c]: c for c in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)}
    return [
        *_of_parameters(),
        Fault(
            "read --output, a folder that is not there",
            lambda _: _shown("read", drill.DATASET, f"--output={TYPED}/x.csv"),
        ),
        Fault("yank, a reason with escapes", _typed_reason),
        *_of_settings(),
        *(Fault(f"kept in the store: {name}", _of_store(*words)) for name, words in kept.items()),
        Fault("kept in the store: feeds and pages", _of_feed),
        Fault("alert", _of_alert),
        *(Fault(f"no hard links, {name}", _without_links(code)) for name, code in links.items()),
        Fault("no hard link of one file", _one_file_without_link),
        *(Fault(f"umask {mask:03o}", _of_umask(mask)) for mask in (0o002, 0o022, 0o027, 0o077)),
        Fault("umask, a file with secrets", _of_secrets),
    ]


def seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "_bug", ["text"])


ROW = Row(
    name="odd_text_and_numbers",
    title="terminal escapes, invalid UTF-8 and impossible numbers in every option; no hard links; umask",
    right="shown as text; a usage error (exit 2) or a setting error; a message that names hard links; file modes follow the umask",
    faults=faults,
    seed=seed,
    seeded=("kept in the store: versions, wide", "show target, escapes", "yank target, not UTF-8"),
    slow=True,
)
