"""G2, G4, G5 as a state machine: whatever is done in whatever order, by publishers that sleep, crash and lose.

The model is a list of events and what was sealed. After every step what readers get is compared with it, and every
object of a sealed version with the bytes it was sealed with.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from configs.errors import ClaimLostError, ConcurrentPublishError, NotPublishedError, YankRefusedError
from tasks.common.clock import utc_now
from tasks.storage.local import LocalStore
from tasks.warehouse import layout, protocol, reader, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.protocol import Draft, Sealed
from tasks.warehouse.upkeep import gc
from tests.support import drill
from tests.support.drill import DATASET, Broken, bodies, intact, linear, manifest_of, numbers

GRACE = timedelta(hours=1)


class Crash(BaseException):
    """Ends a step at once, as a kill does. Nothing in the store's code catches it."""


def crash_at(point: int) -> Callable[[int, str], None]:
    def at(moment: int, what: str) -> None:
        if moment == point:
            raise Crash(what)

    return at


class StoreMachine(RuleBasedStateMachine):
    candidate: Callable[[int], Built]

    drafts = Bundle("drafts")
    seals = Bundle("seals")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="techtrade-machine-"))
        self.store = LocalStore(self.folder)
        # The disk has the clock of the model: it goes on by hours, and a publisher ahead of its store is refused.
        self.store.clock = lambda: self.now  # type: ignore[method-assign]
        self.now = utc_now()
        self.content = itertools.cycle(range(1, 6))
        self.published: list[str] = []
        self.yanked: set[str] = set()
        self.immutable: dict[str, bytes] = {}
        self.claimed: set[str] = set()
        self.given: list[tuple[datetime, str]] = []

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    # ------------------------------------------------------------- the model

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    @property
    def current(self) -> str | None:
        return next((v for v in reversed(self.published) if v not in self.yanked), None)

    def keep(self, version: str) -> None:
        """From now on no byte of the version may change, or go."""
        self.immutable |= bodies(self.store, layout.version(DATASET, version))

    def note_published(self, version: str) -> None:
        self.published.append(version)
        self.keep(version)
        self.note_given()

    def note_given(self) -> None:
        assert self.current is not None
        self.given.append((self.now, self.current))
        self.clock()

    def next_built(self) -> Built:
        return type(self).candidate(next(self.content))

    # -------------------------------------------------------------- the rules

    @rule()
    def publish(self) -> None:
        release = drill.publish(self.store, self.next_built(), clock=self.clock)
        assert release.manifest.parent == self.current
        self.note_published(release.manifest.version)

    @rule(point=st.integers(1, 60))
    def crash_in_a_publish(self, point: int) -> None:
        before = list(self.published)
        try:
            drill.publish(Broken(self.store, crash_at(point)), self.next_built(), clock=self.clock)
        except Crash:
            pass
        after = linear(self.store)
        assert after[: len(before)] == before and len(after) <= len(before) + 1
        for version in after[len(before) :]:
            self.note_published(version)

    @rule(target=drafts)
    def fall_asleep_while_staging(self) -> tuple[Draft, Built]:
        built = self.next_built()
        draft = protocol.claim(self.store, protocol.read_head(self.store, DATASET), self.clock)
        return protocol.stage_data(self.store, draft, built), built

    @rule(target=seals, sleeper=consumes(drafts))
    def wake_up_and_seal(self, sleeper: tuple[Draft, Built]) -> Sealed | None:
        draft, built = sleeper
        status = self.status(draft.version)
        manifest = manifest_of(draft, built, "passed", self.clock)
        try:
            sealed = protocol.seal(self.store, draft, manifest)
        except ClaimLostError:
            assert status == "abandoned"
            return None
        assert status is None
        return sealed

    @rule(sealed=consumes(seals))
    def wake_up_and_swap(self, sealed: Sealed | None) -> None:
        if sealed is None:
            return
        seen_last = sealed.head.etag == protocol.read_latest(self.store, DATASET)[1]
        try:
            release = protocol.swap(self.store, sealed, self.clock)
        except ConcurrentPublishError:
            assert not seen_last
            return
        assert seen_last, "it was built on another state"
        self.note_published(release.manifest.version)

    @rule()
    def reject(self) -> None:
        rejected = drill.sealed(self.store, self.next_built(), status="rejected", clock=self.clock)
        self.keep(rejected.manifest.version)

    @precondition(lambda self: self.published)
    @rule(which=st.integers(0, 100), point=st.one_of(st.none(), st.integers(1, 12)))
    def yank(self, which: int, point: int | None) -> None:
        version = self.published[which % len(self.published)]
        store = Broken(self.store, crash_at(point)) if point else self.store
        only = set(self.published) - self.yanked == {version}
        before = self.now
        try:
            yank.yank(store, DATASET, version, "drill", clock=self.clock)
            assert not only
        except YankRefusedError:
            assert only
        except Crash:
            pass
        latest, _ = protocol.read_latest(self.store, DATASET)
        assert latest is not None
        if latest.yanked != self.yanked:
            assert latest.yanked == self.yanked | {version}
            self.yanked.add(version)
            assert self.now > before
            self.note_given()

    @rule(hours=st.integers(0, 3), point=st.one_of(st.none(), st.integers(1, 40)))
    def clean(self, hours: int, point: int | None) -> None:
        self.now += timedelta(hours=hours)
        store = Broken(self.store, crash_at(point)) if point else self.store
        try:
            gc.execute(store, gc.plan(store, self.now, GRACE))
        except Crash:
            return
        if hours >= 2 and self.published:
            self.nothing_is_left_over()

    def nothing_is_left_over(self) -> None:
        for version in numbers(self.store):
            if self.status(version) == "rejected" or version in self.published:
                continue
            prefix = layout.version(DATASET, version)
            assert [e.key.removeprefix(prefix) for e in self.store.entries(prefix)] == ["claim.json", "manifest.json"]
        for version in self.yanked:
            assert self.store.size(layout.yanked(DATASET, version)) is not None

    def status(self, version: str) -> str | None:
        try:
            return protocol.read_manifest(self.store, DATASET, version).status
        except NotPublishedError:
            return None

    # --------------------------------------------------------- what must hold

    @invariant()
    def readers_get_what_the_model_says(self) -> None:
        assert intact(self.store) == self.current
        assert linear(self.store) == self.published
        latest, _ = protocol.read_latest(self.store, DATASET)
        assert (latest.yanked if latest else set()) == self.yanked

    @invariant()
    def nothing_sealed_ever_changes(self) -> None:
        for key, body in self.immutable.items():
            assert self.store.get(key).body == body

    @invariant()
    def no_number_is_ever_free_again(self) -> None:
        now = set(numbers(self.store))
        assert self.claimed <= now
        self.claimed = now

    @invariant()
    def the_past_stays_answerable(self) -> None:
        for moment, version in self.given[-8:]:
            assert reader.as_of(self.store, DATASET, moment).manifest.version == version


def run(candidates: Callable[[int], Built], examples: int, steps: int) -> None:
    machine = type("Machine", (StoreMachine,), {"candidate": staticmethod(candidates)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash here is not a power cut: what was written is with the kernel, synced or not."""
    monkeypatch.setattr("os.fsync", lambda fd: None)


def test_any_order_of_publish_reject_yank_gc_crash_and_read(candidates: Callable[[int], Built]) -> None:
    run(candidates, examples=15, steps=30)


@pytest.mark.slow
def test_any_order_many_times(candidates: Callable[[int], Built]) -> None:
    run(candidates, examples=200, steps=50)
