"""Every command that reads or watches says so where there is no store: what is not there is not healthy.

The commands are found by walking the command line, so that a new one cannot be forgotten: it passes, or stands in the
table with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from configs import release_due
from configs.contracts import dataset_names, load_contract
from flows.cli import cli
from tasks.storage.local import LocalStore
from tasks.warehouse import layout
from tasks.warehouse.existing import existing_store
from tasks.warehouse.schedule import note_scheduled
from tests.doubles.publishers import closed_port
from tests.support import seaweed
from tests.support.plain import Ran, nothing_published, plain

Run = Callable[..., Ran]
Path_ = tuple[str, ...]
DATASET = "atp_world_monthly"
CREATES = {
    ("publish",): "creates the store",
    ("backfill",): "publishes, and so creates the store",
    ("restore",): "makes a lost store again; the copy that it reads has to be there, see below",
    ("serve",): "its first run creates the store",
    ("sources", "archives"): "fills the raw archive before anything is published",
}
WITHOUT = {
    ("deploy",): "brings a Prefect server to what is declared; only notes it in a store",
    ("sources", "check"): "asks publishers for metadata, and reads nothing else",
    ("sources", "probe"): "asks publishers, and writes a bundle of its own",
    ("alerts", "test"): "sends through the channels, whatever stands in a store",
    ("alerts", "runbook"): "prints a page of the project",
    ("completion",): "prints a script for the shell",
    ("new-dataset",): "lays out files in a checkout",
}


def walk(group: click.Group, path: Path_ = ()) -> Iterator[tuple[Path_, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from walk(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(walk(cli))
READING = sorted(set(COMMANDS) - set(CREATES) - set(WITHOUT))


def arguments(command: click.Command) -> list[str]:
    """Something for whatever has to be given."""
    told = []
    for given in command.params:
        if not given.required:
            continue
        shape = given.metavar or given.name or ""
        value = f"{DATASET}@2026-01-01.0001" if "DATASET@" in shape else "400" if "DAYS" in shape else DATASET
        told += [value] if isinstance(given, click.Argument) else [given.opts[0], value]
    return told


@pytest.fixture
def techtrade(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The command line without Prefect, but for the address of a server that does not answer."""
    run = plain(monkeypatch, capfd, "")
    with closed_port() as nobody:
        monkeypatch.setenv("PREFECT_API_URL", f"{nobody}/api")
        yield run


def test_the_table_names_commands_that_there_are_and_tells_them_right() -> None:
    assert set(CREATES) | set(WITHOUT) <= set(COMMANDS)
    for path, command in COMMANDS.items():
        assert (path in WITHOUT) != any("--store" in p.opts for p in command.params), path


