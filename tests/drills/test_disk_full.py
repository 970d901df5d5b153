"""The disk on which runs work is full."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.warehouse.schedule import note_scheduled
from tests.drills.ground import ATP, Ground, wait_for

PAGE = 4096
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own with a little room, which is used up."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=1777", "tmpfs", str(folder)]
    done = subprocess.run(mounted, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, but_for: int) -> None:
    """Uses the disk up, but for some pages: where none at all is left, Python takes another folder."""
    with (folder / "full").open("wb", buffering=0) as f:
        try:
            while True:
                f.write(b"\0" * PAGE)
        except OSError:
            f.truncate(f.tell() // PAGE * PAGE - but_for * PAGE)


@pytest.fixture
def scratch(ground: Ground, tmp_path: Path) -> Iterator[Path]:
    """The disk of a worker's temporary files, which is small."""
    with small_disk(tmp_path / "scratch") as disk:
        ground.stack.stop("worker")
        ground.stack.start("worker", TMPDIR=str(disk))
        yield disk
        (disk / "full").unlink(missing_ok=True)
        ground.stack.stop("worker")
        ground.stack.start("worker")


def test_a_disk_that_fills_up_during_a_run_ends_in_an_alert_that_says_so_and_room_heals_it(
    ground: Ground, scratch: Path
) -> None:
    fill(scratch, but_for=3)
    assert ground.ended(ground.begin()) == "Failed"
    assert wait_for(ground.titles, "somebody is told") == [f"techtrade FAILED: {ATP}: the store failed"]
    assert "No space left on device" in str(ground.hook.posts)
    assert ground.vintages() == []
    (scratch / "full").unlink()
    ground.publish("2023-01")


def test_a_disk_on_which_no_run_can_even_begin_is_told_by_the_watch_from_elsewhere(
    ground: Ground, scratch: Path
) -> None:
    fill(scratch, but_for=1)
    run_id = ground.begin()
    assert ground.ended(run_id) == "Crashed"
    watch(ground)
    (again,) = wait_for(lambda: [r["id"] for r in ground.runs() if r["id"] != run_id], "it is run once more")
    assert ground.ended(again) == "Crashed"
    watch(ground)
    assert wait_for(ground.titles, "somebody is told") == [f"techtrade FAILED: {ATP}: the run ended unexpectedly"]
    (scratch / "full").unlink()
    ground.publish("2023-01")


def watch(ground: Ground) -> None:
    """``techtrade watch`` on another machine, of a store that ``techtrade deploy`` has noted its schedules in."""
    note_scheduled(ground.store, by="techtrade deploy")
    env = {**os.environ, **ground.stack.client(), **ground.stack.wishes.worker, "TECHTRADE_STORE": ground.url}
    command = [sys.executable, "-m", "flows.cli", "watch"]
    assert subprocess.run(command, env=env, capture_output=True, timeout=240).returncode == 1
