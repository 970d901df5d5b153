"""A store that cannot be written to fails a publish, also one that finds nothing new: it would look well otherwise."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.warehouse import layout
from tests.support.plain import Ran

Run = Callable[..., Ran]
ATP = "atp_world_monthly"


def publish(techtrade: Run, store: str) -> Ran:
    return techtrade("publish", ATP, "--source", "snapshot", "--vintage", "2025-02", "--store", store)


def refused(ran: Ran, words: str) -> None:
    (line,) = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert ran.code == 1 and words in line and "Traceback" not in ran.err, ran.err
    assert "nothing new" not in ran.out


def test_a_folder_that_takes_nothing_any_more_fails_the_next_run(techtrade: Run, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert publish(techtrade, str(store)).code == 0
    shutil.rmtree(store / ".techtrade")
    (store / ".techtrade").write_text("")  # root may write to a read-only folder, but not below a file
    before = {p: p.read_bytes() for p in store.rglob("*") if p.is_file()}
    refused(publish(techtrade, str(store)), ".techtrade")  # where the disk is asked for its time
    assert {p: p.read_bytes() for p in store.rglob("*") if p.is_file()} == before


@pytest.mark.s3
def test_an_identity_that_may_only_read_fails_the_next_run(
    techtrade: Run, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = s3.place().url
    assert publish(techtrade, store).code == 0
    for name, value in s3.readonly.items():
        monkeypatch.setenv(name, value)
    refused(publish(techtrade, store), "may not write this")


def test_a_version_that_was_published_stays_published_though_its_status_cannot_be_written(
    techtrade: Run, tmp_path: Path
) -> None:
    (tmp_path / "store" / layout.status(ATP)).mkdir(parents=True)
    ran = publish(techtrade, str(tmp_path / "store"))
    assert ran.code == 0 and f"{layout.status(ATP)} was not written" in ran.err
    assert json.loads((tmp_path / "store" / layout.latest(ATP)).read_bytes())["seq"] == 1
    refused(publish(techtrade, str(tmp_path / "store")), layout.status(ATP))
