"""The disaster drill: the bucket is gone, and a copy of its raw archive and ledger is all there is."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs.contracts import load_contract
from configs.errors import CorruptVersionError, RestoreError, StoreUnavailableError, TechtradeError
from flows.cli.operate import yank
from flows.cli.publish import publish_datasets
from tasks.publish import restore as restore_module
from tasks.publish.dependents import refresh
from tasks.publish.restore import restore
from tasks.publish.restore_lock import Hold
from tasks.storage.local import LocalStore
from tasks.warehouse import ledger, protocol, reader
from tasks.warehouse import yank as yank_
from tasks.warehouse.content_hash import frame_hash
from tasks.warehouse.outcomes import Skipped
from tasks.warehouse.records import LogEntry
from tasks.warehouse.upkeep.verify import verify
from tests.support.plain import Ran
from tests.support.published import publish

Command = Callable[..., Ran]
ATP = "atp_world_monthly"


@pytest.fixture(scope="module", name="lost")
def a_store_that_is_going_to_be_lost(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> Path:
    """All bundled vintages of two datasets, one version yanked."""
    place = tmp_path_factory.mktemp("lost") / "store"
    for vintage in ("2023-01", "2025-02"):
        assert publish_datasets(("atp_world_monthly",), "snapshot", vintage, "auto", str(place), False) == 0
    assert publish_datasets(("partners",), "snapshot", None, "auto", str(place), False) == 0
    latest, _ = protocol.read_latest(LocalStore(place), "atp_world_monthly")
    assert latest is not None
    yank(f"atp_world_monthly@{latest.version}", "a drill", None, str(place), False)
    return place


@pytest.fixture(name="copy")
def the_copy_that_was_made(lost: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    for kept in ("_raw", "_ledger"):
        shutil.copytree(lost / kept, copy / kept)
    return copy


@pytest.mark.slow
def test_what_is_made_from_the_datasets_stands_again_too(tmp_path: Path, techtrade: Command) -> None:
    store = LocalStore(tmp_path / "store")
    made = ("ip_trade_annual_history", "ip_position_annual", "ip_position_annual_history", "revision_profile")
    for vintage in ("2024-11-13", "2025-01-28"):
        publish(store, "ip_trade_annual", vintage)
        for name in made:
            refresh(store, name)
    latest = reader.latest_version(store, "ip_trade_annual")
    yank_.yank(store, "ip_trade_annual", latest, "a drill")
    for name in made:
        refresh(store, name)
    every = ("ip_trade_annual", *made)
    for name in every:
        ledger.copy_new(store, name)
    for kept in ("_raw", "_ledger"):
        shutil.copytree(store.root / kept, tmp_path / "copy" / kept)
    done = techtrade("restore", "--from", str(tmp_path / "copy"), "--store", str(tmp_path / "new"))
    assert done.code == 0, done.err
    new = LocalStore(tmp_path / "new")
    for name in every:
        was, now = ({e.version: e.content_sha256 for e in _log(s, name)} for s in (store, new))
        assert now == was and reader.latest_version(new, name) == reader.latest_version(store, name), name
    # The history goes on from there.
    yank_.yank(new, "ip_trade_annual", reader.list_versions(new, "ip_trade_annual")[1].version, "it stays yanked")
    assert isinstance(refresh(new, "ip_trade_annual_history"), Skipped), "nothing that it tells of is another"


def _log(store: LocalStore, name: str) -> list[LogEntry]:
    latest, _ = protocol.read_latest(store, name)
    assert latest is not None
    return latest.published


def test_every_version_stands_again_under_its_name_with_its_content(
    lost: Path, copy: Path, tmp_path: Path, techtrade: Command
) -> None:
    done = techtrade("restore", "--from", str(copy), "--store", str(tmp_path / "new"))
    assert done.code == 0, done.err
    assert "atp_world_monthly: 2 versions" in done.out
    old, new = LocalStore(lost), LocalStore(tmp_path / "new")
    for name in ("atp_world_monthly", "partners"):
        was, _ = protocol.read_latest(old, name)
        now, _ = protocol.read_latest(new, name)
        assert was is not None and now is not None
        assert now.version == was.version
        assert [(e.event, e.version, e.at, e.content_sha256) for e in now.log] == [
            (e.event, e.version, e.at, e.content_sha256) for e in was.log
        ]
        for entry in was.published:
            verify(new, name, entry.version)
            manifest = reader.resolve(new, name, entry.version).manifest
            assert manifest.restored is not None
            one = reader.scan(new, manifest).collect()
            other = reader.scan(old, reader.resolve(old, name, entry.version).manifest).collect()
            assert frame_hash(one, load_contract(name)) == frame_hash(other, load_contract(name))
    assert (tmp_path / "new" / "catalog.json").exists()
    assert list((tmp_path / "new" / "atp_world_monthly" / "yanked").iterdir())
    # The restored store can be lost again.
    assert ledger.datasets(new) == ["atp_world_monthly", "partners"]
    again = techtrade("restore", "--from", str(copy), "--store", str(tmp_path / "new"), "--json")
    assert again.code == 0 and all(d["before"] for d in json.loads(again.out))
    after = techtrade("publish", "partners", "--source", "snapshot", "--store", str(tmp_path / "new"))
    assert after.code == 0 and "unchanged" in after.out + after.err


def test_figures_that_do_not_come_out_as_they_were_are_named_and_the_others_are_kept(
    copy: Path, tmp_path: Path
) -> None:
    contract, new = load_contract(ATP), LocalStore(tmp_path / "new")
    first, second = versions_of(copy)
    tampered(copy, second, content_sha256="0" * 64)
    with pytest.raises(RestoreError, match=f"1 of 2 versions stand.*{second}.*other figures now.*--without"):
        restore(LocalStore(copy), new, contract)
    assert protocol.read_latest(new, ATP) == (None, None)
    made = (tmp_path / "new" / ATP / "versions" / first / "manifest.json").read_bytes()
    # With the code that gives them, the next run makes the rest and keeps what stands.
    shutil.rmtree(copy / "_ledger")
    shutil.copytree(copy.parent / "good", copy / "_ledger")
    assert restore(LocalStore(copy), new, contract).versions == (first, second)
    assert (tmp_path / "new" / ATP / "versions" / first / "manifest.json").read_bytes() == made
    verified(new)


def test_a_version_can_be_left_out_by_name(copy: Path, tmp_path: Path, techtrade: Command) -> None:
    first, second = versions_of(copy)
    store = ["--from", str(copy), "--store", str(tmp_path / "new")]
    assert techtrade("restore", ATP, *store, "--without", f"{ATP}@{first}").code == 1, "the other one was yanked"
    done = techtrade("restore", ATP, *store, "--without", f"{ATP}@{second}")
    assert done.code == 0 and f"without {second}" in done.out, done.err
    latest, _ = protocol.read_latest(LocalStore(tmp_path / "new"), ATP)
    assert latest is not None and latest.version == first and [e.version for e in latest.log] == [first]
    verified(LocalStore(tmp_path / "new"))
    assert techtrade("restore", ATP, *store, "--without", f"{ATP}@2020-01-01.0001").code == 1


def test_inputs_that_are_not_in_the_copy_are_named(copy: Path, tmp_path: Path) -> None:
    gone = raw_documents(copy)[0]
    gone.unlink()
    with pytest.raises(RestoreError, match=gone.name):
        restore(LocalStore(copy), LocalStore(tmp_path / "new"), load_contract("partners"))


def test_inputs_that_are_not_what_was_archived_are_not_copied(copy: Path, tmp_path: Path) -> None:
    rotten = raw_documents(copy)[0]
    good = rotten.read_bytes()
    rotten.write_bytes(good[:-1] + b"?")
    new = LocalStore(tmp_path / "new")
    with pytest.raises(RestoreError, match="mend the copy"):
        restore(LocalStore(copy), new, load_contract("partners"))
    rotten.write_bytes(good)
    assert restore(LocalStore(copy), new, load_contract("partners")).versions


def test_what_was_taken_down_does_not_come_back(copy: Path, tmp_path: Path, techtrade: Command) -> None:
    raw = raw_documents(copy)[0]
    kept = raw.read_bytes()
    done = techtrade("raw", "take-down", "partner_reference", "--reason", "a drill", "--store", str(copy))
    assert done.code == 0 and not raw.exists(), done.err
    raw.write_bytes(kept)  # a copy made by whatever does not delete
    done = techtrade("restore", "partners", "--from", str(copy), "--store", str(tmp_path / "new"))
    assert done.code == 1 and "taken down" in done.err
    assert (tmp_path / "new" / "_raw" / "partner_reference" / "taken_down.json").exists()
    assert not list((tmp_path / "new" / "_raw" / "partner_reference").glob("*/*.csv"))


def test_a_ledger_that_was_changed_is_not_believed(copy: Path, tmp_path: Path) -> None:
    file = next((copy / "_ledger" / "partners").glob("2*.json"))
    file.write_text(file.read_text().replace('"licence"', '"license"'))
    with pytest.raises(CorruptVersionError, match="not the one that was published"):
        restore(LocalStore(copy), LocalStore(tmp_path / "new"), load_contract("partners"))


def test_a_store_that_has_versions_of_its_own_is_left_alone(copy: Path, tmp_path: Path, techtrade: Command) -> None:
    place = tmp_path / "own"
    done = techtrade("publish", ATP, "--source", "snapshot", "--store", str(place))
    assert done.code == 0, done.err
    before = (place / ATP / "latest.json").read_bytes()
    done = techtrade("restore", ATP, "--from", str(copy), "--store", str(place))
    assert done.code == 1 and "versions of its own" in done.err
    assert (place / ATP / "latest.json").read_bytes() == before


def test_what_stands_already_is_looked_at_before_it_is_said_so(copy: Path, tmp_path: Path) -> None:
    new = LocalStore(tmp_path / "new")
    restore(LocalStore(copy), new, load_contract(ATP))
    assert restore(LocalStore(copy), new, load_contract(ATP)).before
    next((tmp_path / "new" / ATP / "versions").glob("*/data/*.parquet")).unlink()
    with pytest.raises(CorruptVersionError):
        restore(LocalStore(copy), new, load_contract(ATP))


def test_a_restoration_that_was_killed_goes_on(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, contract = LocalStore(tmp_path / "new"), load_contract(ATP)
    with monkeypatch.context() as m:
        # Nothing that runs after a kill: the mark of who restores stays behind.
        m.setattr(Hold, "release", lambda _: None)
        m.setattr(restore_module.steps, "check", failing_at(2, restore_module.steps.check))
        with pytest.raises(KilledError):
            restore(LocalStore(copy), new, contract)
    assert protocol.read_latest(new, ATP) == (None, None)
    with pytest.raises(RestoreError, match="--take-over"):
        restore(LocalStore(copy), new, contract)
    assert len(restore(LocalStore(copy), new, contract, take_over=True).versions) == 2
    assert not list((tmp_path / "new" / "_restore").glob("*.json"))
    verified(new)


def test_a_store_that_fails_is_not_taken_for_a_version_that_comes_out_otherwise(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = LocalStore(tmp_path / "new")

    def fails(*args: Any) -> None:
        raise StoreUnavailableError("the store is gone for a while")

    with monkeypatch.context() as m:
        m.setattr(new, "create_file", fails)
        with pytest.raises(StoreUnavailableError, match="gone for a while"):
            restore(LocalStore(copy), new, load_contract(ATP))
    assert restore(LocalStore(copy), new, load_contract(ATP)).versions


def test_one_that_is_taken_over_shows_nothing_and_breaks_nothing(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was only slow: the other one has finished by the time it goes on."""
    new, contract = LocalStore(tmp_path / "new"), load_contract(ATP)
    check = restore_module.steps.check
    entered = []

    def slow(*args: Any) -> Any:
        entered.append(args)
        if len(entered) == 2:  # the first one, at its second version
            restore(LocalStore(copy), new, contract, take_over=True)
        return check(*args)

    monkeypatch.setattr(restore_module.steps, "check", slow)
    with pytest.raises(TechtradeError):
        restore(LocalStore(copy), new, contract)
    verified(new)
    assert restore(LocalStore(copy), new, contract).before


