"""Data of rejected versions go after some days, the evidence stays, and nobody promotes what is gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from configs.errors import PromoteRefusedError, UsageError
from tasks.common.clock import utc_now
from tasks.publish import steps
from tasks.publish.promote import promote
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, protocol, reader, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.upkeep import retention
from tasks.warehouse.upkeep.retention import RejectedPolicy
from tests.support import drill
from tests.support.drill import DATASET, Broken, Place, beneath, contract, intact
from tests.support.plain import plain
from tests.support.rejected import WHY, rejected

Candidates = Callable[[int], Built]
AFTER = utc_now() + timedelta(days=100)


def freed(store: ObjectStore, days: float = 90) -> tuple[str, ...]:
    return retention.execute(store, retention.plan_rejected(store, AFTER, RejectedPolicy(days))).done


def paths(store: ObjectStore, version: str) -> set[str]:
    prefix = layout.version(DATASET, version)
    return {e.key.removeprefix(prefix) for e in store.entries(prefix)}


def test_data_go_and_evidence_stays(store: ObjectStore, candidates: Candidates) -> None:
    good = drill.publish(store, candidates(1)).manifest.version
    bad = rejected(store, candidates(2))
    before = paths(store, bad)
    assert freed(store, days=200) == (), "it is younger"
    assert freed(store) == (f"{DATASET}@{bad}",)
    assert before - paths(store, bad) == {"data/part-0000.parquet"}
    assert intact(store) == good
    listed = {v.version: v for v in reader.list_versions(store, DATASET, unpublished=True)}
    assert listed[bad].state == "rejected" and "90 days" in listed[bad].retired.why
    assert listed[good].retired is None
    assert freed(store) == (), "there is nothing left"
    drill.publish(store, candidates(3))
    assert reader.sealed(store, DATASET, bad).retired, "the note outlives a publish"


def test_freed_version_is_not_promoted(store: ObjectStore, candidates: Candidates) -> None:
    drill.publish(store, candidates(1))
    bad = rejected(store, candidates(2))
    freed(store)
    with pytest.raises(PromoteRefusedError, match=r"has no data any more.*techtrade publish"):
        promote(store, contract(), bad, **WHY)
    head = protocol.read_head(store, DATASET)
    told = steps.rejected_before(store, head, contract(), None, bad)  # type: ignore[arg-type] - of no account
    assert told is None, "the next publish judges the same input again, so that it can be promoted"


def test_promotion_under_way_is_refused(tmp_path: Path, candidates: Candidates) -> None:
    refused = 0
    for point in count(1):
        store, _ = beneath(Place(str(tmp_path), {}), point)
        drill.publish(store, candidates(1))
        bad = rejected(store, candidates(2))

        def free(moment: int, what: str, point: int = point, store: ObjectStore = store) -> None:
            if moment == point:
                freed(store)

        broken = Broken(store, free)
        try:
            new = promote(broken, contract(), bad, **WHY).manifest.version
        except PromoteRefusedError as e:
            assert "has no data any more" in str(e)
            refused += 1
            continue
        assert intact(store) == new, "it had won before the data went"
        if broken.moments < point:
            break
    assert refused > 10


def test_promoted_version_keeps_its_data(store: ObjectStore, candidates: Candidates) -> None:
    drill.publish(store, candidates(1))
    bad = rejected(store, candidates(2))
    plan = retention.plan_rejected(store, AFTER, RejectedPolicy(90))
    new = promote(store, contract(), bad, **WHY).manifest.version
    assert retention.execute(store, plan).done == () == freed(store)
    yank.yank(store, DATASET, new, "wrong")
    assert freed(store) == () and "data/part-0000.parquet" in paths(store, bad)


def test_dataset_never_published_keeps_rejected_data(store: ObjectStore, candidates: Candidates) -> None:
    bad = rejected(store, candidates(2))
    assert freed(store) == () and "data/part-0000.parquet" in paths(store, bad)


def test_commands_free_and_tell(
    local_store: ObjectStore,
    candidates: Candidates,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    drill.publish(local_store, candidates(1))
    bad = rejected(local_store, candidates(2))
    run = plain(monkeypatch, capfd, local_store.url)
    assert run("gc", "--rejected-days", "1").out == "nothing to clean up\n"
    ran = run("gc", "--rejected-days", "0")
    assert ran.code == 0 and f"delete the data of {DATASET}@{bad}: 1 file, " in ran.out
    assert "data of rejected versions are kept for 0 days" in run("versions", DATASET).out.replace("\n", " ")
    told = {v["version"]: v for v in json.loads(run("versions", DATASET, "--json").out)}
    assert told[bad]["data_deleted"]["why"] and told[bad]["state"] == "rejected"
    shown = run("show", f"{DATASET}@{bad}")
    assert shown.code == 0 and "its data files were deleted at" in shown.out
    assert run("diff", DATASET, bad).code == 1
    assert run("quality", f"{DATASET}@{bad}").code == 0
    with pytest.raises(UsageError, match="0 to 36,500 days"):
        RejectedPolicy(-1)
