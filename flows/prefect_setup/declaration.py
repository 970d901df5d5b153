"""What is declared to run: ``deploy/prefect.yaml``, with the differences of a stage from ``deploy/stages/``.

One file says it for ``techtrade deploy``, ``techtrade serve`` and Prefect's own ``prefect deploy``, so none of them can
say something else. A stage holds differences only, laid over the base key by key; a list is replaced as a whole.
Nothing of Prefect is imported here.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from configs import yaml_file
from configs.errors import ConfigError

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
STAGES = ("local", "staging", "production")
TAG = "techtrade"
RUN_SECONDS = "TECHTRADE_RUN_SECONDS"
# As Prefect's own command writes it: {{ $NAME }} is the variable NAME of whoever deploys.
_VARIABLE = re.compile(r"\{\{\s*\$(\w+)\s*\}\}")


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Schedule(_Declared):
    """One schedule of a deployment. ``day_or`` False: days of the month *and* of the week must fit."""

    slug: str
    cron: str
    timezone: str
    day_or: bool = True
    parameters: dict[str, Any] = Field(default_factory=dict)


class Concurrency(_Declared):
    """How many runs of a deployment there may be at once, and what becomes of one more."""

    limit: int = Field(ge=1)
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"]
    grace_period_seconds: int | None = Field(None, ge=60, le=86400)


class InPool(_Declared):
    """Which work pool a deployment's runs go to, and what they are started with."""

    name: str
    job_variables: dict[str, Any] = Field(default_factory=dict)


class Deployment(_Declared):
    """A flow with its schedules, parameters and limits. ``paused`` is how it begins; later the server's word counts."""

    name: str
    entrypoint: str
    description: str
    tags: tuple[str, ...]
    parameters: dict[str, Any] = Field(default_factory=dict)
    schedules: tuple[Schedule, ...] = ()
    concurrency_limit: Concurrency
    work_pool: InPool
    paused: bool = False

    @property
    def run_seconds(self) -> float:
        """When a run is ended for taking too long."""
        return float(self.work_pool.job_variables["env"][RUN_SECONDS])

    @model_validator(mode="after")
    def _complete(self) -> Deployment:
        if TAG not in self.tags:
            raise ValueError(f"{self.name}: the tag {TAG!r} is missing: by it `techtrade deploy` knows what is ours")
        if RUN_SECONDS not in self.work_pool.job_variables.get("env", {}):
            raise ValueError(f"{self.name}: no time-out: job_variables.env.{RUN_SECONDS} is missing")
        slugs = [s.slug for s in self.schedules]
        if len(set(slugs)) != len(slugs):
            raise ValueError(f"{self.name}: two schedules have the same slug")
        return self


class Pool(_Declared):
    """A work pool. ``base_job_template``: a JSON file below ``deploy/``; None for Prefect's own of that type."""

    name: str
    type: str
    description: str = ""
    concurrency_limit: int | None = None
    base_job_template: str | None = None


class Automation(_Declared):
    """What Prefect's server does by itself. An action ``run-deployment`` names the ``deployment`` (flow/deployment)."""

    name: str
    description: str
    trigger: dict[str, Any]
    actions: tuple[dict[str, Any], ...]


class Declaration(_Declared):
    """All that a stage declares."""

    stage: str
    work_pools: tuple[Pool, ...]
    deployments: tuple[Deployment, ...]
    automations: tuple[Automation, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Declaration:
        pools = {p.name for p in self.work_pools}
        for deployment in self.deployments:
            if deployment.work_pool.name not in pools:
                raise ValueError(f"{deployment.name}: work pool {deployment.work_pool.name!r} is not declared")
        # A flow is called as its function.
        known = {f"{d.entrypoint.rpartition('.')[2]}/{d.name}" for d in self.deployments}
        named = {x["deployment"] for a in self.automations for x in a.actions if "deployment" in x}
        if named - known:
            raise ValueError(f"an automation runs what is not declared: {', '.join(sorted(named - known))}")
        return self


def load_declaration(stage: str = "local") -> Declaration:
    """What is declared for a stage.

    Raises:
        ConfigError: there is no such stage, a file is wrong, or a variable that it names is not set.
    """
    if stage not in STAGES:
        raise ConfigError(f"there is no stage {stage!r}; there are: {', '.join(STAGES)}")
    where = f"deploy/prefect.yaml with deploy/stages/{stage}.yaml"
    found = read(DEPLOY / "prefect.yaml")
    for overlay in overlays(stage):
        found = merged(found, overlay, where)
    return yaml_file.validated(Declaration, {"stage": stage, **_substituted(found, where)}, where)


def served_deployments() -> list[Deployment]:
    """Return what ``techtrade serve`` runs: all but ``watch``. Its runner reports a crash at once, and the next turn of
    the schedule is the second attempt."""
    return [d for d in load_declaration("local").deployments if d.name != "watch"]


def overlays(stage: str) -> list[dict[str, Any]]:
    """The differences of a stage, to be laid over the base in this order: first those of the stage it is ``like``."""
    overlay = read(DEPLOY / "stages" / f"{stage}.yaml")
    like = overlay.pop("like", None)
    return [*(overlays(like) if like else []), overlay]


def read(path: Path) -> dict[str, Any]:
    """A YAML file with keys.

    Raises:
        ConfigError: it cannot be read.
    """
    where = f"deploy/{path.relative_to(DEPLOY)}"
    if not path.exists():
        raise ConfigError(f"{where}: there is no such file; run techtrade from a checkout or its image")
    return yaml_file.load(dict[str, Any], path, where, empty={})


def merged(base: dict[str, Any], overlay: dict[str, Any], where: str = "overlay") -> dict[str, Any]:
    """The sections of the base with a stage's differences.

    ``every_deployment`` is laid over each deployment; under ``work_pools``, ``deployments`` and ``automations`` an
    overlay has names as keys, because a list could only be replaced whole.

    Raises:
        ConfigError: the overlay names what the base does not have.
    """
    known = {"every_deployment", "work_pools", "deployments", "automations"}
    if set(overlay) - known:
        raise ConfigError(f"{where}: a stage cannot say {', '.join(sorted(set(overlay) - known))}")
    found: dict[str, Any] = {}
    for section in ("work_pools", "deployments", "automations"):
        named: dict[str, Any] = overlay.get(section) or {}
        items: list[dict[str, Any]] = base.get(section) or []
        unknown = set(named) - {i["name"] for i in items}
        if unknown:
            raise ConfigError(f"{where}: {section}: nothing is declared as {', '.join(sorted(unknown))}")
        every = overlay.get("every_deployment") or {} if section == "deployments" else {}
        found[section] = [_laid(_laid(i, every), named.get(i["name"]) or {}) for i in items]
    return found


def _laid(base: dict[str, Any], difference: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in difference.items():
        old = result.get(key)
        result[key] = _laid(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def _substituted(value: Any, where: str) -> Any:
    if isinstance(value, dict):
        return {k: _substituted(v, where) for k, v in value.items()}
    if isinstance(value, list):
        return [_substituted(v, where) for v in value]
    if not isinstance(value, str):
        return value

    def of(match: re.Match[str]) -> str:
        try:
            return os.environ[match[1]]
        except KeyError:
            raise ConfigError(f"{where}: the variable {match[1]} is named there, and is not set") from None

    return _VARIABLE.sub(of, value)