@pytest.mark.parametrize("path", READING, ids=" ".join)
@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("missing", "no such folder"),
        ("file", "it is a file, not a folder"),
        ("empty", "it has no catalog.json"),
        ("below a file", "no such folder"),
    ],
)
def test_a_folder_that_is_no_store_is_said_in_one_line(
    kind: str, why: str, path: Path_, techtrade: Run, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty" / "photos").mkdir(parents=True)
    (tmp_path / "empty" / "photos" / "a.jpg").write_text("")
    place = str(tmp_path / ("file/store" if kind == "below a file" else kind))
    before = sorted(tmp_path.rglob("*"))
    _refused(techtrade(*path, *arguments(COMMANDS[path]), "--store", place), place, why)
    assert sorted(tmp_path.rglob("*")) == before, "nothing is created by looking"


@pytest.mark.s3
@pytest.mark.parametrize("path", [("status",), ("freshness",), ("alerts", "list")], ids=" ".join)
def test_a_bucket_that_is_no_store_is_said_in_one_line(path: Path_, techtrade: Run, s3: Any) -> None:
    given = arguments(COMMANDS[path])
    for place, why in (
        ("s3://no-such-bucket/store", "there is no bucket 'no-such-bucket'"),
        (f"s3://{seaweed.BUCKET}/empty-prefix", "it has no catalog.json"),
    ):
        _refused(techtrade(*path, *given, "--store", place), place, why)


def _refused(ran: Ran, place: str, why: str) -> None:
    lines = [line for line in ran.err.splitlines() if line.strip()]
    assert (ran.code, ran.out) == (1, "") and len(lines) == 1, (ran.code, ran.out, ran.err)
    assert lines[0].startswith(f"error: there is no store at {place}: {why}") and "--store" in lines[0]


def test_restore_says_that_there_is_no_copy(techtrade: Run, tmp_path: Path) -> None:
    ran = techtrade("restore", "--from", str(tmp_path / "no"), "--store", str(tmp_path / "new"))
    assert ran.code == 1 and f"there is no store at {tmp_path / 'no'}" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_the_dictionary_can_be_read_before_the_first_publish_and_says_that_nothing_is_published(
    techtrade: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no store was named: a newcomer looks at what there is before there is anything. One who named a store, and
    mistyped it, is told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TECHTRADE_STORE")
    for command, words in ((("datasets",), "not published"), (("show", DATASET), "primary key")):
        ran = techtrade(*command)
        assert ran.code == 0 and words in ran.out and "there is no store at warehouse" in ran.err
    assert techtrade("show", f"{DATASET}@2026-01-01.0001").code == 1
    monkeypatch.setenv("TECHTRADE_STORE", "warehouse")
    assert techtrade("datasets").code == techtrade("show", DATASET).code == 1
    monkeypatch.delenv("TECHTRADE_STORE")
    (tmp_path / "warehouse").write_text("")
    assert techtrade("datasets").code == 1


@pytest.mark.parametrize("key", [layout.CATALOG, layout.status(DATASET), layout.SCHEDULE, "_raw/x/inventory.json"])
def test_what_a_run_leaves_behind_before_there_is_a_catalog_is_a_store(key: str, tmp_path: Path) -> None:
    """A first run that failed has a status; a writer of one dataset may not write the catalog."""
    store = LocalStore(tmp_path)
    store.create(key, b"{}")
    assert existing_store(str(tmp_path)).url == store.url


# ------------------------------------------------------------ one bad dataset


def _damage(store: LocalStore, how: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Something is wrong with one dataset; a word of what."""
    if how == "folder":
        (store.root / DATASET).symlink_to(DATASET)  # leads to itself: nothing can be read from it, not even by root
        return "latest.json"
    if how == "calendar":
        without = load_contract(DATASET).model_copy(update={"releases": None})
        monkeypatch.setattr(
            release_due, "load_contract", lambda name: without if name == DATASET else load_contract(name)
        )
        return "releases is missing; name a calendar"
    body = {"log": b"{", "status": b"{", "stamp": b'{"dataset": "", "checked_at": "x", "outcome": "", "detail": ""}'}
    key = layout.latest(DATASET) if how == "log" else layout.status(DATASET)
    store.create(key, body[how])
    return key


@pytest.mark.parametrize("how", ["folder", "calendar", "log", "status", "stamp"])
def test_one_bad_dataset_is_one_bad_row_with_its_reason(
    how: str, techtrade: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    nothing_published(store)
    what = _damage(store, how, monkeypatch)
    monkeypatch.setenv("TECHTRADE_STORE", store.url)
    monkeypatch.delenv("PREFECT_API_URL")

    ran = techtrade("freshness", "--json")
    states = {f["dataset"]: f["state"] for f in json.loads(ran.out)}
    assert ran.code == 1 and states.pop(DATASET) == "not known"
    assert states == dict.fromkeys(set(dataset_names()) - {DATASET}, "never published")
    (words,) = (f["words"] for f in json.loads(ran.out) if f["dataset"] == DATASET)
    assert what in words

    ran = techtrade("status", "--json")
    rows = {r["dataset"]: r for r in json.loads(ran.out)["datasets"]}
    assert ran.code == 1 and len(rows) == len(dataset_names())
    assert [name for name, row in rows.items() if row["attention"]] == [DATASET]
    shown = techtrade("status")
    told = " ".join(shown.out.split())
    assert shown.code == 1 and f"{DATASET}: not known: " in told and what in told

    if how in ("folder", "log"):
        ran = techtrade("datasets", "--json")
        listed = {d["dataset"]: d["state"] for d in json.loads(ran.out)}
        assert ran.code == 1 and listed.pop(DATASET) in ("not known", "corrupt")
        assert set(listed.values()) == {"not published"}
        ran = techtrade("verify", "--json")
        (bad,) = json.loads(ran.out)
        assert ran.code == 1 and bad["dataset"] == DATASET and what in bad["error"]


def test_damaged_alerts_are_not_taken_for_none(techtrade: Run, tmp_path: Path) -> None:
    LocalStore(tmp_path).create(layout.ALERTS, b"{")
    ran = techtrade("alerts", "list", "--store", str(tmp_path))
    assert ran.code == 1 and layout.ALERTS in ran.err and ran.out == ""
    ran = techtrade("status", "--store", str(tmp_path))
    assert f"alerts are not known: {layout.ALERTS}" in ran.out


def test_a_store_that_fails_as_a_whole_is_no_list_of_bad_rows(techtrade: Run, tmp_path: Path) -> None:
    (tmp_path / layout.CATALOG).symlink_to(layout.CATALOG)
    (tmp_path / DATASET).symlink_to(DATASET)
    ran = techtrade("freshness", "--store", str(tmp_path))
    assert (ran.code, ran.out) == (1, "") and layout.CATALOG in ran.err


def test_a_schedule_that_nothing_runs_is_red_from_the_first_day(
    techtrade: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that never lived, a key that was never set: nothing is published, and nothing fails."""
    monkeypatch.delenv("PREFECT_API_URL")
    store = LocalStore(tmp_path)
    nothing_published(store)
    assert techtrade("status", "--check", "--store", store.url).code == 0
    assert note_scheduled(store, by="techtrade deploy")
    ran = techtrade("status", "--check", "--store", store.url)
    assert ran.code == 1 and ran.out.count("LATE") == len(dataset_names())
    assert "(techtrade deploy): no run has ended since: is a worker running?" in " ".join(ran.out.split())
    ran = techtrade("freshness", "--store", store.url)
    assert ran.code == 1 and ran.out.count(": late at us") == len(dataset_names())
