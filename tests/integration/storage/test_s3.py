"""What only S3 has: identities, buckets, uploads in parts, an address that can be wrong."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from configs.errors import (
    ConfigError,
    ObjectExistsError,
    StoreError,
    StorePermissionError,
    StoreUnavailableError,
    TechtradeError,
)
from tasks.storage.s3 import S3Store
from tasks.warehouse import layout, protocol, reader, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.upkeep.verify import verify
from tests.support import drill
from tests.support.drill import DATASET, bodies
from tests.support.s3 import S3

pytestmark = pytest.mark.s3


@pytest.fixture
def writer(s3: S3) -> S3Store:
    return S3Store(s3.place().url)


def as_reader(s3: S3, url: str, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    for name, value in s3.readonly.items():
        monkeypatch.setenv(name, value)
    return S3Store(url)


def test_the_read_only_identity_reads_a_version_and_writes_nothing(
    s3: S3, writer: S3Store, candidates: Callable[[int], Built], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    version = drill.publish(writer, candidates(1)).manifest.version
    before = bodies(writer)
    only = as_reader(s3, writer.url, monkeypatch)
    assert verify(only, DATASET).version == version
    assert reader.scan(only, reader.resolve(only, DATASET).manifest).collect().height == 6
    latest = only.get(layout.latest(DATASET))
    file = tmp_path / "file"
    file.write_bytes(b"x")
    attempts: list[Callable[[], object]] = [
        lambda: only.create("new", b"x"),
        lambda: only.create_file("new", file),
        lambda: only.replace(layout.latest(DATASET), b"x", latest.etag),
        lambda: only.replace("new", b"x", None),
        lambda: only.copy(layout.latest(DATASET), "new"),
        lambda: only.delete(layout.latest(DATASET)),
        lambda: drill.publish(only, candidates(2)),
        lambda: yank.yank(only, DATASET, version, "x"),
    ]
    for attempt in attempts[:-1]:
        with pytest.raises(StorePermissionError, match="AccessDenied"):
            attempt()
    with pytest.raises(StoreError):
        attempts[-1]()
    assert bodies(writer) == before


def test_messages_tell_what_to_do_and_no_secret(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret-of-the-writer")
    wrong = S3Store(s3.place().url)
    with pytest.raises(StorePermissionError, match="credentials are not accepted") as told:
        wrong.get("a")
    causes: list[BaseException | None] = [told.value]
    while causes[-1] is not None:
        causes.append(causes[-1].__cause__)
    text = " ".join(map(repr, causes))
    assert "not-the-secret-of-the-writer" not in text
    assert s3.writer["AWS_SECRET_ACCESS_KEY"] not in text


@pytest.mark.parametrize("call", ["get", "size", "create", "entries"])
def test_a_bucket_that_is_not_there_is_no_empty_store(call: str, s3: S3) -> None:
    store = S3Store("s3://no-such-bucket/store")
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: store.get("a"),
        "size": lambda: store.size("a"),
        "create": lambda: store.create("a", b""),
        "entries": lambda: list(store.entries("")),
    }
    with pytest.raises(StoreError, match="no bucket 'no-such-bucket'"):
        calls[call]()


def test_without_credentials_the_variables_are_named(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StorePermissionError, match="AWS_ACCESS_KEY_ID"):
        S3Store(s3.place().url).get("a")


def test_a_store_that_is_down_is_unavailable_and_not_empty(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    down = S3Store(s3.place().url, attempts=1)
    calls: list[Callable[[], object]] = [
        lambda: down.get("a"),
        lambda: down.size("a"),
        lambda: down.create("a", b""),
        lambda: down.folders(""),
        lambda: protocol.read_latest(down, DATASET),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailableError, match="is the store up"):
            call()


def test_an_endpoint_that_is_no_address_is_a_wrong_setting(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9")
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL"):
        S3Store(s3.place().url).get("a")


def test_a_file_in_parts_is_created_once(writer: S3Store, tmp_path: Path) -> None:
    writer.part_bytes = 5 << 20
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(os.urandom(11 << 20))
    two.write_bytes(os.urandom(11 << 20))
    writer.create_file("big", one)
    with pytest.raises(ObjectExistsError):
        writer.create_file("big", two)
    assert writer.get("big").body == one.read_bytes()
    uploads = writer.filesystem().call_s3("list_multipart_uploads", Bucket=writer._bucket).get("Uploads", [])
    assert [u for u in uploads if u["Key"].endswith("/big")] == [], "the refused upload was given up"


def test_half_done_uploads_are_given_up_when_old_and_below_the_prefix(writer: S3Store) -> None:
    for key in ("one/half", "two/half"):
        writer.filesystem().call_s3("create_multipart_upload", Bucket=writer._bucket, Key=writer._prefix + key)
    now = datetime.now(UTC)
    assert writer.abort_uploads("one/", now - timedelta(hours=1)) == []
    assert writer.abort_uploads("one/", now + timedelta(hours=1)) == ["one/half"]
    assert writer.abort_uploads("", now + timedelta(hours=1)) == ["two/half"]


def test_a_listing_longer_than_a_page_is_whole(writer: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        writer.create(f"v/{number}/x", b"x")
    ask = writer._ask
    monkeypatch.setattr(writer, "_ask", lambda method, key, take, **a: ask(method, key, take, **a, MaxKeys=2))
    assert [e.key for e in writer.entries("v/")] == [f"v/{n}/x" for n in range(7)]
    assert writer.folders("v/") == [str(n) for n in range(7)]


def test_a_store_works_on_in_a_fork_and_when_it_was_sent_to_another_process(writer: S3Store) -> None:
    writer.create("a", b"x")
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if writer.get("a").body == b"x" else 3)
        except TechtradeError:
            os._exit(4)
        finally:
            os._exit(5)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert pickle.loads(pickle.dumps(writer)).get("a").body == writer.get("a").body == b"x"
