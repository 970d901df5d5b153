"""What deploy/prefect.yaml declares: valid, complete, and right about when publishers release."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import yaml

from configs import CONFIGS
from configs.contracts import dataset_names, load_contract
from configs.errors import ConfigError
from configs.operations import Window
from configs.release_calendar import load_calendar
from deploy.checks.dockerfile import stages
from flows.prefect_setup import declaration
from flows.prefect_setup.declaration import (
    DEPLOY,
    STAGES,
    Declaration,
    Deployment,
    load_declaration,
    merged,
    overlays,
    read,
)

EASTERN = ZoneInfo("America/New_York")
BASE = read(DEPLOY / "prefect.yaml")
ECS = ["CLUSTER", "SUBNET_1", "SUBNET_2", "SECURITY_GROUP"]


@pytest.fixture
def in_the_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ECS:
        monkeypatch.setenv(f"TECHTRADE_ECS_{name}", name.lower())


@pytest.fixture(scope="module")
def base() -> Declaration:
    return Declaration.model_validate({"stage": "base", **merged(BASE, {})})


def of(declared: Declaration, name: str) -> Deployment:
    return next(d for d in declared.deployments if d.name == name.replace("_", "-"))


def turns(deployment: Deployment, first: date, last: date) -> list[datetime]:
    """When Prefect's own scheduler would start runs on those days, whole days of Eastern time."""
    from prefect.server.schemas.schedules import CronSchedule

    async def dates() -> list[datetime]:
        start, end = (datetime.combine(d, time(), EASTERN) for d in (first, last + timedelta(days=1)))
        found: list[datetime] = []
        for s in deployment.schedules:
            cron = CronSchedule(cron=s.cron, timezone=s.timezone, day_or=s.day_or)
            found += [datetime.fromisoformat(str(d)) for d in await cron.get_dates(n=5000, start=start, end=end)]
        return sorted(m for m in found if m < end)

    return asyncio.run(dates())


def eastern(moments: list[datetime], day: date) -> list[str]:
    return [f"{m.astimezone(EASTERN):%H:%M}" for m in moments if m.astimezone(EASTERN).date() == day]


# ------------------------------------------------------------------- the file itself


def test_prefect_reads_the_same_deployments_from_it() -> None:
    from prefect.cli.deploy._models import PrefectYamlModel

    model = PrefectYamlModel.model_validate(BASE)
    assert (model.build, model.push, model.pull) == ([], [], [])
    for theirs, ours in zip(model.deployments, BASE["deployments"], strict=True):
        given = theirs.model_dump(exclude_unset=True, mode="json")
        assert given == ours


def test_every_dataset_has_one_deployment_that_publishes_it(base: Declaration) -> None:
    publishing = [d for d in base.deployments if "publish" in d.tags]
    assert sorted(d.parameters["dataset"] for d in publishing) == sorted(dataset_names())
    for d in publishing:
        assert d.entrypoint == "flows.publish.publish"
        assert set(d.tags) == {"techtrade", "publish", d.parameters["dataset"]}
        assert d.name == d.parameters["dataset"].replace("_", "-")


def test_one_run_at_a_time_and_no_queue(base: Declaration) -> None:
    """Runs that wait for their turn would be worked off one by one after a day without workers."""
    assert {(d.concurrency_limit.limit, d.concurrency_limit.collision_strategy) for d in base.deployments} == {
        (1, "CANCEL_NEW")
    }


def test_variables_of_runs_are_limits_and_no_secrets(base: Declaration) -> None:
    for d in base.deployments:
        assert set(d.work_pool.job_variables) == {"env"}
        assert set(d.work_pool.job_variables["env"]) == {
            "TECHTRADE_RUN_SECONDS",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY",
            "PREFECT_CLIENT_MAX_RETRIES",
            "PREFECT_CLIENT_RETRY_EXTRA_CODES",
        }
        assert 0 < d.run_seconds <= 6 * 3600


def test_a_publish_may_take_longer_than_a_publisher_shuts_us_out(base: Declaration) -> None:
    shut_out = max(
        s["lockout_seconds"]
        for p in (CONFIGS / "sources").glob("*.yaml")
        if "lockout_seconds" in (s := yaml.safe_load(p.read_text(encoding="utf-8")))
    )
    assert all(d.run_seconds > 2 * shut_out for d in base.deployments if "publish" in d.tags)


