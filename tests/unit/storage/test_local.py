"""What only the local store has: temporary files, hard links, a lock, the order in which it makes things last."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from configs.errors import StorePermissionError, StoreUnavailableError
from tasks.storage.local import PRIVATE, LocalStore

LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def temporary_files(local: LocalStore) -> list[Path]:
    return list((local.root / PRIVATE / "tmp").glob("*"))


def test_bytes_are_on_disk_before_the_name_is_there(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    real_fsync, real_link, real_replace = os.fsync, os.link, os.replace

    def fsync(fd: int) -> None:
        steps.append("sync folder" if os.path.isdir(f"/proc/self/fd/{fd}") else "sync file")
        real_fsync(fd)

    def named(what: str, real):  # type: ignore[no-untyped-def]
        def call(*arguments):  # type: ignore[no-untyped-def]
            steps.append(what)
            real(*arguments)

        return call

    local.create("d/first", b"x")
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", named("link", real_link))
    monkeypatch.setattr(os, "replace", named("replace", real_replace))
    local.create("d/a", b"x")
    assert steps == ["sync file", "link", "sync folder"]
    steps.clear()
    local.replace("d/a", b"y", local.get("d/a").etag)
    assert steps == ["sync file", "replace", "sync folder"]


@pytest.mark.parametrize("broken", ["link", "replace", "fsync"])
def test_a_full_disk_leaves_the_old_state_and_no_temporary_file(
    broken: str, local: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = local.create("a", b"old")

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, broken, full)
        if broken != "replace":
            with pytest.raises(StoreUnavailableError, match="make room"):
                local.create("b", b"new")
        if broken != "link":
            with pytest.raises(StoreUnavailableError, match="make room"):
                local.replace("a", b"new", tag)
    assert local.get("a").body == b"old"
    assert local.size("b") is None
    assert temporary_files(local) == []


def test_a_file_with_too_many_names_is_copied_instead_of_linked(
    local: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.create("v1/x", b"bytes")
    link = os.link
    refused: list[Path] = []

    def once_too_many(source: Path, target: Path) -> None:
        if not refused:
            refused.append(source)
            raise OSError(errno.EMLINK, "Too many links")
        link(source, target)

    monkeypatch.setattr(os, "link", once_too_many)
    local.copy("v1/x", "v2/x")
    assert refused and local.get("v2/x").body == b"bytes"
    assert (local.root / "v1/x").stat().st_ino != (local.root / "v2/x").stat().st_ino


def test_only_temporary_files_that_nobody_writes_are_given_up(local: LocalStore) -> None:
    local.create("a", b"x")
    with local._temporary() as in_use:
        left = in_use.with_name(f"1-{0:032x}")
        left.write_bytes(b"half")
        assert local.abort_uploads("", LATER - timedelta(days=2)) == []
        assert local.abort_uploads("", LATER) == [f"{PRIVATE}/tmp/{left.name}"]
        assert in_use.exists() and not left.exists()
    assert not in_use.exists()


def test_what_the_store_keeps_for_itself_is_in_no_listing(local: LocalStore) -> None:
    local.replace("a", b"x", None)
    assert (local.root / PRIVATE).is_dir()
    assert [e.key for e in local.entries("")] == ["a"]
    assert local.folders("") == []


def test_a_folder_of_somebody_else_is_a_matter_of_permission(
    local: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.create("a", b"x")

    def refused(*arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")  # root, as in a container, is never refused

    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(StorePermissionError, match="check the owner"):
        local.create("b", b"x")
    assert local.size("b") is None
