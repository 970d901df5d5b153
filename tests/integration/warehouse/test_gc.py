"""gc takes what nobody can publish any more, and nothing else, whoever sleeps or works beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from configs.errors import ClaimLostError, ConcurrentPublishError
from tasks.common.clock import utc_now
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, protocol, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.protocol import Draft
from tasks.warehouse.upkeep import gc
from tests.support import drill
from tests.support.drill import DATASET, bodies, intact, linear, manifest_of, numbers

Candidates = Callable[[int], Built]
HOUR = timedelta(hours=1)


def later() -> datetime:
    return utc_now() + 2 * HOUR


def clean(store: ObjectStore) -> gc.GcResult:
    return gc.execute(store, gc.plan(store, later(), HOUR))


def staged(store: ObjectStore, built: Built) -> Draft:
    return protocol.stage_data(store, protocol.claim(store, protocol.read_head(store, DATASET)), built)


def keys(store: ObjectStore, version: str) -> set[str]:
    prefix = layout.version(DATASET, version)
    return {e.key.removeprefix(prefix) for e in store.entries(prefix)}


def test_what_is_published_yanked_or_rejected_is_never_touched(store: ObjectStore, candidates: Candidates) -> None:
    one, two = (drill.publish(store, candidates(n)).manifest.version for n in (1, 2))
    yank.yank(store, DATASET, two, "wrong")
    drill.sealed(store, candidates(3), status="rejected")
    before = bodies(store)
    assert gc.plan(store, later(), HOUR).leftovers == ()
    assert clean(store).deleted == ()
    assert bodies(store) == before
    assert intact(store, two) == two
    assert intact(store) == one


def test_a_plan_changes_nothing_and_says_what_would_go(store: ObjectStore, candidates: Candidates) -> None:
    drill.publish(store, candidates(1))
    unsealed = staged(store, candidates(2)).version
    orphan = drill.sealed(store, candidates(3)).manifest.version
    before = bodies(store)
    decided = gc.plan(store, later(), HOUR)
    assert bodies(store) == before
    assert [(x.version, x.action) for x in decided.leftovers] == [
        (unsealed, "abandon"),
        (orphan, "delete unpublished"),
    ]
    assert [x.bytes for x in decided.leftovers] == [sum(len(before[k]) for k in x.keys) for x in decided.leftovers]
    assert unsealed in decided.lines()[0] and "never sealed" in decided.lines()[0]


def test_what_is_younger_than_the_grace_stays(store: ObjectStore, candidates: Candidates) -> None:
    drill.publish(store, candidates(1))
    staged(store, candidates(2))
    drill.sealed(store, candidates(3))
    assert gc.plan(store, utc_now(), HOUR).leftovers == ()


@pytest.mark.parametrize("years", [-1, 1], ids=["a clock behind", "a clock ahead"])
def test_a_wrong_clock_does_not_make_it_look_old(
    years: int, store: ObjectStore, candidates: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim says a year ago, its objects say now: still at work. Or the other way round, by a publisher that does
    not compare its clock with the store's."""
    monkeypatch.setattr(protocol, "believed", lambda store, dataset, latest, now: now)
    drill.publish(store, candidates(1))
    skewed = utc_now() + timedelta(days=365 * years)
    head = protocol.read_head(store, DATASET)
    protocol.stage_data(store, protocol.claim(store, head, lambda: skewed), candidates(2))
    drill.sealed(store, candidates(3), clock=lambda: skewed)
    now = utc_now() if years < 0 else later()
    assert gc.plan(store, now, HOUR).leftovers == ()