# ------------------------------------------------------------------------ schedules


@pytest.mark.parametrize("dataset", ["atp_world_monthly", "atp_trade_monthly"])
def test_each_announced_release_is_asked_for_at_once_and_again(base: Declaration, dataset: str) -> None:
    calendar = load_calendar("ft900")
    assert len(calendar.releases) > 3
    for day in calendar.releases.values():
        asked = eastern(turns(of(base, dataset), day, day), day)
        assert asked[:2] == ["08:30", "08:40"], day
        assert len(asked) == 5 and asked[-1] >= "16:00", "follow-up probes"


def test_a_release_on_a_day_that_nobody_announced_is_asked_for_too(base: Declaration) -> None:
    """Seen so far: the 4th to the 9th; the window has room on both sides. None is on a weekend."""
    for day in (date(2026, 2, 3), date(2026, 1, 8), date(2027, 1, 14)):
        assert "08:30" in eastern(turns(of(base, "atp_world_monthly"), day, day), day)


def test_outside_of_the_window_a_weekday_is_one_probe(base: Declaration) -> None:
    found = turns(of(base, "atp_world_monthly"), date(2026, 11, 16), date(2026, 11, 22))
    assert [f"{m.astimezone(EASTERN):%a %H:%M}" for m in found] == [
        f"{d} 08:45" for d in ("Mon", "Tue", "Wed", "Thu", "Fri")
    ]


def windows() -> list[tuple[str, Window]]:
    contracts = [load_contract(name) for name in dataset_names()]
    return [(c.name, w) for c in contracts if c.releases and c.releases.calendar == "bea" for w in c.releases.windows]


def test_each_weekday_of_bea_s_windows_is_asked_at_half_past_eight(base: Declaration) -> None:
    assert len(windows()) >= 5
    for dataset, window in windows():
        first, last = (date.fromisoformat(f"2027-{day}") for day in (window.first, window.last))
        found = turns(of(base, dataset), first, last)
        day = first
        while day <= last:
            assert day.weekday() > 4 or "08:30" in eastern(found, day), day
            day += timedelta(days=1)


# On 8 March 2026 and 14 March 2027 clocks go forward, on 1 November 2026 and 7 November 2027 back.
@pytest.mark.parametrize(
    ("before", "after", "utc"),
    [
        (date(2026, 3, 6), date(2026, 3, 9), ["13:30", "12:30"]),
        (date(2027, 11, 5), date(2027, 11, 8), ["12:30", "13:30"]),
    ],
)
def test_half_past_eight_stays_half_past_eight_when_clocks_change(
    base: Declaration, before: date, after: date, utc: list[str]
) -> None:
    found = turns(of(base, "atp_trade_monthly"), before, after)
    for day, expected in zip((before, after), utc, strict=True):
        moments = [m for m in found if m.astimezone(EASTERN).date() == day]
        assert eastern(moments, day)[0] == "08:30"
        assert f"{moments[0].astimezone(UTC):%H:%M}" == expected


@pytest.mark.parametrize("day", [date(2027, 3, 14), date(2027, 11, 7)])
def test_maintenance_is_done_once_on_a_night_on_which_clocks_change(base: Declaration, day: date) -> None:
    assert eastern(turns(of(base, "nightly"), day, day), day) == ["03:30"]
    assert eastern(turns(of(base, "weekly"), day, day), day) == ["05:30"]


@pytest.mark.parametrize(("name", "a_day"), [("freshness", 24), ("watch", 96)])
def test_the_watches_do_not_pause_when_clocks_change(base: Declaration, name: str, a_day: int) -> None:
    hours = {date(2027, 3, 14): 23, date(2027, 11, 7): 25, date(2027, 6, 1): 24}
    for day, length in hours.items():
        assert len(turns(of(base, name), day, day)) == a_day * length // 24


