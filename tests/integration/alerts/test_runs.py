"""Alerts of whole runs: through the command line and Prefect's hooks, to a real web hook and a real mail server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.prefect_setup import alert_hooks
from tasks.alerts import state_store
from tasks.alerts.model import Finding
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import protocol
from tests.doubles.publishers import CensusDouble, closed_port
from tests.support.alerting import ALERTS, titles
from tests.support.mail_server import PASSWORD, TOKEN, Hook, Mailbox, body, mail_server, web_hook
from tests.support.plain import Ran

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning", "ignore:'imghdr':DeprecationWarning")
Run = Callable[..., Ran]
ATP = "atp_world_monthly"
BEA = ("us_ip_trade_annual", "us_ip_trade_quarterly")


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    """The web hook, as the one channel that is set."""
    settings = tmp_path / "alerts.yaml"
    settings.write_text(ALERTS)
    monkeypatch.setenv("TECHTRADE_ALERTS", str(settings))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with web_hook() as found:
        monkeypatch.setenv("TEST_CHAT", found.url)
        yield found


@pytest.fixture
def mailbox(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with mail_server() as box:
        monkeypatch.setenv("TEST_MAIL", box.url)
        yield box


def snapshot(techtrade: Run, dataset: str, vintage: str) -> Ran:
    return techtrade("publish", dataset, "--source", "snapshot", "--vintage", vintage)


def status(store: ObjectStore, dataset: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(store.get(f"{dataset}/status.json").body)
    return found


def without_warnings(found: list[str]) -> list[str]:
    return [t for t in found if "WARNING" not in t]


def test_a_rejection_is_told_once_with_its_evidence_and_so_is_its_end(
    techtrade: Run, local_store: ObjectStore, hook: Hook, mailbox: Mailbox
) -> None:
    for vintage in ("2023-01", "2025-02"):
        assert snapshot(techtrade, ATP, vintage).code == 0
    assert without_warnings(titles(hook)) == []
    good, bad = (e.version for e in protocol.read_latest(local_store, ATP)[0].log)  # type: ignore[union-attr]
    assert techtrade("yank", f"{ATP}@{bad}", "--reason", "wrong unit").code == 0
    for _ in range(2):
        ran = snapshot(techtrade, ATP, "2025-02")
        assert ran.code == 3, ran.err
    rejected = str(status(local_store, ATP)["rejected"])
    diagnosis = f"the figures are those of the yanked version {bad} (wrong unit)"
    assert without_warnings(titles(hook)) == [f"techtrade FAILED: {ATP}: {diagnosis}"]
    post, mail = hook.posts[-1]["message"], mailbox.mails[-1]
    whole = f"techtrade quality {ATP}@{rejected} --store {local_store.url}"
    for text in (post, body(mail, "plain"), body(mail, "html")):
        for part in (diagnosis, "yanked_content", f"{ATP}@{good}, vintage 2023-01", whole, "alerts runbook quality"):
            assert part in text, part
    ran = snapshot(techtrade, ATP, "2023-01")
    assert ran.code == 0, ran.err
    assert snapshot(techtrade, ATP, "2023-01").code == 0
    assert without_warnings(titles(hook))[1:] == [
        f"techtrade GOOD AGAIN: {ATP}: no longer rejected by the quality gate"
    ]


def test_a_workbook_in_thousands_is_diagnosed_everywhere_and_its_promotion_closes_the_alert(
    techtrade: Run, local_store: ObjectStore, hook: Hook, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of a rejected version said it first, and nothing else did: one sentence for six failed checks."""
    assert snapshot(techtrade, ATP, "2025-02").code == 0
    with CensusDouble("2025-02") as census:
        census.fault = "thousands"
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{census.url}/country.xlsx")
        ran = techtrade("publish", ATP)
        again = techtrade("publish", ATP, "--json")
    bad = str(status(local_store, ATP)["rejected"])
    good = protocol.read_latest(local_store, ATP)[0].version  # type: ignore[union-attr]
    diagnosis = "nearly every figure of exports_usd, imports_usd and balance_usd is 1,000 times what it was in the version before"
    (error,) = (line for line in ran.err.splitlines() if line.startswith("error: "))
    assert error.startswith(
        f"error: {ATP}@{bad} was rejected by the quality gate: {diagnosis}; 6 critical checks failed"
    )
    listed = [line for line in ran.err.splitlines() if line.startswith("  - ")]
    assert len(listed) == len(set(listed)) > 6 and listed[0].startswith("  - critical check failed: exports_usd is")
    assert "434 of 434 rows fail" in listed[0] and "{" not in ran.err, "in words"
    assert (ran.code, json.loads(again.out)[0]["diagnosis"]) == (3, diagnosis), "met again, it is not derived again"
    assert status(local_store, ATP)["diagnosis"] == diagnosis
    assert diagnosis in techtrade("alerts", "list").out

    (post,) = hook.posts
    assert post["title"] == mailbox.subjects[0] == f"techtrade FAILED: {ATP}: {diagnosis}"
    assert post["message"].splitlines()[0] == f"{ATP}: {diagnosis}"
    assert f"Readers get: {ATP}@{good}, vintage 2025-02, published " in post["message"]
    assert post["message"].count("- critical: ") == 6
    (page,) = mailbox.mails[0].iter_attachments()
    assert (page.get_content_type(), page.get_filename()) == ("text/html", f"{ATP}@{bad}.html")
    assert diagnosis[1:] in str(page.get_content()) and "<svg" in str(page.get_content())

    # Another rejection of the dataset is not closed by the promotion of this one.
    other = Finding(dataset=ATP, kind="rejected", cause="other", words="x", served="y", version="2020-01-01.0001")
    alert_hooks.report(local_store, other)
    ran = techtrade("promote", f"{ATP}@{bad}", "--reason", "it is so", "--by", "A. Owner")
    assert ran.code == 0, ran.err
    new = protocol.read_latest(local_store, ATP)[0].version  # type: ignore[union-attr]
    assert [i.finding.cause for i in state_store.read(local_store).incidents if i.open] == ["other"]
    over = next(p for p in hook.posts if p["type"] == "success")
    assert over["title"] == f"techtrade GOOD AGAIN: {ATP}: no longer rejected by the quality gate"
    assert f"{ATP}@{bad} was promoted; readers get {ATP}@{new}" in over["message"] and diagnosis in over["message"]


