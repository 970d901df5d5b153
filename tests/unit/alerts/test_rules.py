"""What is told, when, to whom: examples of each rule, and a machine that tries to break them all."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from configs.alerts import AlertSettings, Owner
from tasks.alerts import rules
from tasks.alerts.model import BY_RUN, KINDS, Alert, AlertState, Finding, Kind

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
OWNER = "owner"
SETTINGS = AlertSettings(
    owners={OWNER: Owner(channels=("MAIL",))},
    windows_hours={"default": 24, "warnings": 48},
    grouping_seconds=30,
    most_at_once=3,
    burst_alerts=5,
    burst_minutes=10,
    lease_seconds=600,
)


def finding(dataset: str = "a", kind: Kind = "unavailable", cause: str = "bea") -> Finding:
    return Finding(dataset=dataset, kind=kind, cause=cause, words="it failed", served="nothing")


def seen(state: AlertState, at: float, *findings: Finding) -> AlertState:
    for found in findings:
        state = rules.observe(state, found, OWNER, minutes(at))
    return state


def minutes(at: float) -> datetime:
    return NOW + timedelta(minutes=at)


def sent(state: AlertState, at: float, *, at_once: bool = True, fail: bool = False) -> tuple[AlertState, list[Alert]]:
    """Takes what is due, and delivers it (or not)."""
    state = rules.lease_due(state, [OWNER], SETTINGS, minutes(at), f"t{at}", at_once=at_once)
    alerts = list(rules.taken(state, f"t{at}"))
    for alert in alerts:
        state = rules.record_delivery(state, alert, minutes(at), "refused" if fail else None)
    return state, alerts


def names(alerts: list[Alert]) -> list[tuple[list[str], bool]]:
    return [(s.datasets, s.good) for a in alerts for s in a.sections]


def test_a_failure_is_told_once_and_again_after_its_window_if_it_was_seen_since() -> None:
    state, first = sent(seen(AlertState(), 0, finding()), 0)
    state, none = sent(seen(state, 60, finding()), 60)
    state, reminder = sent(state, 24 * 60)
    state, unseen = sent(state, 3 * 24 * 60)
    assert (names(first), none, names(reminder), unseen) == ([(["a"], False)], [], [(["a"], False)], [])
    assert reminder[0].sections[0].incidents[0].count == 2


def test_several_datasets_that_fail_of_one_cause_are_one_alert() -> None:
    state = seen(AlertState(), 0, finding("a"), finding("b"))
    state = seen(state, 0.2, finding("c"))
    state, early = sent(state, 0.3, at_once=False)
    state, due = sent(state, 0.5, at_once=False)
    assert early == []
    assert names(due) == [(["a", "b", "c"], False)], "c goes along with those that are due"
    state, later = sent(seen(state, 5, finding("d")), 5)
    assert names(later) == [(["d"], False)]
    assert later[0].sections[0].also == ("a", "b", "c")


def test_other_causes_and_kinds_are_alerts_of_their_own() -> None:
    state = seen(AlertState(), 0, finding(cause="bea"), finding(cause="census"), finding(kind="layout"))
    _, alerts = sent(state, 0)
    assert len(alerts) == 3


def test_more_at_once_than_a_person_reads_is_one_alert() -> None:
    state = seen(AlertState(), 0, *(finding(cause=f"c{n}") for n in range(50)))
    _, alerts = sent(state, 0)
    assert [len(a.sections) for a in alerts] == [50]


def test_a_storm_of_causes_keeps_within_the_burst_and_loses_none() -> None:
    state, told = AlertState(), []
    for n in range(500):
        state, alerts = sent(seen(state, n / 500, finding(cause=f"c{n}")), n / 500)
        told += alerts
    assert len(told) == 5
    state, rest = sent(state, 11)
    assert len(rest) == 1
    assert sum(len(a.sections) for a in (*told, *rest)) == 500


def test_that_it_is_over_is_told_once() -> None:
    state, _ = sent(seen(AlertState(), 0, finding()), 0)
    state = rules.recover(state, "a", BY_RUN, "good", minutes(5))
    state = rules.recover(state, "a", BY_RUN, "good", minutes(6))
    state, over = sent(state, 6)
    state, again = sent(rules.recover(state, "a", BY_RUN, "good", minutes(7)), 8)
    assert (names(over), again) == ([(["a"], True)], [])


def test_a_promotion_ends_the_rejection_of_its_version_alone() -> None:
    def rejected(cause: str, **more: str) -> Finding:
        return finding(kind="rejected", cause=cause).model_copy(update=more)

    old = rejected("of before", words="a@2026-11-24.0002 was stopped by the quality gate: 1 critical check failed")
    longer = rejected("a longer name", words="a@2026-11-24.00021 was stopped")
    state = seen(
        AlertState(), 0, rejected("this", version="2026-11-24.0002"), rejected("other", version="2026-11-24.0001"), old,
        longer, finding(kind="crash"), finding("b", kind="rejected").model_copy(update={"version": "2026-11-24.0002"}),
    )  # fmt: skip
    state = rules.promote(state, "a", "2026-11-24.0002", "promoted", minutes(1))
    assert {i.finding.cause for i in state.incidents if not i.open} == {"this", "of before"}
    assert rules.promote(state, "a", "2026-11-24.0002", "promoted", minutes(2)) == state


def test_healed_before_it_was_told_both_are_told_in_one() -> None:
    state = rules.recover(seen(AlertState(), 0, finding()), "a", BY_RUN, "good", minutes(0.1))
    _, alerts = sent(state, 0.1)
    assert names(alerts) == [(["a"], True)]
    assert alerts[0].sections[0].incidents[0].finding.words == "it failed"


def test_failing_again_within_the_window_is_held_back_until_it_is_over() -> None:
    state, _ = sent(seen(AlertState(), 0, finding()), 0)
    state, over = sent(rules.recover(state, "a", BY_RUN, "good", minutes(5)), 5)
    state, held = sent(seen(state, 10, finding()), 10)
    _, due = sent(state, 24 * 60)
    assert (names(over), held, names(due)) == ([(["a"], True)], [], [(["a"], False)])
    _, silent = sent(rules.recover(state, "a", BY_RUN, "good", minutes(20)), 24 * 60)
    assert silent == [], "neither was told"


def test_warnings_are_not_recovered_from() -> None:
    state, alerts = sent(seen(AlertState(), 0, finding(kind="warnings")), 0)
    state, none = sent(rules.recover(state, "a", BY_RUN, "good", minutes(5)), 5)
    assert (len(alerts), none) == (1, [])
    state, _ = sent(state, 49 * 60)
    assert state.incidents == (), "nothing is kept for ever"


def test_the_window_of_a_warning_that_was_told_late_begins_then() -> None:
    state, _ = sent(seen(AlertState(), 0, finding(kind="warnings")), 0, fail=True)
    state, late = sent(state, 50 * 60)
    state, again = sent(seen(state, 50 * 60, finding(kind="warnings")), 50 * 60)
    assert (len(late), again) == (1, [])
    _, due = sent(state, 99 * 60)
    assert len(due) == 1


def test_the_freshness_watch_alone_says_that_a_dataset_is_fresh_again() -> None:
    state, _ = sent(seen(AlertState(), 0, finding(kind="stale")), 0)
    _, none = sent(rules.recover(state, "a", BY_RUN, "good", minutes(5)), 5)
    _, over = sent(rules.recover(state, "a", ("stale",), "fresh", minutes(5)), 5)
    assert (none, names(over)) == ([], [(["a"], True)])


def test_what_was_not_delivered_is_tried_again_with_all_that_is_still_true() -> None:
    state, _ = sent(seen(AlertState(), 0, finding("a"), finding("b")), 0, fail=True)
    assert [(a.attempts, a.error) for a in state.undelivered] == [(1, "refused")]
    state = rules.recover(state, "a", BY_RUN, "good", minutes(5))
    state, alerts = sent(state, 5)
    assert sorted(names(alerts)) == [(["a"], True), (["b"], False)]
    assert alerts[0].attempts == 1 and state.undelivered == ()


def test_a_sender_that_dies_leaves_it_to_the_next_after_its_lease() -> None:
    state = rules.lease_due(seen(AlertState(), 0, finding()), [OWNER], SETTINGS, minutes(0), "dead", at_once=True)
    state, none = sent(state, 5)
    _, alerts = sent(state, 10)
    assert (none, names(alerts)) == ([], [(["a"], False)])


def test_alerts_of_a_wrong_clock_do_not_silence_later_ones() -> None:
    years = 73 * 365 * 24 * 60
    state = seen(AlertState(), years, *(finding(name, cause=name) for name in "abcdefgh"))
    state, first = sent(state, years)
    state = rules.lease_due(
        seen(state, years, finding("lost")), [OWNER], SETTINGS, minutes(years), "dead", at_once=True
    )
    assert first
    state, now = sent(seen(state, 0, finding("new", cause="new")), 0)
    state, later = sent(seen(state, 48 * 60, finding("a", cause="a")), 48 * 60)
    told = {name for names_, _ in names([*now, *later]) for name in names_}
    assert {"new", "lost", "a"} <= told


def test_a_take_whose_reply_was_lost_is_found_again() -> None:
    state = rules.lease_due(seen(AlertState(), 0, finding()), [OWNER], SETTINGS, minutes(0), "mine", at_once=True)
    again = rules.lease_due(state, [OWNER], SETTINGS, minutes(0), "mine", at_once=True)
    assert rules.taken(again, "mine") == rules.taken(state, "mine") != ()


def test_two_senders_at_once_share_what_is_due() -> None:
    state = seen(AlertState(), 0, finding())
    state = rules.lease_due(state, [OWNER], SETTINGS, minutes(0), "one", at_once=True)
    state = rules.lease_due(state, [OWNER], SETTINGS, minutes(0), "two", at_once=True)
    assert (len(rules.taken(state, "one")), rules.taken(state, "two")) == (1, ())


def test_a_settle_by_one_who_lost_its_lease_changes_nothing() -> None:
    state = rules.lease_due(seen(AlertState(), 0, finding()), [OWNER], SETTINGS, minutes(0), "slow", at_once=True)
    (slow,) = rules.taken(state, "slow")
    state = rules.lease_due(state, [OWNER], SETTINGS, minutes(11), "next", at_once=True)
    after = rules.record_delivery(state, slow, minutes(12), "refused")
    assert rules.taken(after, "next") == rules.taken(state, "next")


def test_failing_again_before_the_good_news_was_delivered_the_next_good_news_is() -> None:
    state, _ = sent(seen(AlertState(), 0, finding()), 0)
    state, _ = sent(rules.recover(state, "a", BY_RUN, "good", minutes(5)), 5, fail=True)
    state, none = sent(seen(state, 10, finding()), 10)
    assert none == [], "the good news is no longer true, the failure was told"
    _, over = sent(rules.recover(state, "a", BY_RUN, "good", minutes(15)), 15)
    assert names(over) == [(["a"], True)]


DATASETS = st.sampled_from("ab")
FAILURES: st.SearchStrategy[Kind] = st.sampled_from(("unavailable", "rejected", "warnings"))
CAUSES = st.just("x")
Key = tuple[str, str, str]


class Alerts(RuleBasedStateMachine):
    """Runs fail, heal, send and cannot send in any order, at any time. Senders do not die here: one that dies between
    sending and writing it down makes a message come twice, and no rule could prevent it."""

    def __init__(self) -> None:
        super().__init__()
        self.state = AlertState()
        self.now = NOW
        self.takes = 0
        self.told: dict[Key, list[datetime]] = {}
        self.over: Counter[Key] = Counter()
        self.closed: Counter[Key] = Counter()
        self.found: dict[Key, datetime] = {}
        self.failing: set[Key] = set()
        self.believed: dict[Key, bool] = {}

    @rule(dataset=DATASETS, kind=FAILURES, cause=CAUSES)
    def fails(self, dataset: str, kind: Kind, cause: str) -> None:
        found = finding(dataset, kind, cause)
        self.state = rules.observe(self.state, found, OWNER, self.now)
        self.found[found.key] = self.now
        self.failing.add(found.key)

    @rule(dataset=DATASETS)
    def is_good(self, dataset: str) -> None:
        self.state = rules.recover(self.state, dataset, BY_RUN, "good", self.now)
        for key in {k for k in self.failing if k[0] == dataset and KINDS[k[1]].healed_by == "run"}:  # type: ignore[index]
            self.failing.discard(key)
            self.closed[key] += 1

    @rule(passed=st.sampled_from((1, 20, 60, 700, 3600, 40_000, 90_000, 180_000)))
    def time_passes(self, passed: int) -> None:
        self.now += timedelta(seconds=passed)

    @rule(at_once=st.booleans(), works=st.booleans())
    def sends(self, at_once: bool, works: bool) -> None:
        self.takes += 1
        token = f"t{self.takes}"
        self.state = rules.lease_due(self.state, [OWNER], SETTINGS, self.now, token, at_once=at_once)
        alerts = list(rules.taken(self.state, token))
        assert len(alerts) <= SETTINGS.most_at_once
        for alert in alerts:
            assert alert.sections and all(s.incidents for s in alert.sections)
            self.state = rules.record_delivery(self.state, alert, self.now, None if works else "refused")
            for section in alert.sections if works else ():
                for incident in section.incidents:
                    self.delivered(incident.finding.key, section.good)

    def delivered(self, key: Key, good: bool) -> None:
        self.believed[key] = not good
        if good:
            self.over[key] += 1
            assert self.over[key] <= self.closed[key], "over is told once for each time it was over"
            assert key not in self.failing, "it fails again, and good news would be false"
        else:
            window = SETTINGS.window(key[1])
            assert not self.told.get(key) or self.now - self.told[key][-1] >= window, "twice in a window"
            assert KINDS[key[1]].healed_by is None or key in self.failing, "it is over, and the alert would be false"  # type: ignore[index]
            self.told.setdefault(key, []).append(self.now)

    @invariant()
    def the_burst_is_kept(self) -> None:
        lately = [s for s in self.state.sent if self.now - s.at < SETTINGS.burst]
        assert len(lately) <= SETTINGS.burst_alerts

    @invariant()
    def the_state_comes_back_from_its_document(self) -> None:
        assert AlertState.load(self.state.dump(), "state") == self.state

    @precondition(lambda self: self.found)
    @rule()
    def in_the_end_all_that_fails_is_told(self) -> None:
        for _ in range(3):
            self.now += timedelta(hours=49)
            self.sends(at_once=True, works=True)
        for key in self.failing:
            assert self.told[key][-1] >= self.found[key], f"{key} was lost"
        assert self.state.undelivered == ()
        for key, failing in self.believed.items():
            if KINDS[key[1]].healed_by is not None:  # type: ignore[index]
                assert failing == (key in self.failing), f"the owner believes otherwise of {key}"
        for key, at in self.found.items():
            assert key in self.told or self.over[key], f"{key}, seen at {at}, was never told of"


TestAlerts = Alerts.TestCase
TestAlerts.settings = hypothesis(max_examples=200, stateful_step_count=30, deadline=None)


# ------------------------------------------------------------------- what is held


def held(cause: str = "2026-11-24") -> Finding:
    return finding(kind="held", cause=cause)


def test_a_hold_is_told_once_however_often_runs_meet_it() -> None:
    state, first = sent(seen(AlertState(), 0, held()), 0)
    later = []
    for hour in range(1, 24 * 20):
        state, alerts = sent(seen(state, 60 * hour, held()), 60 * hour)
        later += alerts
    assert (names(first), later) == ([(["a"], False)], [])


def test_a_reminder_of_a_day_is_told_once_by_two_watchers() -> None:
    state, _ = sent(seen(AlertState(), 0, held()), 0)
    told = []
    for watcher, day in enumerate((1, 1, 3, 3, 3)):
        at = day * 24 * 60 + watcher
        state = rules.observe(state, held(), OWNER, minutes(at), day)
        state, alerts = sent(state, at)
        told += alerts
    assert names(told) == [(["a"], False)] * 2


def test_the_end_of_a_hold_is_told_once_with_how_it_ended() -> None:
    state, _ = sent(seen(AlertState(), 0, held("1"), held("2"), finding(kind="crash")), 0)
    state = rules.recover(state, "a", BY_RUN, "a good run", minutes(1))
    assert {i.finding.cause for i in state.incidents if i.open} == {"1", "2"}, "a good run ends no hold"
    for at in (2, 3):
        state = rules.end_holds(state, "a", "2", {"1": "confirmed by ft900"}, "readers get x", minutes(at))
    state, over = sent(state, 4)
    healed = [i.healed for a in over for s in a.sections for i in s.incidents if i.finding.kind == "held"]
    assert healed == ["confirmed by ft900"]
    state = rules.end_holds(state, "a", "", {}, "readers get x", minutes(5))
    assert [i.healed for i in state.incidents if i.finding.cause == "2"] == ["readers get x"]
