"""Our deployments on a Prefect server."""

from __future__ import annotations

from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.events.filters import AutomationFilter, AutomationFilterName
from prefect.exceptions import ObjectNotFound

from flows.prefect_setup.declaration import load_declaration

AUTOMATIONS = AutomationFilter(
    name=AutomationFilterName(any_=[f"techtrade: {a.name}" for a in load_declaration().automations])
)


def clear(client: SyncPrefectClient) -> None:
    for deployment in ours(client):
        client.delete_deployment(deployment.id)
    for automation in client.read_automations(automations=AUTOMATIONS):
        client.delete_automation(automation.id)
    try:
        client.delete_work_pool("techtrade")
    except ObjectNotFound:
        pass


def ours(client: SyncPrefectClient) -> list[Any]:
    return client.read_deployments(deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=["techtrade"])))


def named(client: SyncPrefectClient, name: str) -> Any:
    return next(d for d in ours(client) if d.name == name)