def test_a_publisher_that_is_gone_is_one_alert_for_all_its_datasets(
    techtrade: Run, local_store: ObjectStore, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEA_API_KEY", "01234567-89AB-CDEF-0123-456789ABCDEF")
    monkeypatch.setenv("TECHTRADE_SOURCES__BEA__ATTEMPTS", "1")
    with closed_port() as url:
        monkeypatch.setenv("TECHTRADE_SOURCES__BEA__URL", url)
        ran = techtrade("publish", *BEA)
    assert ran.code == 1
    (title,) = titles(hook)
    assert title.startswith(f"techtrade FAILED: {', '.join(BEA)}: bea: ")
    assert "alerts runbook unavailable" in hook.posts[0]["message"]
    assert "The publisher does not give the figures, in stage extract" in hook.posts[0]["message"]
    assert "no version was published yet" in hook.posts[0]["message"]
    assert "alert sent to TEST_CHAT" in ran.err


def test_a_key_that_is_missing_is_told_where_the_dataset_was_named(
    techtrade: Run, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BEA_API_KEY", raising=False)
    assert techtrade("publish", BEA[0]).code == 1
    assert titles(hook)[0].startswith(f"techtrade FAILED: {BEA[0]}: bea needs a key: set BEA_API_KEY")


def test_a_wrong_use_of_the_command_is_told_to_who_typed_it_alone(techtrade: Run, hook: Hook) -> None:
    assert techtrade("publish", "nonsense").code == 2
    assert techtrade("publish", BEA[0], "--source", "snapshot").code == 2
    assert hook.tries == 0


@pytest.mark.slow
def test_an_alert_that_nobody_takes_is_told_by_the_run_and_fails_nothing(
    techtrade: Run, local_store: ObjectStore, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.status = 500
    monkeypatch.delenv("BEA_API_KEY", raising=False)
    assert snapshot(techtrade, ATP, "2023-01").code == 0
    bad = snapshot(techtrade, ATP, "2025-02")
    latest = protocol.read_latest(local_store, ATP)[0]
    assert latest is not None
    assert techtrade("yank", f"{ATP}@{latest.version}", "--reason", "x").code == 0
    bad = snapshot(techtrade, ATP, "2025-02")
    assert bad.code == 3
    assert "not taken by TEST_CHAT" in bad.err and "not delivered to anybody" in bad.err
    said = status(local_store, ATP)
    assert said["outcome"] == "rejected" and "the alert was not delivered (TEST_CHAT: " in said["detail"]
    assert "x" in said["detail"], "the run's own error is not hidden"
    listed = techtrade("alerts", "list")
    assert "rejected by the quality gate" in listed.out and "not delivered to techtrade data team" in listed.err
    assert techtrade("alerts", "send").code == 1
    hook.status = 200
    assert techtrade("alerts", "send").code == 0
    assert any("the figures are those of the yanked version" in t for t in titles(hook))
    assert state_store.read(local_store).undelivered == ()


def test_a_run_that_crashes_is_told_by_prefects_hook(
    techtrade: Run, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(*_: Any, **__: Any) -> None:
        raise SystemExit(7)

    monkeypatch.setattr("tasks.publish.steps.fetch", leave)
    techtrade("publish", ATP, "--source", "snapshot")
    assert titles(hook)[0].startswith(f"techtrade FAILED: {ATP}: the run was cut off: ")
    assert "Python system exit call" in hook.posts[0]["message"]
    assert "alerts runbook crash" in hook.posts[0]["message"]


def test_a_scheduled_run_sends_by_itself(
    prefect_api: str, local_store: ObjectStore, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``serve`` runs it: the flow alone, no command around it."""
    from flows.publish import publish

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("nobody foresaw this")

    with monkeypatch.context() as broken:
        broken.setattr("tasks.publish.steps.fetch", fail)
        with pytest.raises(ZeroDivisionError):
            publish(dataset=ATP, source="snapshot", vintage="2023-01", store=local_store.url)
    assert "nobody foresaw this" in titles(hook)[0] and "nobody foresaw this" in hook.posts[0]["message"]
    publish(dataset=ATP, source="snapshot", vintage="2023-01", store=local_store.url)
    assert f"techtrade GOOD AGAIN: {ATP}: over: the run ended unexpectedly" in titles(hook)


def test_settings_of_alerts_that_are_wrong_fail_no_publish(
    techtrade: Run, local_store: ObjectStore, hook: Hook, tmp_path: Path
) -> None:
    (tmp_path / "alerts.yaml").write_text(f"owners: {{a: {{channels: ['json://{TOKEN}@example.org']}}}}")
    ran = snapshot(techtrade, ATP, "2023-01")
    assert ran.code == 0 and status(local_store, ATP)["outcome"] == "published"
    assert "nobody was alerted" in ran.err and "belongs into that variable" in ran.err
    assert TOKEN not in ran.err


def test_the_channels_can_be_tested(
    techtrade: Run, hook: Hook, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = techtrade("alerts", "test", "--owner", "techtrade data team")
    assert (ran.code, ran.out) == (0, "techtrade data team: taken by TEST_CHAT, TEST_MAIL\n")
    assert titles(hook) == mailbox.subjects == ["techtrade TEST: nothing is wrong"]
    assert "What to do: techtrade alerts runbook test\n" in hook.posts[0]["message"]
    assert ">TEST<" in body(mailbox.mails[0], "html")
    mailbox.refuse = True
    ran = techtrade("alerts", "test", "--json")
    assert ran.code == 1 and json.loads(ran.out)[0]["taken_by"] == ["TEST_CHAT"]
    assert "TEST_MAIL: " in ran.err and PASSWORD not in ran.err and TOKEN not in ran.err
    assert techtrade("alerts", "test", "--owner", "nobody").code == 2
    monkeypatch.delenv("TEST_CHAT")
    monkeypatch.delenv("TEST_MAIL")
    none = techtrade("alerts", "test")
    assert none.code == 2 and "TEST_CHAT" in none.err


def test_a_channel_can_be_a_secret_block_of_prefect(
    prefect_api: str, techtrade: Run, hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.blocks.system import Secret

    Secret(value=hook.url).save("alert-chat", overwrite=True)  # type: ignore[call-arg]
    (tmp_path / "alerts.yaml").write_text(ALERTS.replace("TEST_CHAT, TEST_MAIL", "prefect-block:alert-chat"))
    ran = techtrade("alerts", "test")
    assert (ran.code, titles(hook)) == (0, ["techtrade TEST: nothing is wrong"])
    (tmp_path / "alerts.yaml").write_text(ALERTS.replace("TEST_CHAT, TEST_MAIL", "prefect-block:no-such"))
    ran = techtrade("alerts", "test")
    assert ran.code == 1 and "prefect-block:no-such: its address could not be looked up" in ran.err
