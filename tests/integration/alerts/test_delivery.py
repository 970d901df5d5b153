"""Alerts through a real mail server and a real web hook, their state in stores of both kinds."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from configs.alerts import AlertSettings, Owner
from configs.contracts import dataset_names
from configs.errors import StoreUnavailableError
from tasks.alerts import state_store
from tasks.alerts.model import FailedCheck, Finding, Kind
from tasks.alerts.service import AlertService
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore, StoredObject
from tasks.storage.open import open_store
from tasks.warehouse import layout
from tests.support.mail_server import PASSWORD, TOKEN, Hook, Mailbox, body, mail_server, web_hook

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning", "ignore:'imghdr':DeprecationWarning")
OWNER = "techtrade data team"
ATP = "atp_world_monthly"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
def hook() -> Iterator[Hook]:
    with web_hook() as found:
        yield found


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@dataclass
class Bench:
    """Alerting with a clock that is set by hand."""

    store: ObjectStore | None
    addresses: dict[str, str]
    settings: AlertSettings = AlertSettings(
        owners={OWNER: Owner(channels=("MAIL", "CHAT"))},
        fallback=("SPARE",),
        grouping_seconds=30,
        attempts=2,
        backoff_seconds=0,
        runbooks="https://example.org/runbooks",
    )
    now: datetime = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    problems: list[str] = field(default_factory=list)

    @property
    def alerting(self) -> AlertService:
        url = self.store.url if self.store else "s3://gone/store"
        return AlertService(self.store, url, self.settings, self.addresses.get, lambda: self.now)

    def found(self, *findings: Finding) -> None:
        self.alerting.report(*findings)
        self.problems = [u.why for u in self.alerting.send(at_once=True)]

    def good(self, dataset: str = ATP) -> None:
        self.alerting.recovered(dataset, f"readers get {dataset}@2")
        self.problems = [u.why for u in self.alerting.send(at_once=True)]


def finding(dataset: str = ATP, kind: Kind = "unavailable", cause: str = "SourceUnavailableError bea") -> Finding:
    return Finding(
        dataset=dataset, kind=kind, cause=cause, words="bea could not be read in 4 attempts", served=f"{dataset}@1"
    )


REJECTED = Finding(
    dataset=ATP,
    kind="rejected",
    cause="range_exports_usd",
    words=f"5 critical checks failed on {ATP}@2026-11-24.0002, vintage 2025-02",
    diagnosis="nearly every figure of exports_usd is 1,000 times what it was in the version before",
    stage="check",
    version="2026-11-24.0002",
    served=f"{ATP}@2026-11-23.0001, published 2026-11-23 10:00 UTC",
    checks=(
        FailedCheck(
            id="range_exports_usd",
            title="exports are within their range",
            expected="between 1e9 and 1e11",
            observed="434 of 434 rows fail, up to 4.1e13 <script>alert(1)</script>",
            severity="critical",
            rows=tuple(f"2021-0{n}-01: exports_usd 41,000,000,000,00{n}" for n in (1, 2, 3)),
            runbook="quality.md#range",
        ),
    ),
    more_checks=4,
    evidence=(f"techtrade quality {ATP}@2026-11-24.0002 --store s3://bucket/store",),
)


def test_a_mail_says_all_that_its_reader_needs(local_store: ObjectStore, mailbox: Mailbox, tmp_path: Path) -> None:
    Bench(local_store, {"MAIL": mailbox.url}).found(REJECTED)
    (mail,) = mailbox.mails
    assert mail["subject"] == f"techtrade FAILED: {ATP}: {REJECTED.diagnosis}"
    assert (mail["from"], mail["to"]) == ("watch@example.org", "owner@example.org")
    html = body(mail, "html")
    (tmp_path / "mail.html").write_text(html)
    for text in (body(mail, "plain"), html.replace("&#34;", '"')):
        for part in (
            REJECTED.diagnosis, REJECTED.words, "in stage check", "critical", "434 of 434 rows", "exports are within their range", "range_exports_usd", "between 1e9 and 1e11", "up to 4.1e13",
            *REJECTED.checks[0].rows, "4 more checks", REJECTED.served, *REJECTED.evidence,
            "https://example.org/runbooks/quality.md#range", OWNER, "2026-11-24 08:00 UTC",
        ):  # fmt: skip
            assert part in text, part
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert '<a href="https://example.org/runbooks/quality.md#range">' in html


def test_a_chat_gets_the_same_in_a_window(local_store: ObjectStore, hook: Hook) -> None:
    Bench(local_store, {"CHAT": hook.url}).found(REJECTED)
    (post,) = hook.posts
    assert (post["type"], post["title"]) == ("failure", f"techtrade FAILED: {ATP}: {REJECTED.diagnosis}")
    assert post["message"].splitlines()[0] == f"{ATP}: {REJECTED.diagnosis}"
    for part in (REJECTED.words, *REJECTED.checks[0].rows, REJECTED.served, *REJECTED.evidence, "quality.md#range"):
        assert part in post["message"]
    assert len(post["message"]) < 2000


def test_an_alert_of_many_long_words_still_fits_and_says_where_the_rest_is(
    local_store: ObjectStore, hook: Hook
) -> None:
    long = REJECTED.checks[0].model_copy(update={"rows": ("x" * 900,) * 3})
    Bench(local_store, {"CHAT": hook.url}).found(REJECTED.model_copy(update={"checks": (long,) * 3}))
    (post,) = hook.posts
    assert len(post["message"]) < 2000 and f"… more: {REJECTED.evidence[0]}" in post["message"]


def test_one_cause_with_several_datasets_is_one_mail_and_so_is_its_end(store: ObjectStore, mailbox: Mailbox) -> None:
    bench = Bench(store, {"MAIL": mailbox.url})
    names = ("us_ip_trade_annual", "us_ip_trade_quarterly")
    bench.found(*(finding(name) for name in names))
    bench.found(*(finding(name) for name in names))
    assert len(mailbox.mails) == 1
    assert all(f"{name}@1" in body(mailbox.mails[0], "plain") for name in names)
    for name in names:
        bench.alerting.recovered(name, f"readers get {name}@2")
    bench.good(ATP)
    bench.good(names[0])
    assert mailbox.subjects[1:] == [
        "techtrade GOOD AGAIN: us_ip_trade_annual, us_ip_trade_quarterly: over: the publisher does not give the figures"
    ]
    assert "readers get us_ip_trade_annual@2" in body(mailbox.mails[1], "plain")


def test_five_hundred_failures_in_a_minute_are_a_handful_of_alerts(
    local_store: ObjectStore, mailbox: Mailbox, hook: Hook
) -> None:
    """Every dataset fails of every cause, again and again, and each failure is a run of its own."""
    bench = Bench(local_store, {"MAIL": mailbox.url, "CHAT": hook.url})
    names = dataset_names()
    for n in range(500):
        bench.now += timedelta(seconds=0.12)
        bench.found(finding(names[n % len(names)], "crash", f"Error{n % 11}"))
    assert len(mailbox.mails) == len(hook.posts) == 5
    bench.now += timedelta(minutes=11)
    bench.alerting.send(at_once=True)
    assert len(mailbox.mails) == len(hook.posts) == 6, "what was held back comes in one"
    left = state_store.read(local_store)
    assert all(i.known for i in left.incidents) and sum(i.count for i in left.incidents) == 500
    assert len(left.incidents) == len(names) * 11


def test_runs_on_several_machines_tell_of_one_thing_once(store: ObjectStore, hook: Hook) -> None:
    def machine(_: int) -> None:
        Bench(open_store(store.url), {"CHAT": hook.url}).found(finding())

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(machine, range(6)))
    assert len(hook.posts) == 1
    (incident,) = state_store.read(store).incidents
    assert incident.count == 6


def test_a_channel_that_says_no_at_first_is_asked_again(local_store: ObjectStore, hook: Hook) -> None:
    hook.refusals = 1
    bench = Bench(local_store, {"CHAT": hook.url})
    bench.found(finding())
    assert (hook.tries, len(hook.posts), bench.problems) == (2, 1, [])


def test_what_a_channel_does_not_take_goes_to_the_fallback(
    local_store: ObjectStore, mailbox: Mailbox, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.refuse = True
    bench = Bench(local_store, {"MAIL": mailbox.url, "SPARE": hook.url})
    bench.found(finding())
    assert (mailbox.tries, len(hook.posts), bench.problems) == (2, 1, [])
    assert "alert not taken by MAIL" in caplog.text
    assert state_store.read(local_store).undelivered == ()


def test_what_nobody_takes_is_kept_and_the_next_run_tries_again(
    local_store: ObjectStore, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.refuse = True
    bench = Bench(local_store, {"MAIL": mailbox.url})
    bench.found(finding())
    assert len(bench.problems) == 1 and bench.problems[0].startswith("MAIL: ")
    assert "not delivered to anybody" in caplog.text
    (kept,) = state_store.read(local_store).undelivered
    assert (kept.attempts, kept.datasets) == (1, [ATP])
    mailbox.refuse = False
    bench.now += timedelta(hours=3)
    bench.found()
    assert mailbox.subjects == [f"techtrade FAILED: {ATP}: bea could not be read in 4 attempts"]
    assert state_store.read(local_store).undelivered == ()


@pytest.mark.parametrize(
    "address", ["nonsense", "jsno://127.0.0.1/x", "mailto://", "json://127.0.0.1:1/x", "json://[::1", "slack://A/B/C"]
)
def test_an_address_that_cannot_be_is_told_and_never_shown(local_store: ObjectStore, address: str) -> None:
    bench = Bench(local_store, {"MAIL": address})
    bench.found(finding())
    (problem,) = bench.problems
    assert problem.startswith("MAIL: ") and address not in problem


def test_with_no_channel_nothing_is_written_and_one_line_says_so(
    local_store: ObjectStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.alerts.service._silent", set())
    caplog.set_level("INFO", "techtrade")
    bench = Bench(local_store, {})
    for _ in range(3):
        bench.found(finding())
        bench.good()
    assert caplog.text.count("no alert sent") == 1 and "docs/alerts.md" in caplog.text
    assert list(local_store.entries("")) == []


def test_a_run_without_trouble_writes_nothing(local_store: ObjectStore, hook: Hook) -> None:
    bench = Bench(local_store, {"CHAT": hook.url})
    bench.good()
    assert list(local_store.entries("")) == [] and hook.tries == 0
    bench.found(finding())
    before = local_store.get(layout.ALERTS)
    bench.good("partners")
    assert local_store.get(layout.ALERTS) == before


class Gone(LocalStore):
    """A store that does not answer."""

    gone = True

    def get(self, key: str) -> StoredObject:
        if self.gone:
            raise StoreUnavailableError("the store does not answer")
        return super().get(key)


def test_a_store_that_does_not_answer_is_told_once_and_so_is_its_return(tmp_path: Path, hook: Hook) -> None:
    store = Gone(tmp_path / "store")
    bench = Bench(store, {"CHAT": hook.url})
    for name in ("partners", ATP, ATP):
        bench.found(finding(name, "store", "StoreUnavailableError"))
    assert [p["title"] for p in hook.posts] == [
        "techtrade FAILED: partners: bea could not be read in 4 attempts", f"techtrade FAILED: {ATP}: bea could not be read in 4 attempts",
    ]  # fmt: skip
    store.gone = False
    bench.good(ATP)
    bench.good("partners")
    bench.good(ATP)
    assert [p["title"] for p in hook.posts[2:]] == [
        f"techtrade GOOD AGAIN: {ATP}: over: the store failed",
        "techtrade GOOD AGAIN: partners: over: the store failed",
    ]


def test_a_damaged_state_is_begun_anew(local_store: ObjectStore, hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    local_store.create(layout.ALERTS, b"{")
    Bench(local_store, {"CHAT": hook.url}).found(finding())
    assert len(hook.posts) == 1 and "begun anew" in caplog.text


class LosesReplies(LocalStore):
    """Every other swap is applied, and its reply is lost: the client's own retry then sees that it was changed."""

    swaps = 0

    def replace(self, key: str, body: bytes, etag: str | None) -> str:
        tag = super().replace(key, body, etag)
        self.swaps += 1
        return super().replace(key, body, etag) if self.swaps % 2 else tag


