"""``held.json`` where two runs meet, or one was killed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from configs.contracts import load_contract
from configs.errors import PromoteRefusedError
from tasks.common.clock import utc_now
from tasks.publish import held
from tasks.publish.promote import promote
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import holds, protocol, reader
from tasks.warehouse.upkeep import redate
from tests.support import holding, sealing
from tests.support.sealing import WORLD

MONTHS = {0: 100, 1: 101}
MORE = {**MONTHS, 2: 300}


def open_of(store: ObjectStore) -> str | None:
    hold = reader.open_hold(store, WORLD, protocol.read_latest(store, WORLD)[0])
    return hold.version if hold else None


def test_a_slower_run_does_not_replace_a_newer_candidate(local_store: ObjectStore) -> None:
    holds.opened(local_store, WORLD, holding.hold_of("2026-11-30.0002"))
    holds.opened(local_store, WORLD, holding.hold_of("2026-11-30.0001"))
    found = holds.read(local_store, WORLD)
    assert [(h.version, h.ended, h.successor) for h in found.holds] == [
        ("2026-11-30.0001", "replaced", "2026-11-30.0002"),
        ("2026-11-30.0002", "", ""),
    ]


@pytest.mark.parametrize(("of", "ended", "by"), [("0001", "confirmed", "ft900"), ("0000", "superseded", "")])
def test_only_the_candidate_that_was_confirmed_is_closed_as_such(
    local_store: ObjectStore, of: str, ended: str, by: str
) -> None:
    holds.opened(local_store, WORLD, holding.hold_of("2026-11-30.0001"))
    held.end(local_store, WORLD, "confirmed", "2026-11-30.0002", "ft900", of=f"2026-11-30.{of}")
    (hold,) = holds.read(local_store, WORLD).holds
    assert (hold.ended, hold.by) == (ended, by)


def test_promoting_what_was_published_over_names_it(local_store: ObjectStore) -> None:
    """Also where the run that published was killed before it closed the hold."""
    sealing.seal(local_store, WORLD, sealing.world(MONTHS), "2025-02")
    version = holding.held(local_store, MORE)
    newer = sealing.seal(local_store, WORLD, sealing.world({**MONTHS, 2: 102}), "2025-03")
    with pytest.raises(PromoteRefusedError, match=newer):
        promote(local_store, load_contract(WORLD), version, "seen", "A. Owner")
    assert protocol.read_latest(local_store, WORLD)[0].version == newer  # type: ignore[union-attr]


def test_promoting_one_that_was_never_entered_names_what_is_held(local_store: ObjectStore) -> None:
    sealing.seal(local_store, WORLD, sealing.world(MONTHS), "2025-02")
    files = {"quality.parquet": holding.report().frame()}
    orphan = sealing.seal(
        local_store, WORLD, sealing.world({**MONTHS, 2: 290}), "2025-03", "rejected", files, held=(holding.CHECK,)
    )
    now = holding.held(local_store, MORE)
    with pytest.raises(PromoteRefusedError, match=now):
        promote(local_store, load_contract(WORLD), orphan, "seen", "A. Owner")
    assert open_of(local_store) == now


def test_a_version_of_an_older_vintage_ends_no_hold(local_store: ObjectStore) -> None:
    """Bundled figures of the month before are published while those of the month are held: nothing is answered."""
    version = holding.held(local_store, MORE, "2025-03")
    older = sealing.seal(local_store, WORLD, sealing.world(MONTHS), "2025-02")
    held.end(local_store, WORLD, "superseded", older, vintage="2025-02")
    assert open_of(local_store) == version
    newer = sealing.seal(local_store, WORLD, sealing.world({**MONTHS, 2: 102}), "2025-03")
    assert open_of(local_store) is None, "whether or not the run that published said so"
    held.end(local_store, WORLD, "superseded", newer, vintage="2025-03")
    assert [h.ended for h in holds.read(local_store, WORLD).holds] == ["superseded"]


def test_a_hold_can_be_confirmed_only_where_each_check_can() -> None:
    contract = load_contract("atp_trade_monthly")
    of = {c: p.confirmed_by for c, p in contract.quality.items() if p.severity == "hold"}
    assert (of["newest_groups"], of["groups_ended"]) == (("ft900",), ())
    assert held.confirmable_by_all(contract, ("newest_groups", "groups_ended")) == ()
    both = held.confirmable_by_all(contract, ("newest_in_season", "newest_groups"))
    assert set(both) == {*of["newest_in_season"], "ft900"}


def test_a_version_that_a_wrong_clock_named_ends_no_hold(
    local_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealing.seal(local_store, WORLD, sealing.world(MONTHS), "2025-02")
    with monkeypatch.context() as patch:
        patch.setattr(protocol, "believed", lambda store, dataset, latest, now: now + timedelta(days=26_700))
        late = sealing.seal(local_store, WORLD, sealing.world({**MONTHS, 1: 102}), "2025-02")
    assert late > "2090"
    redate.execute(local_store, redate.plan(local_store, WORLD, utc_now(), {}), "a wrong clock", "A. Owner")
    version = holding.held(local_store, MORE, since=holding.days_ago(0))
    assert open_of(local_store) == version
    assert reader.sealed(local_store, WORLD, version).state == "held"