@pytest.mark.parametrize("dataset", dataset_names())
def test_no_publisher_goes_unasked_for_longer_than_the_contract_says(base: Declaration, dataset: str) -> None:
    """The freshness watch calls twice that a standstill."""
    found = turns(of(base, dataset), date(2026, 1, 1), date(2027, 12, 31))
    longest = max(b - a for a, b in zip(found, found[1:], strict=False))
    allowed = load_contract(dataset).ask_within_days
    # An hour for the clocks.
    assert longest <= timedelta(days=allowed, hours=1)
    assert longest > timedelta(days=allowed * 0.8), "the contract is not laxer than what is done"


def test_a_watch_ends_before_its_next_turn(base: Declaration) -> None:
    assert of(base, "watch").run_seconds < 15 * 60


def test_no_more_publishes_are_due_at_once_than_a_worker_starts(base: Declaration) -> None:
    """Else those that watch would stand in a queue behind them."""
    due = Counter(m for name in dataset_names() for m in turns(of(base, name), date(2026, 1, 1), date(2027, 12, 31)))
    command = stages()["run"].command
    assert max(due.values()) <= int(command[command.index("--limit") + 1])


# ---------------------------------------------------------------------- automations


def test_automations_are_what_prefect_takes_and_run_what_is_declared(base: Declaration) -> None:
    from flows.prefect_setup.deployer import _wanted_automation

    for automation in base.automations:
        made = _wanted_automation(automation, defaultdict(uuid4))
        assert made.trigger.type == "event" and made.actions


def test_an_automation_that_runs_what_is_not_declared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = merged(BASE, {})
    found["automations"][1] |= {"actions": [{"type": "run-deployment", "deployment": "watch/wacth"}]}
    monkeypatch.setattr(declaration, "merged", lambda *_: found)
    with pytest.raises(ConfigError, match="an automation runs what is not declared: watch/wacth"):
        load_declaration()


def test_a_flow_is_called_as_its_function(base: Declaration) -> None:
    """By that the file alone says whether a deployment that an automation names is declared."""
    from prefect.flows import load_flow_from_entrypoint

    for entrypoint in {d.entrypoint for d in base.deployments}:
        assert load_flow_from_entrypoint(entrypoint).name == entrypoint.rpartition(".")[2]