def test_a_lost_reply_sends_nothing_twice_and_loses_nothing(tmp_path: Path, hook: Hook) -> None:
    bench = Bench(LosesReplies(tmp_path / "store"), {"CHAT": hook.url})
    bench.found(finding())
    bench.found(finding())
    bench.good()
    bench.good()
    assert [p["type"] for p in hook.posts] == ["failure", "success"]


def test_no_logger_says_an_address_however_talkative_it_was_made(
    local_store: ObjectStore, mailbox: Mailbox, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for name in ("apprise", "urllib3.connectionpool", "stamina", "techtrade"):
        caplog.set_level("DEBUG", name)
    addresses = {"MAIL": mailbox.url, "CHAT": hook.url, "SPARE": mailbox.url.replace(PASSWORD, "wr0ng-canary")}
    bench = Bench(local_store, addresses)
    bench.found(finding())
    hook.status, mailbox.refuse = 500, True
    bench.found(finding(cause="another"))
    assert hook.tries == 3 and len(bench.problems) == 1
    ours = [r.getMessage() + str(vars(r)) for r in caplog.records if r.name != "mail.log"]
    written = "".join(ours) + str(bench.problems) + "".join(map(repr, state_store.read(local_store)))
    assert "REDACTED" in written
    assert [s for s in (TOKEN, PASSWORD, "wr0ng-canary") if s in written] == []
