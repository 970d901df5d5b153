"""What notes in a store that it has a schedule, and what does not."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun

from flows.prefect_setup import scheduled
from tasks.storage.local import LocalStore
from tasks.warehouse import schedule


def run(store: str | None, *, deployed: bool, worker: bool = False) -> FlowRun:
    given = {"store": store} if store else {}
    made, queue = (uuid4() if said else None for said in (deployed, worker))
    return FlowRun(
        flow_id=uuid4(), name="partners live newest", deployment_id=made, work_queue_id=queue, parameters=given
    )


@pytest.mark.parametrize(
    ("deployed", "worker", "noted"), [(True, False, True), (True, True, True), (False, False, False)]
)
@pytest.mark.parametrize("by_setting", [True, False])
def test_a_run_of_a_deployment_notes_it_and_one_by_hand_does_not(
    deployed: bool, worker: bool, noted: bool, by_setting: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHTRADE_STORE", str(tmp_path if by_setting else tmp_path / "another"))
    given = None if by_setting else str(tmp_path)
    scheduled.on_running(None, run(given, deployed=deployed, worker=worker), None)
    found = schedule.read(LocalStore(tmp_path))
    assert (found.by if found else None) == ("run 'partners live newest' of a deployment" if noted else None)


@pytest.mark.parametrize("store", ["warehouse", "gs://bucket/x"])
def test_a_store_that_the_run_itself_will_refuse_gets_no_note(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scheduled.on_running(None, run(store, deployed=True, worker=True), None)
    assert list(tmp_path.iterdir()) == []


def test_a_deploy_notes_it_where_the_store_is_named_and_else_says_who_will(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for store in ("", "warehouse"):
        monkeypatch.setenv("TECHTRADE_STORE", store)
        assert "the first run does it" in scheduled.after_deploy()
    monkeypatch.setenv("TECHTRADE_STORE", "gs://bucket/x")
    assert "not supported" in scheduled.after_deploy()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TECHTRADE_STORE", str(tmp_path / "file"))
    assert "could not be noted" in scheduled.after_deploy()
    monkeypatch.setenv("TECHTRADE_STORE", str(tmp_path / "store"))
    assert scheduled.after_deploy() == ""
    found = schedule.read(LocalStore(tmp_path / "store"))
    assert found is not None and found.by == "techtrade deploy"
