"""The nightly maintenance: what it mends, what it verifies, and whom it tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from configs.announced import NOTHING
from configs.errors import StoreError, UsageError
from tasks.alerts.model import Finding
from tasks.common.clock import utc_now
from tasks.raw.verify import RawVerifier
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, ledger, protocol, release_dates
from tasks.warehouse.candidate import Built
from tests.doubles.release_dates import FT900, ReleaseDatesDouble
from tests.support import drill
from tests.support.alerting import operators_hook  # noqa: F401 - a fixture
from tests.support.drill import DATASET
from tests.support.mail_server import Hook, headings

pytestmark = [
    pytest.mark.usefixtures("prefect_api"),
    pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning"),
]
Candidates = Callable[[int], Built]
DATA = "data/part-0000.parquet"


def overwrite(store: ObjectStore, key: str, body: bytes) -> None:
    store.replace(key, body, store.get(key).etag)


def data(version: str) -> str:
    return layout.version(DATASET, version, DATA)


def test_what_killed_runs_left_goes_and_what_is_derived_is_made_whole(
    local_store: ObjectStore, candidates: Candidates
) -> None:
    from flows.maintenance import maintenance

    published = drill.publish(local_store, candidates(1)).manifest.version
    head = protocol.read_head(local_store, DATASET)
    stale = protocol.claim(local_store, head).version
    done = maintenance(store=local_store.url, grace_hours=0)
    assert any(f"abandon {DATASET}@{stale}" in line for line in done)
    assert done[-1] == "1 version verified: all checksums hold"
    assert protocol.read_manifest(local_store, DATASET, stale).status == "abandoned"
    assert f'"{published}"'.encode() in local_store.get(layout.CATALOG).body
    assert ledger.read(local_store, DATASET) is not None
    assert maintenance(store=local_store.url, grace_hours=0) == ["1 version verified: all checksums hold"]


@pytest.fixture
def bea(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReleaseDatesDouble]:
    with ReleaseDatesDouble() as double:
        monkeypatch.setenv("TECHTRADE_SOURCES__BEA_RELEASE_DATES__URL", double.url)
        monkeypatch.setenv("TECHTRADE_SOURCES__BEA_RELEASE_DATES__BACKOFF", "0.01")
        yield double


def test_release_days_are_read_for_the_watch(local_store: ObjectStore, bea: ReleaseDatesDouble) -> None:
    from flows.maintenance import maintenance

    assert "release dates read: 2 releases" in maintenance(store=local_store.url)
    now = utc_now()
    found = release_dates.announced(local_store, now)
    assert found.of(FT900).open == (date(2026, 11, 4),) and len(found.of(FT900).days) == 3
    assert release_dates.announced(local_store, now + timedelta(days=15)) == NOTHING, "too old"
    assert local_store.entries("_raw/bea_release_dates/") and len(bea.requests) == 1
    overwrite(local_store, layout.RELEASE_DATES, b"{")
    assert release_dates.announced(local_store, now) == NOTHING
    assert "release dates read: 2 releases" in maintenance(store=local_store.url), "damaged: written again"


@pytest.mark.parametrize("fault", ["503", "blocked", "404"])
def test_release_days_that_cannot_be_read_fail_nothing(
    local_store: ObjectStore, bea: ReleaseDatesDouble, fault: str
) -> None:
    from flows.maintenance import maintenance

    maintenance(store=local_store.url)
    bea.fault = fault
    assert not any("release dates" in line for line in maintenance(store=local_store.url))
    assert release_dates.announced(local_store, utc_now()) != NOTHING, "what was read the night before"


@pytest.mark.parametrize("age", [{"grace_hours": float("nan")}, {"raw_days": -1}, {"rejected_days": 1e300}])
def test_age_that_cannot_be_is_refused(local_store: ObjectStore, age: dict[str, Any]) -> None:
    from flows import maintenance

    with pytest.raises(UsageError, match=next(iter(age))):
        maintenance.maintenance(store=local_store.url, **age)


def test_every_published_version_has_its_turn_within_as_many_nights(
    local_store: ObjectStore, candidates: Candidates
) -> None:
    """What readers get is verified every night."""
    from flows.maintenance import _chosen

    published = [drill.publish(local_store, candidates(n)).manifest.version for n in range(1, 5)]
    seen = set()
    for night in range(3):
        ((name, chosen),) = _chosen(local_store, utc_now() + timedelta(days=night), "newest")
        assert (name, chosen[0], len(chosen)) == (DATASET, published[-1], 2)
        seen.add(chosen[1])
    assert seen == set(published[:-1])
    ((_, every),) = _chosen(local_store, utc_now(), "all")
    assert set(every) == set(published)


def test_whatever_one_step_meets_the_others_have_their_turn(
    local_store: ObjectStore, candidates: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import maintenance

    version = drill.publish(local_store, candidates(1)).manifest.version
    good = local_store.get(data(version)).body
    overwrite(local_store, data(version), good[:-1] + b"x")

    def unforeseen(store: ObjectStore) -> bool:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(maintenance.catalog, "rebuild_catalog", unforeseen)
    with pytest.raises(maintenance.MaintenanceError) as told:
        maintenance.maintenance(store=local_store.url)
    assert "RuntimeError: nobody foresaw this" in str(told.value) and DATA in str(told.value)


def test_one_version_that_cannot_be_verified_keeps_no_other_from_being_found_damaged(
    local_store: ObjectStore, candidates: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import maintenance

    unread, damaged = (drill.publish(local_store, candidates(n)).manifest.version for n in (1, 2))
    good = local_store.get(data(damaged)).body
    overwrite(local_store, data(damaged), good[:-1] + b"x")
    verified = maintenance.verified

    def failing(store: ObjectStore, raw: RawVerifier, name: str, version: str | None) -> dict[str, Any]:
        if version == unread:
            raise StoreError("the store is away")
        return verified(store, raw, name, version)

    monkeypatch.setattr(maintenance, "verified", failing)
    reported: list[Finding] = []
    over: list[str] = []
    monkeypatch.setattr(maintenance.alert_hooks, "report", lambda store, *found: reported.extend(found))
    monkeypatch.setattr(maintenance.alert_hooks, "recovered", lambda store, name, *rest: over.append(name))
    with pytest.raises(maintenance.MaintenanceError) as told:
        maintenance.maintenance(store=local_store.url, verify="all")
    assert f"{DATASET}@{unread} was not verified: the store is away" in str(told.value)
    assert [f.cause for f in reported] == [f"{DATASET}@{damaged}"] and DATA in str(told.value)

    overwrite(local_store, data(damaged), good)
    with pytest.raises(maintenance.MaintenanceError):
        maintenance.maintenance(store=local_store.url, verify="all")
    assert not over, "not every version was looked at"


def test_damage_is_told_once_and_its_end_when_all_is_verified(
    local_store: ObjectStore, candidates: Candidates, hook: Hook  # noqa: F811
) -> None:  # fmt: skip
    from flows.maintenance import MaintenanceError, maintenance

    version = drill.publish(local_store, candidates(1)).manifest.version
    good = local_store.get(data(version)).body
    overwrite(local_store, data(version), good[:-1] + b"x")
    for _ in range(2):
        with pytest.raises(MaintenanceError, match=r"part-0000\.parquet"):
            maintenance(store=local_store.url)
    assert local_store.get(layout.CATALOG), "the other steps were done"
    told = headings(hook.posts)
    assert f"techtrade FAILED: {DATASET}: what readers get is damaged" in told
    assert "techtrade FAILED: maintenance: the run ended unexpectedly" in told and len(told) == 2
    overwrite(local_store, data(version), good)
    maintenance(store=local_store.url)
    assert headings(hook.posts)[2:] == ["techtrade GOOD AGAIN: maintenance: over: the run ended unexpectedly"]
    maintenance(store=local_store.url, verify="all")
    assert headings(hook.posts)[3:] == [f"techtrade GOOD AGAIN: {DATASET}: over: what readers get is damaged"]
