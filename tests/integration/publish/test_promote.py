"""Publishing what the gate rejected: a new version that says so, by the protocol of any other, or nothing at all."""

from __future__ import annotations

import signal
from collections.abc import Callable
from itertools import count

import polars as pl
import pytest

from configs.errors import CorruptVersionError, NotPublishedError, PromoteRefusedError
from tasks.publish.promote import promote
from tasks.quality.results import read_results
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, protocol, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.records import Manifest, QualityCounts
from tasks.warehouse.upkeep.verify import verify
from tests.support import drill
from tests.support.drill import DATASET, Broken, Place, beneath, bodies, child, contract, ended, intact, linear
from tests.support.rejected import WHY, rejected

Candidates = Callable[[int], Built]


def test_the_rejected_figures_are_a_new_version_that_says_why_and_by_whom(
    store: ObjectStore, candidates: Candidates
) -> None:
    one = drill.publish(store, candidates(1)).manifest
    bad = rejected(store, candidates(2))
    evidence = bodies(store, layout.version(DATASET, bad))
    between = drill.publish(store, candidates(3)).manifest
    new = promote(store, contract(), bad, **WHY).manifest

    assert bodies(store, layout.version(DATASET, bad)) == evidence, "the rejected version stays what it is"
    assert intact(store) == new.version > bad and linear(store) == [one.version, between.version, new.version]
    verify(store, DATASET)
    assert (new.parent, new.content_sha256) == (between.version, candidates(2).content_sha256)
    assert (new.override.rejected, new.override.reason, new.override.by) == (bad, WHY["reason"], WHY["by"])
    assert new.quality == QualityCounts(passed=1, failed_critical=1, failed_warning=1), "what failed is still counted"
    assert (new.inputs_sha256, new.code_version) == ("inputs of it", "code of it")

    entry = protocol.read_latest(store, DATASET)[0].log[-1]
    assert (entry.event, entry.rejected, entry.reason, entry.by) == ("promoted", bad, WHY["reason"], WHY["by"])
    assert entry.inputs_sha256 == "inputs of it", "so that the next run of the same input finds nothing new"

    found = dict(read_results(store, new).select("check_id", "exemption").iter_rows())
    assert found == {"jumps": f"overridden by A. Owner: {WHY['reason']}", "odd": "", "fine": ""}
    changed = pl.read_parquet(store.get(layout.version(DATASET, new.version, "changes.parquet")).body)
    assert set(changed["kind"]) == {"revised"}, "against what readers had, not against what it was compared with then"
    exports = changed.filter(pl.col("column") == "exports_usd", pl.col("key") == "2026-01-01").row(0, named=True)
    assert (exports["old"], exports["new"]) == ("40003000000", "40002000000")


def test_a_first_version_can_be_promoted(store: ObjectStore, candidates: Candidates) -> None:
    bad = rejected(store, candidates(2))
    new = promote(store, contract(), bad, **WHY).manifest
    assert (new.parent, new.changes.rows["new"], intact(store)) == (None, 6, new.version)


def test_promoting_twice_changes_nothing(store: ObjectStore, candidates: Candidates) -> None:
    bad = rejected(store, candidates(2))
    new = promote(store, contract(), bad, **WHY)
    before = bodies(store)
    again = promote(store, contract(), bad, "another reason", "somebody else")
    assert (again.before, new.before, again.manifest) == (True, False, new.manifest)
    assert bodies(store) == before


def test_what_makes_no_sense_is_refused_and_writes_nothing(store: ObjectStore, candidates: Candidates) -> None:
    one = drill.publish(store, candidates(1)).manifest.version
    lost = drill.sealed(store, candidates(5)).manifest.version
    older = rejected(store, candidates(2), vintage="2025-12")
    other = rejected(store, candidates(2), contract_sha256="of another day")
    same = rejected(store, candidates(1))
    good = rejected(store, candidates(2))
    before = bodies(store)
    for version, more, told in (
        (one, {}, "was published, not rejected"),
        (lost, {}, "lost a race"),
        (older, {}, f"vintage 2025-12, and readers have 2026-01 .* yank {DATASET}@{one} first"),
        (other, {}, "another contract"),
        (same, {}, f"readers have already, as {DATASET}@{one}"),
        (good, {"reason": " "}, "a reason and a person"),
        (good, {"by": ""}, "a reason and a person"),
    ):
        with pytest.raises(PromoteRefusedError, match=told):
            promote(store, contract(), version, **(WHY | more))
    with pytest.raises(NotPublishedError):
        promote(store, contract(), "2020-01-01.0001", **WHY)
    assert bodies(store) == before


def test_withdrawn_figures_come_back_only_if_the_gate_called_them_so(
    store: ObjectStore, candidates: Candidates
) -> None:
    drill.publish(store, candidates(1))
    bad = rejected(store, candidates(2))
    new = promote(store, contract(), bad, **WHY).manifest.version
    yank.yank(store, DATASET, new, "it was wrong after all")
    with pytest.raises(PromoteRefusedError, match=f"figures of {new} .it was wrong after all"):
        promote(store, contract(), bad, **WHY)
    seen = rejected(store, candidates(2), failing="yanked_content")
    back = promote(store, contract(), seen, **WHY).manifest
    assert intact(store) == back.version and back.override.rejected == seen


@pytest.mark.parametrize("path", ["data/part-0000.parquet", "quality.parquet", "quality_gx.json"])
def test_a_damaged_rejected_version_is_not_published(path: str, store: ObjectStore, candidates: Candidates) -> None:
    drill.publish(store, candidates(1))
    bad = rejected(store, candidates(2))
    key = layout.version(DATASET, bad, path)
    stored = store.get(key)
    store.replace(key, stored.body[:-1] + b"?", stored.etag)
    before = bodies(store)
    with pytest.raises(CorruptVersionError, match=path):
        promote(store, contract(), bad, **WHY)
    assert bodies(store) == before


def test_a_publish_in_between_is_kept_and_the_changes_are_told_against_it(
    store: ObjectStore, candidates: Candidates
) -> None:
    drill.publish(store, candidates(1))
    bad = rejected(store, candidates(2))
    others: list[Manifest] = []

    def meanwhile(moment: int, what: str) -> None:
        if what == "before replace" and not others:
            others.append(drill.publish(store, candidates(3)).manifest)

    new = promote(Broken(store, meanwhile), contract(), bad, **WHY).manifest
    assert new.parent == others[0].version and intact(store) == new.version
    linear(store)


def promote_and_be_killed(store: ObjectStore, bad: str, point: int) -> None:
    promote(Broken(store, drill.kill_at(point)), contract(), bad, **WHY)


@pytest.mark.slow
def test_a_promotion_killed_at_any_operation_has_happened_or_not(place: Place, candidates: Candidates) -> None:
    survivors = 0
    for point in count(1, 2):  # before each operation: after one and before the next, the store is the same
        store, here = beneath(place, point)
        one = drill.publish(store, candidates(1)).manifest.version
        bad = rejected(store, candidates(2))
        with drill.reading(store):
            code = ended(child(promote_and_be_killed, here, bad, point))
            assert code in (0, -signal.SIGKILL)
            after = linear(store)
            assert after[:1] == [one] and len(after) <= 2
            survivors += len(after) == 2
            new = promote(store, contract(), bad, **WHY)
        assert new.before == (len(after) == 2), "a promotion that happened is not made twice"
        assert intact(store) == new.manifest.version and len(linear(store)) == 2
        if code == 0:
            break
    # Moments: 2 an operation. Fewer would mean that the drill went past operations without being killed there.
    assert point > 2 * 15
    assert survivors > 1, "never killed after the swap"