def test_a_ledger_that_is_missing_is_written_by_a_later_run(lost: Path, tmp_path: Path) -> None:
    place = tmp_path / "store"
    shutil.copytree(lost, place)
    shutil.rmtree(place / "_ledger")
    store = LocalStore(place)
    assert ledger.copy_new(store, ATP)
    found = ledger.read(store, ATP)
    assert found is not None and len(found[1]) == 2


class KilledError(BaseException):
    """Not to be caught by anything."""


def failing_at(number: int, real: Callable[..., Any]) -> Callable[..., Any]:
    calls = []

    def call(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == number:
            raise KilledError
        return real(*args)

    return call


def versions_of(copy: Path) -> list[str]:
    return sorted(f.stem for f in (copy / "_ledger" / ATP).glob("2*.json"))


def tampered(copy: Path, version: str, **changed: str) -> None:
    """Another manifest, and a log that says it was published."""
    shutil.copytree(copy / "_ledger", copy.parent / "good")
    file, log = copy / "_ledger" / ATP / f"{version}.json", copy / "_ledger" / ATP / "latest.json"
    old = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    log.write_text(log.read_text().replace(old, hashlib.sha256(file.read_bytes()).hexdigest()))


def raw_documents(copy: Path) -> list[Path]:
    return [f for f in (copy / "_raw" / "partner_reference").glob("*/*") if not f.name.endswith(".csv.json")]


def verified(store: LocalStore) -> None:
    for entry in reader.list_versions(store, ATP):
        verify(store, ATP, entry.version)
