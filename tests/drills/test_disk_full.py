"""The disk on which runs work is full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.drills.ground import ATP, Ground, wait_for

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


def fill(folder: Path) -> Path:
    """But for a page: where not even that is left, Python takes another folder."""
    path = folder / "full"
    with path.open("wb", buffering=0) as f:
        try:
            while True:
                f.write(b"\0" * 4096)
        except OSError:
            f.truncate(f.tell() // 4096 * 4096 - 4096)
    return path


def test_a_full_disk_ends_in_an_alert_that_says_so_and_room_heals_it(ground: Ground, tmp_path: Path) -> None:
    ground.publish("2023-01")
    ground.census.vintage = "2025-02"
    with small_disk(tmp_path / "scratch") as disk:
        ground.stack.stop("worker")
        ground.stack.start("worker", TMPDIR=str(disk))
        full = fill(disk)
        assert ground.ended(ground.begin()) == "Failed"
        (title,) = wait_for(ground.titles, "somebody is told")
        assert title.startswith(f"techtrade FAILED: {ATP}") and "No space left on device" in str(ground.hook.posts)
        assert ground.vintages() == ["2023-01"]
        full.unlink()
        ground.stack.stop("worker")
        ground.stack.start("worker")
    ground.publish("2025-02")
