"""What an alert says: the diagnosis first, then what its reader needs to act, and references that can be followed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from configs.alerts import load_alerts
from configs.errors import ConfigError, SourceLayoutError, UsageError
from expectations.runbooks import PROJECT, sections
from flows.cli import alerts
from flows.prefect_setup import run_status
from tasks.alerts import references, state_store
from tasks.alerts.channels import room
from tasks.alerts.findings import of_error
from tasks.alerts.message import TEXT, Message, message
from tasks.alerts.model import KINDS, Alert, FailedCheck, Finding, Incident, Kind, Section
from tasks.alerts.service import AlertService
from tasks.common.stages import in_stage, like, stage_of
from tasks.storage.object_store import ObjectStore
from tasks.warehouse.outcomes import RejectedError
from tasks.warehouse.records import QualityCounts

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
OWNER, ATP = "techtrade data team", "atp_world_monthly"
DIAGNOSIS = "nearly every figure of exports_usd is 1,000 times what it was in the version before"
STORE = "/srv/store"
CHECKS = tuple(
    FailedCheck(
        id=f"check_{n}", title=f"rule {n} holds", expected="a" * 120, observed="434 of 434 rows fail; b from 1 to 2",
        severity="critical" if n < 6 else "warning", rows=("1989-01-01: exports_usd 5,762,200,000,000",) * 3,
        runbook="deploy/runbooks/quality.md#unit-and-size",
    )
    for n in range(10)
)  # fmt: skip
REJECTED = Finding(
    dataset=ATP, kind="rejected", cause="x", words=f"6 critical checks and 4 warnings failed on {ATP}@2, vintage 2025-02",
    served=f"{ATP}@1, vintage 2025-01, published then", diagnosis=DIAGNOSIS, stage="check", version="2", checks=CHECKS,
    evidence=(f"techtrade quality {ATP}@2 --store {STORE}",),
)  # fmt: skip


def told(*findings: Finding, runbooks: str = "deploy/runbooks/", good: bool = False) -> Message:
    sections = tuple(
        Section(
            kind=f.kind, cause=f.cause, good=good,
            incidents=(Incident(owner=OWNER, finding=f, first_at=NOW, last_at=NOW, healed="readers get it"),),
        )
        for f in findings
    )  # fmt: skip
    return message(Alert(id="1", owner=OWNER, sections=sections, taken_at=NOW), runbooks, STORE)


# ----------------------------------------------------------------------- first line


def test_the_first_line_of_each_form_is_the_diagnosis() -> None:
    alert = told(REJECTED)
    assert alert.subject == f"techtrade FAILED: {ATP}: {DIAGNOSIS}"
    assert alert.text.splitlines()[0] == f"{ATP}: {DIAGNOSIS}"
    assert f">{ATP}: {DIAGNOSIS}</h1>" in alert.html


def test_of_several_alerts_in_one_the_worst_is_diagnosed_first() -> None:
    stale = REJECTED.model_copy(update={"kind": "stale", "diagnosis": "", "words": "late at us", "checks": ()})
    alert = told(stale, REJECTED, stale)
    assert alert.subject == f"techtrade FAILED: {ATP}: {DIAGNOSIS} (and 2 more)"
    assert alert.text.splitlines()[0] == f"{ATP}: {DIAGNOSIS}"


def test_without_a_diagnosis_the_subject_names_the_first_failure_and_the_text_names_it_once() -> None:
    alert = told(REJECTED.model_copy(update={"diagnosis": ""}))
    assert alert.subject.endswith("rejected by the quality gate: rule 0 holds (434 of 434 rows fail)")
    assert alert.text.count("rule 0 holds") == 1 and alert.html.count("rule 0 holds") == 2, "once beside the title"


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("rejected", "warnings")])
def test_every_other_kind_has_what_happened_in_its_first_line(kind: Kind) -> None:
    finding = Finding(dataset=ATP, kind=kind, cause="x", words=f"{ATP}: sheet 'country' is missing", served="it")
    alert = told(finding)
    assert alert.subject.endswith(f": {ATP}: sheet 'country' is missing")
    assert alert.text.splitlines()[0] == f"{ATP}: sheet 'country' is missing"
    assert KINDS[kind].title[1:] in alert.text


def test_what_is_over_says_what_it_was() -> None:
    alert = told(REJECTED, good=True)
    assert alert.subject == f"techtrade GOOD AGAIN: {ATP}: no longer rejected by the quality gate"
    assert DIAGNOSIS in alert.text and DIAGNOSIS in alert.html


# -------------------------------------------------------------------- what is needed


def test_every_failure_is_there_with_its_severity_and_three_rows_in_words() -> None:
    alert = told(REJECTED)
    for check in CHECKS:
        line = f"- {check.severity}: {check.title} ({check.id}): 434 of 434 rows fail"
        assert line in alert.text and check.title in alert.html
    assert alert.text.count("    1989-01-01: exports_usd 5,762,200,000,000") == 3
    assert "in stage check: 6 critical checks and 4 warnings failed" in alert.text
    assert f"Readers get: {REJECTED.served}" in alert.text
    assert "{" not in alert.text, "no JSON"


@pytest.mark.parametrize("most", [TEXT, 1024, 700])
def test_a_narrow_channel_loses_failures_and_never_what_is_needed_to_act(most: int) -> None:
    text = told(REJECTED).cut(most)
    assert len(text) <= most
    for part in (DIAGNOSIS, REJECTED.served, REJECTED.evidence[0], "techtrade alerts runbook quality unit-and-size"):
        assert part in text
    assert most == TEXT or text.endswith(f"… more: {REJECTED.evidence[0]}")


ADDRESSES = (
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    "workflows://host.azure.com:443/643e69f83c8944438d68119179a10a64/KQmX4GpBFZsNUV",
    "discord://123456789012345678/abcdefghijklmnopqrstuvwxyz",
    "tgram://123456789:abcdefghijklmnopqrstuvwxyz123456789/12315544/",
    "pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@tttttttttttttttttttttttttttttt",
    "json://127.0.0.1/x",
)


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda a: a.partition(":")[0])
def test_the_text_stays_within_one_message_of_the_channel(address: str) -> None:
    import apprise

    service = apprise.Apprise.instantiate(address)
    assert service is not None
    alert = told(REJECTED)
    subject = len(alert.subject) if service.title_maxlen <= 0 else 0
    assert len(alert.cut(room(service, alert.subject))) + subject <= service.body_maxlen
    assert len(alert.subject) <= service.title_maxlen or service.title_maxlen <= 0


# ------------------------------------------------------------------------ references


def recorded(store: ObjectStore, finding: Finding) -> Finding:
    """The finding as it stands in the state of alerts."""
    settings = load_alerts()
    AlertService(store, store.url, settings, {"TECHTRADE_ALERT_CHAT": "json://127.0.0.1:1/x"}.get).report(finding)
    (incident,) = state_store.read(store).incidents
    return incident.finding


@pytest.mark.parametrize("kind", KINDS)
def test_every_command_in_an_alert_of_any_kind_can_be_pasted(kind: Kind, local_store: ObjectStore) -> None:
    given = Finding(
        dataset=ATP, kind=kind, cause="x", served="it",
        words=f"it failed: the gate stopped it; see: techtrade quality {ATP}@2; or run: techtrade publish {ATP}.",
        evidence=(f"techtrade status {ATP}", "prefect flow-run inspect 1"),
    )  # fmt: skip
    text = told(recorded(local_store, given)).text
    commands = re.findall(r"techtrade (?!data team)[a-z]+ [^;\n]+", text)
    assert len(commands) == 4
    for command in commands:
        assert "--store /" in command or command.startswith("techtrade alerts runbook "), command
    assert "prefect flow-run inspect 1\n" in text


def test_a_hint_that_was_cut_short_is_left_alone() -> None:
    assert references.with_whole_hints("see: techtrade quality atp_wor…", STORE) == "see: techtrade quality atp_wor…"


def test_a_store_in_a_folder_is_named_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.storage.open import open_store

    monkeypatch.chdir(tmp_path)
    there = recorded(open_store("my store"), Finding(dataset=ATP, kind="crash", cause="x", words="x", served="x", evidence=("techtrade status",)))  # fmt: skip
    assert there.evidence == (f"techtrade status --store '{tmp_path}/my store'",)
    assert references.place(None, "s3://bucket/prefix") == "s3://bucket/prefix"


def test_addresses_of_runbooks_and_evidence_are_settings(
    monkeypatch: pytest.MonkeyPatch, local_store: ObjectStore
) -> None:
    monkeypatch.setenv("TECHTRADE_RUNBOOKS_URL", "https://example.org/runbooks/")
    runbooks = load_alerts().runbooks
    assert (
        "What to do: https://example.org/runbooks/quality.md#unit-and-size\n" in told(REJECTED, runbooks=runbooks).text
    )
    assert '<a href="https://example.org/runbooks/quality.md#unit-and-size">' in told(REJECTED, runbooks=runbooks).html
    error = RejectedError(ATP, "2026-11-24.0002", ["x"], None, QualityCounts())
    command = f"techtrade quality {ATP}@2026-11-24.0002"
    assert of_error(local_store, ATP, error, "x").evidence == (command,)
    for base, link in (
        ("https://e.org/lake", f"https://e.org/lake/{ATP}/versions/2026-11-24.0002/quality.parquet"),
        ("https://e.org/?d={dataset}&v={version}", f"https://e.org/?d={ATP}&v=2026-11-24.0002"),
    ):
        monkeypatch.setenv("TECHTRADE_EVIDENCE_URL", base)
        assert of_error(local_store, ATP, error, "x").evidence == (link, command)
    monkeypatch.setenv("TECHTRADE_RUNBOOKS_URL", "deploy/runbooks")
    with pytest.raises(ConfigError, match="runbooks_url: .*must begin with https://"):
        load_alerts()


FAMILIES = sorted(sections((PROJECT / "deploy" / "runbooks" / "quality.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", [*(f"{KINDS[k].runbook}" for k in KINDS), *(f"quality.md#{f}" for f in FAMILIES)])
def test_the_command_of_every_runbook_prints_it(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, *entry = references.runbook_command(page).removeprefix("techtrade alerts runbook ").split()
    alerts.runbook(name, entry[0] if entry else None)
    said = capsys.readouterr().out
    assert said.startswith("#") and len(said) > 100


def test_a_runbook_that_there_is_not_is_answered_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    alerts.runbook(None, None)
    assert "quality\n" in capsys.readouterr().out
    with pytest.raises(UsageError, match=r"no runbook 'x'; there are: .*quality"):
        alerts.runbook("x", None)
    with pytest.raises(UsageError, match=r"no entry 'x' in the runbook 'quality'; there are: .*unit-and-size"):
        alerts.runbook("quality", "x")


def test_a_run_is_found_where_prefect_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_UI_URL", raising=False)
    monkeypatch.setenv("PREFECT_API_URL", "http://user:s3cret@example.org:4200/api")
    assert run_status.reference("flow-run", 1) == (
        "PREFECT_API_URL=http://example.org:4200/api prefect flow-run inspect 1"
    )
    monkeypatch.setenv("PREFECT_UI_URL", "https://prefect.example.org/")
    assert run_status.reference("flow-run", 1) == "https://prefect.example.org/runs/flow-run/1"


# ----------------------------------------------------------------------------- stages


def test_a_failure_names_the_innermost_stage_that_it_came_from(local_store: ObjectStore) -> None:
    @in_stage("parse")
    def parse() -> None:
        raise SourceLayoutError("census_balance", "sheet 'country' is missing")

    @in_stage("transform")
    def run() -> None:
        parse()

    with pytest.raises(SourceLayoutError) as e:
        run()
    assert of_error(local_store, ATP, e.value, str(e.value)).stage == "parse"
    assert stage_of(like(ValueError("in other words"), e.value)) == "parse"
    assert stage_of(ValueError("from nowhere")) == ""
    try:
        raise ValueError("wrapped") from e.value
    except ValueError as wrapped:
        assert stage_of(wrapped) == "parse"
