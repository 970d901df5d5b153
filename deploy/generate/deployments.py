"""The datasets' deployments in ``prefect.yaml`` and their task definitions in ``stages/production.yaml``."""

from __future__ import annotations

from configs.contract import Contract
from configs.errors import ConfigError
from configs.operations import RUN_SECONDS, Operations

BACKFILL = "Months of the history asked for again, whatever is known of them; one version at the end."
POOL = (
    "\n      name: techtrade"
    '\n      job_variables: {{env: {{TECHTRADE_RUN_SECONDS: "{seconds}", PREFECT_FLOWS_HEARTBEAT_FREQUENCY: "60", '
    "<<: *patient}}}}"
)


def operations_of(contract: Contract) -> Operations:
    """Return how a dataset is run.

    Raises:
        ConfigError: its contract does not say so.
    """
    if contract.operations is None:
        raise ConfigError(f"configs/datasets/{contract.name}.yaml: operations is missing; when does it run?")
    return contract.operations


def deployment_names(contract: Contract) -> list[str]:
    """Return the deployments of a dataset: one that publishes it, and one for backfills where there are any."""
    name = contract.name.replace("_", "-")
    return [name, f"backfill-{name}"] if operations_of(contract).backfill else [name]


def deployments(contracts: list[Contract]) -> str:
    """Return the entries of ``deployments`` in ``prefect.yaml``."""
    return "\n".join(_entry(c, name) for c in contracts for name in deployment_names(c))


def task_definitions(contracts: list[Contract]) -> str:
    """Return for each deployment the task definition that has the rights of its dataset and no others."""
    line = "  {}: {{work_pool: {{job_variables: {{task_definition_arn: techtrade-writer-{}}}}}}}"
    return "\n".join(line.format(name, c.name.replace("_", "-")) for c in contracts for name in deployment_names(c))


def _entry(contract: Contract, name: str) -> str:
    operations = operations_of(contract)
    flow = "backfill" if name.startswith("backfill-") else "publish"
    schedules = () if flow == "backfill" else operations.schedules
    days = {True: "", False: "day_or: false, "}
    turns = "".join(
        f'\n      - {{slug: {s.slug}, cron: "{s.cron}", {days[s.day_or]}timezone: {s.timezone}}}' for s in schedules
    )
    usual = operations.run_seconds == RUN_SECONDS
    pool = " *publishing" if usual else POOL.format(seconds=operations.run_seconds)
    description = BACKFILL if flow == "backfill" else operations.description
    return f"""\
  - name: {name}
    entrypoint: flows.{flow}.{flow}
    description: {description}
    tags: [techtrade, {flow}, {contract.name}]
    parameters: {{dataset: {contract.name}}}
    schedules:{turns or " []"}
    concurrency_limit: *one_at_a_time
    work_pool:{pool}"""