def test_a_sleeper_whose_claim_was_given_up_cannot_seal_and_its_late_files_go(
    store: ObjectStore, candidates: Candidates
) -> None:
    published = drill.publish(store, candidates(1)).manifest.version
    sleeper = staged(store, candidates(2))
    assert clean(store).deleted == (layout.version(DATASET, sleeper.version, "data/part-0000.parquet"),)
    awake = protocol.stage_bytes(store, sleeper, "quality.parquet", b"late")
    with pytest.raises(ClaimLostError):
        protocol.seal(store, awake, manifest_of(awake, candidates(2), "passed", utc_now))
    assert keys(store, sleeper.version) == {"claim.json", "manifest.json", "quality.parquet"}
    clean(store)
    assert keys(store, sleeper.version) == {"claim.json", "manifest.json"}
    assert protocol.read_manifest(store, DATASET, sleeper.version).status == "abandoned"
    assert linear(store) == [published]


def test_a_sleeper_whose_sealed_version_was_deleted_cannot_publish_it(
    store: ObjectStore, candidates: Candidates
) -> None:
    published = drill.publish(store, candidates(1)).manifest.version
    sleeper = drill.sealed(store, candidates(2))
    assert len(clean(store).deleted) == 3
    with pytest.raises(ConcurrentPublishError):
        protocol.swap(store, sleeper)
    assert linear(store) == [published]
    assert intact(store) == published
    assert drill.publish(store, candidates(2)).manifest.version > sleeper.manifest.version


def test_a_version_published_between_plan_and_execution_is_spared(store: ObjectStore, candidates: Candidates) -> None:
    drill.publish(store, candidates(1))
    sleeper = drill.sealed(store, candidates(2))
    decided = gc.plan(store, later(), HOUR)
    assert len(decided.leftovers) == 1
    protocol.swap(store, sleeper)
    before = bodies(store)
    result = gc.execute(store, decided)
    assert result.deleted == () and result.spared == (f"{DATASET}@{sleeper.manifest.version}",)
    assert bodies(store) == before, "not even the fence was raised"
    assert intact(store) == sleeper.manifest.version


def test_a_claim_sealed_between_plan_and_execution_is_spared(store: ObjectStore, candidates: Candidates) -> None:
    drill.publish(store, candidates(1))
    draft = staged(store, candidates(2))
    decided = gc.plan(store, later(), HOUR)
    sealed = protocol.seal(store, draft, manifest_of(draft, candidates(2), "passed", utc_now))
    assert gc.execute(store, decided).deleted == ()
    assert protocol.swap(store, sealed).manifest.version == intact(store)


def test_sealed_versions_are_kept_while_there_is_no_latest_to_raise_a_fence_in(
    store: ObjectStore, candidates: Candidates
) -> None:
    first = drill.sealed(store, candidates(1))
    before = bodies(store)
    assert clean(store).deleted == ()
    assert bodies(store) == before
    assert protocol.swap(store, first).manifest.version == intact(store)


def test_one_fence_is_raised_for_all_versions_of_a_dataset_and_two_gcs_agree(
    store: ObjectStore, candidates: Candidates
) -> None:
    published = drill.publish(store, candidates(1)).manifest.version
    for number in (2, 3, 4):
        drill.sealed(store, candidates(number))
    claimed = numbers(store)
    mine, other = gc.plan(store, later(), HOUR), gc.plan(store, later(), HOUR)
    assert mine.leftovers == other.leftovers
    gc.execute(store, mine)
    latest, _ = protocol.read_latest(store, DATASET)
    assert latest is not None and latest.fence == 1
    gc.execute(store, replace(other))
    assert linear(store) == [published]
    assert intact(store) == published
    assert numbers(store) == claimed, "no number is ever free again"
    assert clean(store).deleted == ()


def test_the_raw_archive_and_what_nobody_claimed_are_left_alone(store: ObjectStore, candidates: Candidates) -> None:
    drill.publish(store, candidates(1))
    store.create("_raw/source/aa/aaaa.json", b"raw")
    store.create(layout.version(DATASET, "2020-01-01.0001", "data/part-0000.parquet"), b"foreign")
    before = bodies(store)
    assert clean(store).deleted == ()
    assert bodies(store) == before
