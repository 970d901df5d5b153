"""What Prefect's own workers make of the two base job templates, without a server and without a cloud."""

from __future__ import annotations

import json
import uuid
from typing import Any

from deploy.checks.found import DEPLOY

IMAGE = "registry.example.org/techtrade@sha256:" + "0" * 64
RUN = "techtrade"
ACCOUNT = "techtrade-writer-ip-trade-annual"


def template(kind: str) -> dict[str, Any]:
    """The base job template: ``kubernetes`` or ``ecs``."""
    read: dict[str, Any] = json.loads((DEPLOY / kind / "base-job-template.json").read_text(encoding="utf-8"))
    return read


def manifest(**variables: Any) -> dict[str, Any]:
    """The Kubernetes job of a run, as the worker submits it; ``variables`` are the deployment's."""
    from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration  # type: ignore[import-untyped]

    values = {"image": IMAGE, "service_account_name": ACCOUNT, "env": {"TECHTRADE_RUN_SECONDS": "10800"}} | variables
    made = _prepared(KubernetesWorkerJobConfiguration, template("kubernetes"), values)
    job: dict[str, Any] = made.job_manifest
    return job


def ecs_request(**variables: Any) -> dict[str, Any]:
    """What the worker asks of ECS to start a run."""
    from prefect_aws.workers.ecs_worker import ECSJobConfiguration, ECSWorker

    made = _prepared(ECSJobConfiguration, template("ecs"), variables)
    family = made.task_run_request["taskDefinition"]
    # As deploy/terraform has registered it.
    known = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [{"name": RUN}]}
    return ECSWorker("techtrade")._prepare_task_run_request(made, known, family, False)


def _prepared(kind: Any, read: dict[str, Any], values: dict[str, Any]) -> Any:
    """As ``from_template_and_values`` does, which in addition asks a server for blocks that are named."""
    from prefect.client.schemas.objects import FlowRun
    from prefect.utilities.templating import apply_values

    said = read["variables"]
    unknown, missing = set(values) - set(said["properties"]), set(said["required"]) - set(values)
    defaults = {name: v["default"] for name, v in said["properties"].items() if v.get("default") is not None}
    if unknown or missing - set(defaults):
        raise ValueError(f"variables that the template does not know: {unknown}; that it needs: {missing}")
    made = kind(**apply_values(read["job_configuration"], defaults | values, remove_notset=True))
    run = FlowRun(id=uuid.uuid4(), flow_id=uuid.uuid4(), name="ip_trade_annual live newest", parameters={})
    made.prepare_for_flow_run(run)
    return made