def test_what_starts_the_watch_does_not_look_at_the_watch_itself(base: Declaration) -> None:
    """A watch that crashes would start one that crashes."""
    tags = {f"prefect.tag.{t}" for t in of(base, "watch").tags}
    starting = [a for a in base.automations if any("deployment" in x for x in a.actions)]
    assert len(starting) == 3
    for automation in starting:
        assert automation.trigger["match_related"]["prefect.resource.id"] not in tags


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.usefixtures("in_the_cloud")
def test_a_run_is_taken_for_dead_after_three_missed_heartbeats(stage: str) -> None:
    declared = load_declaration(stage)
    (heartbeat,) = [a for a in declared.automations if "prefect.flow-run.heartbeat" in a.trigger.get("after", [])]
    for d in declared.deployments:
        every = int(d.work_pool.job_variables["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
        assert 3 * every < heartbeat.trigger["within"] < 4 * every


# --------------------------------------------------------------------------- stages


def leaves(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if not isinstance(value, dict) or not value:
        return {path: value}
    return {k: v for key, part in value.items() for k, v in leaves(part, (*path, str(key))).items()}


def repeated(before: dict[str, Any], overlay: dict[str, Any]) -> list[str]:
    """What an overlay says that is so without it."""
    found = []
    for section in ("work_pools", "deployments", "automations"):
        items = {i["name"]: i for i in before[section]}
        for name, difference in (overlay.get(section) or {}).items():
            there = leaves(items[name])
            found += [
                f"{section}.{name}.{'.'.join(p)}" for p, v in leaves(difference).items() if p in there and there[p] == v
            ]
    every = leaves(overlay.get("every_deployment") or {})
    for path, value in every.items():
        if path and all(leaves({"paused": False} | i).get(path) == value for i in before["deployments"]):
            found.append(f"every_deployment.{'.'.join(path)}")
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_holds_differences_only(stage: str) -> None:
    before = BASE
    for overlay in overlays(stage):
        assert repeated(before, overlay) == []
        before = merged(before, overlay)


def test_a_repeated_value_would_be_found() -> None:
    assert repeated(BASE, {"deployments": {"partners": {"parameters": {"dataset": "partners"}}}})
    assert repeated(BASE, {"every_deployment": {"paused": False}})
    assert not repeated(BASE, {"every_deployment": {"paused": True}})


@pytest.mark.usefixtures("in_the_cloud")
def test_staging_is_production_and_begins_paused() -> None:
    staging, production = load_declaration("staging"), load_declaration("production")
    assert {d.paused for d in staging.deployments} == {True}
    assert {d.paused for d in production.deployments} == {False}
    active = [d.model_copy(update={"paused": False}) for d in staging.deployments]
    assert active == list(production.deployments)


@pytest.mark.usefixtures("in_the_cloud")
def test_in_the_cloud_each_dataset_is_published_with_its_own_rights() -> None:
    """The roles are those of deploy/access.yaml; a writer of one dataset can touch no other."""
    roles = yaml.safe_load((DEPLOY / "access.yaml").read_text(encoding="utf-8"))["roles"]
    for d in load_declaration("production").deployments:
        task: str = d.work_pool.job_variables["task_definition_arn"]
        dataset = d.parameters.get("dataset")
        role = "writer" if dataset else task.removeprefix("techtrade-")
        assert (roles[role].get("each") == "dataset") == bool(dataset)
        assert task == f"techtrade-{role}" + (f"-{dataset.replace('_', '-')}" if dataset else "")


def test_a_variable_that_is_not_set_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ECS:
        monkeypatch.delenv(f"TECHTRADE_ECS_{name}", raising=False)
    with pytest.raises(ConfigError, match=r"stages/production\.yaml: the variable TECHTRADE_ECS_\w+ is named there"):
        load_declaration("production")


@pytest.mark.parametrize(
    ("overlay", "told"),
    [
        ({"deployments": {"no-such": {}}}, "deployments: nothing is declared as no-such"),
        ({"work_pools": {"other": {}}}, "work_pools: nothing is declared as other"),
        ({"schedules": []}, "a stage cannot say schedules"),
    ],
)
def test_a_stage_that_names_what_is_not_there_is_refused(overlay: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        merged(BASE, overlay)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tags": ["mine"]}, "the tag 'techtrade' is missing"),
        ({"work_pool": {"name": "techtrade"}}, "no time-out"),
        (
            {"work_pool": {"name": "else", "job_variables": {"env": {"TECHTRADE_RUN_SECONDS": "1"}}}},
            "'else' is not declared",
        ),
        ({"schedules": [{"slug": "a", "cron": "* * * * *", "timezone": "UTC"}] * 2}, "the same slug"),
    ],
)
def test_a_deployment_that_lacks_what_it_needs_is_refused(change: dict[str, Any], told: str) -> None:
    found = merged(BASE, {})
    found["deployments"][0] = found["deployments"][0] | change
    with pytest.raises(ValueError, match=told):
        Declaration.model_validate({"stage": "x", **found})


def test_there_is_no_other_stage() -> None:
    with pytest.raises(ConfigError, match="there is no stage 'prod'; there are: local, staging, production"):
        load_declaration("prod")


def test_outside_of_a_checkout_the_file_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declaration, "DEPLOY", tmp_path)
    with pytest.raises(ConfigError, match=r"deploy/prefect\.yaml: .*; run techtrade from a checkout or its image"):
        load_declaration()


# ------------------------------------------------------------------------- the page


def test_the_page_has_every_deployment_with_its_schedules(base: Declaration) -> None:
    text = (DEPLOY.parent / "docs" / "deploying.md").read_text(encoding="utf-8")
    rows = {
        cells[1].strip().strip("`"): cells
        for line in text.splitlines()
        if (cells := line.split("|")) and len(cells) == 6
    }
    for d in base.deployments:
        assert d.name in rows, d.name
        said = rows[d.name][2]
        assert [s.strip() for s in said.split(";") if s.strip()] == [
            f"`{s.cron}`{'' if s.timezone != 'UTC' else ' UTC'}" for s in d.schedules
        ]
        assert rows[d.name][3].strip() == f"{d.run_seconds / 60:.0f}"
