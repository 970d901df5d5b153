"""Bringing a Prefect server to what is declared: first a plan of what differs, then its execution.

Compared are the fields that are declared, so that what nobody declared (a pause by hand, a schedule that was switched
off in the UI) stays as whoever is on duty left it. A second run finds no difference and writes nothing. What is ours is
known by the tag ``techtrade`` (deployments) or the name (automations); nothing else is ever touched.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyOptions, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.schemas.automations import Automation as ServerAutomation
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from configs.errors import ConfigError
from flows.prefect_setup.declaration import DEPLOY, TAG, Automation, Declaration, Deployment, Pool, Schedule
from tasks.common.text import cut

Kind = Literal["work pool", "deployment", "automation"]
Action = Literal["create", "update", "delete"]
PREFIX = f"{TAG}: "
PAGE = 100


@dataclass(frozen=True)
class DeployChange:
    """One thing to do on the server. ``differences``: field, what is there, what is declared."""

    action: Action
    kind: Kind
    name: str
    differences: tuple[str, ...] = ()

    def line(self) -> str:
        return f"{self.action} {self.kind} {self.name}" + "".join(f"\n    {d}" for d in self.differences)


@dataclass(frozen=True)
class DeployPlan:
    """What differs between a server and a declaration. ``notes``: what differs and is left so."""

    stage: str
    changes: tuple[DeployChange, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deployer:
    """One declaration against one server."""

    declared: Declaration
    client: SyncPrefectClient
    _flows: dict[str, Flow[..., Any]] = field(default_factory=dict)

    # ---------------------------------------------------------------------- plan

    def plan(self) -> DeployPlan:
        """What would have to be done; changes nothing.

        Raises:
            ConfigError: a flow, a template or a type of pool is declared that is not there or cannot be had.
        """
        return DeployPlan(
            self.declared.stage,
            (*self._pools(), *self._deployments(), *self._automations()),
            tuple(self._notes()),
        )

    def _pools(self) -> Iterator[DeployChange]:
        for pool in self.declared.work_pools:
            found = self._pool(pool.name)
            if found is None:
                self._template(pool)
            elif found.type != pool.type:
                raise ConfigError(
                    f"work pool {pool.name!r} is of type {found.type!r} on the server, {pool.type!r} is declared; a "
                    f"type cannot be changed: stop its workers, then prefect work-pool delete {pool.name}, then deploy"
                )
            yield from _change(
                "work pool", pool.name, _of_pool(found, pool) if found else None, self._wanted_pool(pool)
            )

    def _deployments(self) -> Iterator[DeployChange]:
        there = self._there
        for deployment in self.declared.deployments:
            name = self._full_name(deployment)
            found = there.get(name)
            yield from _change("deployment", name, _of_deployment(found) if found else None, self._wanted(deployment))
        for name in sorted(set(there) - {self._full_name(d) for d in self.declared.deployments}):
            yield DeployChange("delete", "deployment", name)

    def _automations(self) -> Iterator[DeployChange]:
        there = self._automations_there()
        # A deployment that is not there yet has no id: the plan says so of the automation, which then is changed too.
        ids = defaultdict(lambda: UUID(int=0), {name: found.id for name, found in self._there.items()})
        for automation in self.declared.automations:
            name = PREFIX + automation.name
            found, wanted = there.get(name), _wanted_automation(automation, ids)
            yield from _change("automation", name, _of_automation(found) if found else None, _of_automation(wanted))
        for name in sorted(set(there) - {PREFIX + a.name for a in self.declared.automations}):
            yield DeployChange("delete", "automation", name)

    def _notes(self) -> Iterator[str]:
        left = "on the server, other than declared; that is left as it is"
        declared = {self._full_name(d): d for d in self.declared.deployments}
        for name, found in sorted(self._there.items()):
            if name not in declared:
                continue
            if found.paused != declared[name].paused:
                yield f"{name} is {'paused' if found.paused else 'active'} {left}"
            off = {s.slug for s in found.schedules if not s.active} & {s.slug for s in declared[name].schedules}
            for slug in sorted(filter(None, off)):
                yield f"{name}: schedule {slug} is switched off {left}"
        automations = {PREFIX + a.name for a in self.declared.automations}
        for name, automation in sorted(self._automations_there().items()):
            if name in automations and not automation.enabled:
                yield f"automation {name} is switched off {left}"

    # ------------------------------------------------------------------- execute

    def execute(self, plan: DeployPlan) -> None:
        """Does what the plan says, in its order: pools, deployments, automations. Can be run again at any point."""
        pools = {p.name: p for p in self.declared.work_pools}
        deployments = {self._full_name(d): d for d in self.declared.deployments}
        automations = {PREFIX + a.name: a for a in self.declared.automations}
        for change in plan.changes:
            if change.kind == "work pool":
                self._apply_pool(pools[change.name], change.action)
            elif change.kind == "deployment":
                self._apply_deployment(change, deployments.get(change.name))
            else:
                self._apply_automation(change, automations.get(change.name))

    def _apply_pool(self, pool: Pool, action: Action) -> None:
        wanted = self._wanted_pool(pool)
        if action == "create":
            template = {"base_job_template": self._template(pool)}
            self.client.create_work_pool(WorkPoolCreate(name=pool.name, type=pool.type, **(wanted | template)))
        else:
            self.client.update_work_pool(pool.name, WorkPoolUpdate(**wanted))

    def _apply_deployment(self, change: DeployChange, deployment: Deployment | None) -> None:
        found = self._there.get(change.name)
        if deployment is None:
            if found is not None:
                self.client.delete_deployment(found.id)
            return
        flow = self._flow(deployment)
        limit = deployment.concurrency_limit
        off = {s.slug for s in found.schedules if not s.active} if found else set()
        # Creates or replaces by flow and name, in one request; runs that are on, and late ones, are left alone.
        self.client.create_deployment(
            flow_id=self.client.create_flow_from_name(flow.name),
            name=deployment.name,
            entrypoint=deployment.entrypoint,
            description=deployment.description,
            tags=list(deployment.tags),
            parameters=deployment.parameters,
            parameter_openapi_schema=parameter_schema(flow).model_dump(exclude_unset=True),
            enforce_parameter_schema=True,
            schedules=[_create(s, active=s.slug not in off) for s in deployment.schedules],
            concurrency_limit=limit.limit,
            concurrency_options=ConcurrencyOptions.model_validate(
                {k: v for k, v in limit.model_dump(exclude={"limit"}).items() if v is not None}
            ),
            work_pool_name=deployment.work_pool.name,
            job_variables=deployment.work_pool.job_variables,
            pull_steps=[],
            paused=deployment.paused if found is None else None,
        )

    def _apply_automation(self, change: DeployChange, automation: Automation | None) -> None:
        found = self._automations_there().get(change.name)
        if automation is None:
            if found is not None:
                self.client.delete_automation(found.id)
            return
        wanted = _wanted_automation(automation, {name: found.id for name, found in self._read_deployments().items()})
        if found is None:
            self.client.create_automation(wanted)
        else:  # one that somebody switched off stays off
            self.client.update_automation(found.id, wanted.model_copy(update={"enabled": found.enabled}))

    # ------------------------------------------------------------------- details

    @cached_property
    def _there(self) -> dict[str, DeploymentResponse]:
        return self._read_deployments()

    def _read_deployments(self) -> dict[str, DeploymentResponse]:
        ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
        found = self.client.read_deployments(deployment_filter=ours)
        flows = {f.id: f.name for f in self.client.read_flows(deployment_filter=ours)}
        return {f"{flows[d.flow_id]}/{d.name}": d for d in found}

    def _automations_there(self) -> dict[str, ServerAutomation]:
        found: dict[str, ServerAutomation] = {}
        offset = 0
        while page := self.client.read_automations(limit=PAGE, offset=offset):
            found |= {a.name: a for a in page if a.name.startswith(PREFIX)}
            offset += len(page)
        return found

    def _pool(self, name: str) -> WorkPool | None:
        try:
            return self.client.read_work_pool(name)
        except ObjectNotFound:
            return None

    def _flow(self, deployment: Deployment) -> Flow[..., Any]:
        if deployment.entrypoint not in self._flows:
            try:
                self._flows[deployment.entrypoint] = load_flow_from_entrypoint(
                    deployment.entrypoint, use_placeholder_flow=False
                )
            except (ImportError, AttributeError) as e:
                raise ConfigError(f"{deployment.name}: no flow is at {deployment.entrypoint}: {e}") from e
        return self._flows[deployment.entrypoint]

    def _full_name(self, deployment: Deployment) -> str:
        return f"{self._flow(deployment).name}/{deployment.name}"

    def _template(self, pool: Pool) -> dict[str, Any]:
        if pool.base_job_template is not None:
            try:
                template: dict[str, Any] = json.loads((DEPLOY / pool.base_job_template).read_text(encoding="utf-8"))
            except (OSError, ValueError) as e:
                raise ConfigError(f"work pool {pool.name}: deploy/{pool.base_job_template}: {e}") from e
            return template
        for collection in self.client.read_worker_metadata().values():
            if pool.type in collection:
                return dict(collection[pool.type]["default_base_job_configuration"])
        raise ConfigError(f"work pool {pool.name}: the server knows no type {pool.type!r}; see: prefect worker types")

    def _wanted_pool(self, pool: Pool) -> dict[str, Any]:
        wanted: dict[str, Any] = {"description": pool.description, "concurrency_limit": pool.concurrency_limit}
        return wanted if pool.base_job_template is None else wanted | {"base_job_template": self._template(pool)}

    def _wanted(self, deployment: Deployment) -> dict[str, Any]:
        schema = parameter_schema(self._flow(deployment)).model_dump(exclude_unset=True)
        return {
            "entrypoint": deployment.entrypoint,
            "description": deployment.description,
            "tags": sorted(deployment.tags),
            "parameters": deployment.parameters,
            "parameter_openapi_schema": schema,
            "enforce_parameter_schema": True,
            "schedules": {s.slug: _plain(s) for s in deployment.schedules},
            "concurrency_limit": deployment.concurrency_limit.model_dump(mode="json"),
            "work_pool": deployment.work_pool.name,
            "job_variables": deployment.work_pool.job_variables,
            "pull_steps": [],
        }


def _of_pool(found: WorkPool, pool: Pool) -> dict[str, Any]:
    there: dict[str, Any] = {"description": found.description or "", "concurrency_limit": found.concurrency_limit}
    return there if pool.base_job_template is None else there | {"base_job_template": found.base_job_template}


def _of_deployment(found: DeploymentResponse) -> dict[str, Any]:
    limit = found.global_concurrency_limit.limit if found.global_concurrency_limit else None
    options = found.concurrency_options
    return {
        "entrypoint": found.entrypoint,
        "description": found.description,
        "tags": sorted(found.tags),
        "parameters": found.parameters,
        "parameter_openapi_schema": found.parameter_openapi_schema,
        "enforce_parameter_schema": found.enforce_parameter_schema,
        "schedules": {
            s.slug or str(s.id): {
                "cron": getattr(s.schedule, "cron", None),
                "timezone": getattr(s.schedule, "timezone", None),
                "day_or": getattr(s.schedule, "day_or", None),
                "parameters": s.parameters,
            }
            for s in found.schedules
        },
        "concurrency_limit": {
            "limit": limit,
            "collision_strategy": options.collision_strategy.value if options else None,
            "grace_period_seconds": options.grace_period_seconds if options else None,
        },
        "work_pool": found.work_pool_name,
        "job_variables": found.job_variables,
        "pull_steps": found.pull_steps or [],
    }


def _plain(schedule: Schedule) -> dict[str, Any]:
    return schedule.model_dump(mode="json", exclude={"slug"})


def _create(schedule: Schedule, *, active: bool) -> DeploymentScheduleCreate:
    cron = CronSchedule(cron=schedule.cron, timezone=schedule.timezone, day_or=schedule.day_or)
    return DeploymentScheduleCreate(schedule=cron, active=active, slug=schedule.slug, parameters=schedule.parameters)


def _wanted_automation(automation: Automation, ids: dict[str, UUID]) -> AutomationCore:
    """As Prefect has it: deployments by their id."""
    actions: list[dict[str, Any]] = []
    for action in automation.actions:
        plain = dict(action)
        name = plain.pop("deployment", None)
        if name is not None:
            plain |= {"source": "selected", "deployment_id": ids[name]}
        actions.append(plain)
    return AutomationCore.model_validate(
        {
            "name": PREFIX + automation.name,
            "description": automation.description,
            "trigger": automation.trigger,
            "actions": actions,
            "tags": [TAG],
        }
    )


def _of_automation(automation: AutomationCore | ServerAutomation) -> dict[str, Any]:
    found = automation.model_dump(mode="json", include={"description", "trigger", "actions"})
    for key in ("after", "expect", "for_each"):
        if key in found["trigger"]:
            found["trigger"][key] = sorted(found["trigger"][key])
    return found


def _change(kind: Kind, name: str, there: dict[str, Any] | None, wanted: dict[str, Any]) -> Iterator[DeployChange]:
    """What makes of what is there (None: nothing) what is wanted."""
    if there is None:
        yield DeployChange("create", kind, name)
    elif differing := _differences(there, wanted):
        yield DeployChange("update", kind, name, differing)


def _differences(there: dict[str, Any], wanted: dict[str, Any], path: str = "") -> tuple[str, ...]:
    """A line for each field that is not as declared, down to the innermost."""
    found: list[str] = []
    for key in sorted({*there, *wanted}):
        old, new, name = there.get(key), wanted.get(key), f"{path}{key}"
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{name}.")
        elif old != new:
            found.append(f"{name}: {_short(old)} → {_short(new)}")
    return tuple(found)


def _short(value: Any) -> str:
    return cut(json.dumps(value, default=str, sort_keys=True, ensure_ascii=False), 300)
