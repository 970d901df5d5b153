"""The disaster drill: the bucket is gone, and a copy of its raw archive and ledger is all there is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.contract import load_contract
from configs.errors import RestoreError
from flows.commands import publish_datasets
from flows.operate_commands import yank
from flows.runtime import prepare
from tasks import restore as restore_module
from tasks.restore import restore
from tasks.store import ledger, reader, versions
from tasks.store.content import frame_sha256
from tasks.store.local import LocalStore
from tasks.store.verify import verify
from tests.command import Ran

Command = Callable[..., Ran]


@pytest.fixture(scope="module", name="lost")
def a_store_that_is_going_to_be_lost(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> Path:
    """All bundled vintages of two datasets, one version yanked."""
    prepare()
    place = tmp_path_factory.mktemp("lost") / "store"
    for vintage in ("2023-01", "2025-02"):
        assert publish_datasets(("atp_world_monthly",), "snapshot", vintage, "auto", str(place), False) == 0
    assert publish_datasets(("partners",), "snapshot", None, "auto", str(place), False) == 0
    latest, _ = versions.read_latest(LocalStore(place), "atp_world_monthly")
    assert latest is not None
    yank(f"atp_world_monthly@{latest.version}", "a drill", None, str(place), False)
    return place


@pytest.fixture(name="copy")
def the_copy_that_was_made(lost: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    for kept in ("_raw", "_ledger"):
        shutil.copytree(lost / kept, copy / kept)
    return copy


def test_every_version_stands_again_under_its_name_with_its_content(
    lost: Path, copy: Path, tmp_path: Path, techtrade: Command
) -> None:
    done = techtrade("restore", "--from", str(copy), "--store", str(tmp_path / "new"))
    assert done.code == 0, done.err
    assert "atp_world_monthly: 2 versions" in done.out
    old, new = LocalStore(lost), LocalStore(tmp_path / "new")
    for name in ("atp_world_monthly", "partners"):
        was, _ = versions.read_latest(old, name)
        now, _ = versions.read_latest(new, name)
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
            assert frame_sha256(one, load_contract(name)) == frame_sha256(other, load_contract(name))
    assert (tmp_path / "new" / "catalog.json").exists()
    assert list((tmp_path / "new" / "atp_world_monthly" / "yanked").iterdir())
    # The restored store can be lost again.
    assert ledger.datasets(new) == ["atp_world_monthly", "partners"]
    again = techtrade("restore", "--from", str(copy), "--store", str(tmp_path / "new"), "--json")
    assert again.code == 0 and all(d["before"] for d in json.loads(again.out))
    after = techtrade("publish", "partners", "--source", "snapshot", "--store", str(tmp_path / "new"))
    assert after.code == 0 and "unchanged" in after.out + after.err


def test_figures_that_do_not_come_out_as_they_were_are_not_restored(copy: Path, tmp_path: Path) -> None:
    prepare()
    for file in (copy / "_ledger" / "partners").glob("2*.json"):
        told = json.loads(file.read_text())
        file.write_text(json.dumps(told | {"content_sha256": "0" * 64}))
    new = LocalStore(tmp_path / "new")
    with pytest.raises(RestoreError, match="Restore it with that code"):
        restore(LocalStore(copy), new, load_contract("partners"))
    assert versions.read_latest(new, "partners") == (None, None)


def test_inputs_that_are_not_in_the_copy_are_named(copy: Path, tmp_path: Path) -> None:
    prepare()
    (gone,) = [f for f in (copy / "_raw" / "partner_reference").glob("*/*") if not f.name.endswith(".csv.json")]
    gone.unlink()
    with pytest.raises(RestoreError, match=gone.name):
        restore(LocalStore(copy), LocalStore(tmp_path / "new"), load_contract("partners"))


def test_a_store_that_has_versions_of_its_own_is_left_alone(copy: Path, tmp_path: Path, techtrade: Command) -> None:
    place = tmp_path / "own"
    done = techtrade("publish", "atp_world_monthly", "--source", "snapshot", "--store", str(place))
    assert done.code == 0, done.err
    before = (place / "atp_world_monthly" / "latest.json").read_bytes()
    done = techtrade("restore", "atp_world_monthly", "--from", str(copy), "--store", str(place))
    assert done.code == 1 and "versions of its own" in done.err
    assert (place / "atp_world_monthly" / "latest.json").read_bytes() == before


def test_a_restoration_that_was_killed_goes_on(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare()
    new, contract = LocalStore(tmp_path / "new"), load_contract("atp_world_monthly")
    check = restore_module.pipeline.check
    calls = []

    class KilledError(Exception):
        pass

    def killed(*args: object) -> object:
        calls.append(args)
        if len(calls) == 2:
            raise KilledError
        return check(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as m:
        m.setattr(restore_module.pipeline, "check", killed)
        with pytest.raises(KilledError):
            restore(LocalStore(copy), new, contract)
    assert versions.read_latest(new, contract.name) == (None, None)
    assert len(restore(LocalStore(copy), new, contract).versions) == 2
    for entry in reader.list_versions(new, contract.name):
        verify(new, contract.name, entry.version)


def test_a_ledger_that_is_missing_is_written_by_a_later_run(lost: Path, tmp_path: Path) -> None:
    place = tmp_path / "store"
    shutil.copytree(lost, place)
    shutil.rmtree(place / "_ledger")
    store = LocalStore(place)
    assert ledger.keep(store, "atp_world_monthly")
    found = ledger.read(store, "atp_world_monthly")
    assert found is not None and len(found[1]) == 2
