"""The settings of alerts, and what a finding is made of and looks like."""

from __future__ import annotations

import errno
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from configs import CONFIGS, errors, yaml_file
from configs.alerts import AlertSettings, load_alerts
from configs.contracts import dataset_names, load_contract
from configs.errors import ConfigError, TechtradeError
from tasks.alerts import rules, state_store
from tasks.alerts.channels import parts_of
from tasks.alerts.findings import kind_of, of_error
from tasks.alerts.message import TEXT, message
from tasks.alerts.model import KINDS, Alert, Finding, Incident, Section
from tasks.alerts.service import AlertService
from tasks.storage.object_store import ObjectStore
from tasks.warehouse.outcomes import RejectedError
from tasks.warehouse.records import QualityCounts

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
OWNER = "techtrade data team"


def test_every_contracts_owner_is_known() -> None:
    known = load_alerts().owners
    assert {load_contract(name).owner for name in dataset_names()} <= known.keys()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("owners: {a: {channels: ['mailto://u:s3cret@example.org']}}", "owners.a.channels.0"),
        ("owners: {a: {channels: [s3cret]}}", "belongs into that variable"),
        ("fallback: ['json://s3cret']\nowners: {}", "fallback.0"),
        ("owners: {}\nattempts: s3cret", "attempts"),
        ("owners: {}\ngroupings: 3", "groupings"),
        ("owners: [s3cret", "not YAML, line"),
        ("", "alerts"),
    ],
)
def test_wrong_settings_are_told_by_place_and_never_by_value(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as e:
        yaml_file.parse(AlertSettings, text, "alerts.yaml")
    assert "alerts.yaml" in str(e.value) and told in str(e.value)
    chain: list[BaseException | None] = [e.value, e.value.__cause__, e.value.__context__]
    assert e.value.__suppress_context__ and "s3cret" not in str(e.value)
    assert all("s3cret" not in str(link) for link in chain[:2])


def test_the_settings_can_be_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHTRADE_ALERTS", str(tmp_path / "gone.yaml"))
    with pytest.raises(ConfigError, match="TECHTRADE_ALERTS: .*gone.yaml cannot be read"):
        load_alerts()
    (tmp_path / "gone.yaml").write_text("owners: {a: {channels: [X, prefect-block:pager]}}")
    assert load_alerts().channels("a") == ("X", "prefect-block:pager")


def test_windows_differ_by_kind() -> None:
    settings = yaml_file.parse(AlertSettings, "owners: {}\nwindows_hours: {default: 1, stale: 72}", "x")
    assert (settings.window("stale"), settings.window("store")) == (timedelta(hours=72), timedelta(hours=1))
    assert set(load_alerts().windows_hours) <= {"default", *KINDS}


KIND_OF: dict[str, TechtradeError | BaseException] = {
    "credentials": errors.CredentialError("bea", "refused"),
    "unavailable": errors.SourceUnavailableError("bea", "gone"),
    "layout": errors.SourceLayoutError("bea", "columns"),
    "locked_out": errors.LockedOutError("bea", "later", 60),
    "blocked": errors.BlockedError("census_balance", "by a filter"),
    "store": errors.StorePermissionError("no"),
    "could_not_run": errors.CheckCouldNotRunError("a", "b", "c"),
    "settings": errors.ConfigError("x"),
    "crash": ZeroDivisionError("x"),
    "rejected": RejectedError("a", "1", ["x"], None, QualityCounts()),
}


@pytest.mark.parametrize("kind", KIND_OF)
def test_failures_are_told_apart_by_what_to_do(kind: str) -> None:
    assert kind_of(KIND_OF[kind]) == kind


def test_a_full_disk_is_told_as_what_it_is() -> None:
    assert kind_of(OSError(errno.ENOSPC, "No space left on device")) == "store"
    assert kind_of(OSError(errno.EIO, "Input/output error")) == "crash"


def test_every_error_of_ours_has_a_kind_and_no_source_is_a_crash() -> None:
    for cls in vars(errors).values():
        if isinstance(cls, type) and issubclass(cls, errors.SourceError | errors.StoreError):
            assert kind_of(cls.__new__(cls)) != "crash", cls


def test_datasets_that_fail_of_one_source_have_one_cause(local_store: ObjectStore) -> None:
    gone = errors.SourceUnavailableError("bea", "gone")
    one, two = (of_error(local_store, name, gone, "x") for name in ("us_ip_trade_annual", "us_ip_trade_quarterly"))
    other = of_error(local_store, "atp_trade_monthly", errors.SourceUnavailableError("census_hitech", "gone"), "x")
    assert one.cause == two.cause == "SourceUnavailableError bea" != other.cause
    assert one.served == "nothing: no version was published yet"


def test_a_rejection_whose_evidence_cannot_be_read_is_told_all_the_same(local_store: ObjectStore) -> None:
    error = RejectedError("partners", "2026-11-24.0001", ["does not hold: x (y): 3 rows"], None, QualityCounts())
    found = of_error(local_store, "partners", error, str(error))
    assert found.kind == "rejected" and "does not hold: x (y)" in found.checks[0].title


def finding(dataset: str = "partners", cause: str = "x") -> Finding:
    return Finding(dataset=dataset, kind="store", cause=cause, words="w" * 400, served="nothing", evidence=("e" * 200,))


def alert(*sections: Section) -> Alert:
    return Alert(id="1", owner=OWNER, sections=sections, taken_at=NOW)


def section(*findings: Finding, good: bool = False) -> Section:
    incidents = tuple(Incident(owner=OWNER, finding=f, first_at=NOW, last_at=NOW) for f in findings)
    return Section(kind="store", cause="x", incidents=incidents, good=good)


@pytest.mark.parametrize("good", [False, True])
@pytest.mark.parametrize("number", [1, 2, 12, 300])
def test_any_alert_fits_into_a_chat_window(number: int, good: bool) -> None:
    one_cause = message(alert(section(*(finding(f"d{n}") for n in range(number)), good=good)), "runbooks")
    many = message(alert(*(section(finding(cause=str(n)), good=good) for n in range(number))), "runbooks")
    for told in (one_cause, many):
        assert 0 < len(told.text) <= TEXT and len(told.subject) < 200
        assert len(told.html) < 100_000


def test_an_alert_that_comes_late_says_so() -> None:
    late = alert(section(finding())).model_copy(update={"attempts": 2})
    assert "late: first tried 2026-11-24 08:00 UTC" in message(late, "x").text


def test_every_part_of_an_address_is_kept_out() -> None:
    url = "slack://T0K%40EN/B-secret/C-secret/?x=qu3ry&y=p%2Fw#frag"
    assert {"T0K%40EN", "T0K@EN", "B-secret", "C-secret", "qu3ry", "p%2Fw", "p/w", "frag"} <= set(parts_of(url))
    assert {"u", "pw"} <= set(parts_of("mailto://u:pw@example.org"))


def test_a_run_that_waits_tells_of_others_that_failed_meanwhile(
    local_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    now = [NOW]
    settings = load_alerts().model_copy(update={"attempts": 1})
    # A channel that takes nothing, so that what was to be told is kept and can be looked at.
    addresses = {"TECHTRADE_ALERT_CHAT": "json://127.0.0.1:1/x"}
    one, two = (AlertService(local_store, "x", settings, addresses.get, lambda: now[0]) for _ in range(2))
    one.report(finding("partners"))

    def meanwhile(seconds: float) -> None:
        assert seconds == settings.grouping_seconds
        two.report(finding("atp_products"))
        assert two.send() == [], "not due yet: it waits for others"
        now[0] += timedelta(seconds=seconds)

    one.send(wait=meanwhile)
    (kept,) = state_store.read(local_store).undelivered
    assert sorted(kept.datasets) == ["atp_products", "partners"]
    assert rules.taken(state_store.read(local_store), "") == (kept,), "in nobody's hands"


RUNBOOKS = CONFIGS.parent / "deploy" / "runbooks"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_runbook(kind: str) -> None:
    page, _, anchor = KINDS[kind].runbook.partition("#")  # type: ignore[index]
    text = (RUNBOOKS / page).read_text(encoding="utf-8")
    heads = {
        re.sub(r"[^a-z0-9 -]", "", h.lower()).strip().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", text, re.M)
    }
    assert not anchor or anchor in heads or f'"{anchor}"' in text
