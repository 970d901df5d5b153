"""Numbers and stamps of versions, and the steps that must not be taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from configs.errors import ObjectExistsError, StoreError
from tasks.common.clock import stamp, utc_now
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, protocol
from tasks.warehouse.candidate import Built
from tasks.warehouse.protocol import Head, read_head
from tasks.warehouse.records import Latest, LogEntry
from tests.support import drill
from tests.support.drill import DATASET, bodies

DAY = datetime(2026, 3, 10, 12, tzinfo=UTC)


def head(*logged: str) -> Head:
    log = tuple(LogEntry(seq=n, event="published", version=v, at=stamp(DAY)) for n, v in enumerate(logged, 1))
    latest = Latest(
        dataset=DATASET,
        version=logged[-1],
        manifest="",
        manifest_sha256="",
        published_at="",
        seq=len(log),
        log=log,
    )
    return Head(DATASET, latest if logged else None, None, None)


@pytest.mark.parametrize(
    ("logged", "number"),
    [
        ((), "2026-03-10.0001"),
        (("2026-03-09.0007",), "2026-03-10.0001"),
        (("2026-03-10.0007",), "2026-03-10.0008"),
        (("2026-03-12.0002",), "2026-03-12.0003"),
        (("2026-03-12.0002", "2026-03-11.0009"), "2026-03-12.0003"),
    ],
    ids=["first", "a new day", "the same day", "a clock behind the log", "newest by number, not by place"],
)
def test_a_number_is_after_the_newest_in_the_log_and_never_goes_back(
    logged: tuple[str, ...], number: str, local_store: ObjectStore
) -> None:
    start = head(*logged) if logged else Head(DATASET, None, None, None)
    assert protocol.claim(local_store, start, lambda: DAY).version == number


def test_numbers_that_others_claimed_are_passed_over(local_store: ObjectStore) -> None:
    empty = read_head(local_store, DATASET)
    claimed = [protocol.claim(local_store, empty, lambda: DAY) for _ in range(3)]
    assert [d.version for d in claimed] == [f"2026-03-10.000{n}" for n in (1, 2, 3)]
    assert len({d.claim.token for d in claimed}) == 3


def test_stamps_are_utc_and_sort_as_text() -> None:
    east = datetime(2026, 3, 10, 1, tzinfo=timezone(timedelta(hours=9)))
    assert stamp(east) == "2026-03-09T16:00:00.000000Z"
    assert stamp(DAY) < stamp(DAY + timedelta(microseconds=1)) < stamp(DAY + timedelta(days=300))


def test_an_event_is_never_stamped_before_the_one_before_it(local_store: ObjectStore) -> None:
    latest = head("2026-03-10.0001").latest
    assert protocol.next_stamp(local_store, DATASET, latest, lambda: DAY - timedelta(days=1)) == stamp(DAY)
    assert protocol.next_stamp(local_store, DATASET, latest, lambda: DAY + timedelta(days=1)) > stamp(DAY)
    assert protocol.next_stamp(local_store, DATASET, None, lambda: DAY) == stamp(DAY)


def test_a_rejected_version_cannot_be_published(local_store: ObjectStore, candidates: Callable[[int], Built]) -> None:
    rejected = drill.sealed(local_store, candidates(1), status="rejected")
    before = bodies(local_store)
    with pytest.raises(StoreError, match="rejected version cannot be published"):
        protocol.swap(local_store, rejected)
    assert bodies(local_store) == before


def test_a_version_is_sealed_only_by_whoever_claimed_it(
    local_store: ObjectStore, candidates: Callable[[int], Built]
) -> None:
    mine, other = (protocol.claim(local_store, read_head(local_store, DATASET)) for _ in range(2))
    manifest = drill.manifest_of(other, candidates(1), "passed", utc_now)
    with pytest.raises(StoreError, match="not of this claim"):
        protocol.seal(local_store, mine, manifest)
    assert local_store.size(layout.manifest(DATASET, mine.version)) is None


def test_a_part_that_did_not_change_is_copied_and_keeps_its_hash(
    local_store: ObjectStore, candidates: Callable[[int], Built]
) -> None:
    one = drill.publish(local_store, candidates(1)).manifest
    calls: list[str] = []
    draft = protocol.claim(local_store, read_head(local_store, DATASET))
    draft = protocol.stage_data(drill.Broken(local_store, lambda _, what: calls.append(what)), draft, candidates(1))
    assert calls == ["before copy", "after copy"]
    assert draft.files == one.files[:1]


def test_staging_twice_never_replaces_what_was_staged(local_store: ObjectStore) -> None:
    draft = protocol.claim(local_store, read_head(local_store, DATASET))
    protocol.stage_bytes(local_store, draft, "changes.parquet", b"one")
    with pytest.raises(ObjectExistsError):
        protocol.stage_bytes(local_store, draft, "changes.parquet", b"two")
    assert local_store.get(layout.version(DATASET, draft.version, "changes.parquet")).body == b"one"
