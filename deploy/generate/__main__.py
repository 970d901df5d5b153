"""Write what follows from the contracts: ``python -m deploy.generate``; with ``--check`` only say what is stale."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from configs import CONFIGS
from configs.contracts import dataset_names, derived_names, load_contract
from configs.errors import ConfigError, TechtradeError
from configs.settings import source_settings
from configs.words import plural
from deploy.generate import accounts, deployments, tables
from deploy.generate.profiled import profiled
from deploy.generate.regions import replace_region

ROOT = Path(__file__).parents[2]


def generated(root: Path = ROOT) -> dict[str, str]:
    """Return each file that has generated content, by its path in the checkout, as it should be.

    Raises:
        ConfigError: a contract does not say enough, or a file has lost its region.
    """
    _refuse_todo(root)
    contracts, marts = ([load_contract(n) for n in names()] for names in (dataset_names, derived_names))
    settings = {p.stem: source_settings(p.stem) for p in sorted((CONFIGS / "sources").glob("*.yaml"))}
    roles = yaml.safe_load((root / "deploy" / "access.yaml").read_text(encoding="utf-8"))["roles"]
    regions = {
        "configs/derived/revision_profile.yaml": ("profiled", profiled(contracts)),
        "deploy/prefect.yaml": ("datasets", deployments.deployments(contracts)),
        "deploy/stages/production.yaml": ("datasets", deployments.task_definitions(contracts)),
        "README.md": ("datasets", tables.datasets(contracts, marts, settings)),
        "docs/sources.md": ("sources", tables.sources(contracts, settings)),
        "docs/deploying.md": ("schedules", tables.schedules(contracts)),
    }
    found = {
        path: replace_region((root / path).read_text(encoding="utf-8"), name, body, path)
        for path, (name, body) in regions.items()
    }
    found["deploy/kubernetes/service-accounts.yaml"] = accounts.service_accounts(roles, dataset_names())
    return found


def _refuse_todo(root: Path) -> None:
    """Raises ``ConfigError`` for a contract that ``techtrade new-dataset`` laid out and nobody filled in."""
    for path in sorted((root / "configs" / "datasets").glob("*.yaml")):
        lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        left = [str(number) for number, line in lines if "TODO" in line]
        if left:
            where = f"configs/datasets/{path.name}"
            raise ConfigError(f"{where}: a TODO is left on {plural(len(left), 'line')}: {', '.join(left)}; fill it in")


def stale(root: Path = ROOT) -> dict[str, str]:
    """Return the files that differ from what they should be, with what they should be."""
    return {path: text for path, text in generated(root).items() if (root / path).read_text(encoding="utf-8") != text}


def main() -> int:
    """Return the exit code: with ``--check`` 1 where a file is stale."""
    parser = argparse.ArgumentParser(prog="python -m deploy.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    check = parser.parse_args().check
    try:
        found = stale()
        if found and check:
            raise ConfigError(f"not up to date with the contracts: {', '.join(found)}; run make generate")
    except TechtradeError as e:
        print(f"error: {e}", file=sys.stderr)
        return e.exit_code
    for path, text in found.items():
        (ROOT / path).write_text(text, encoding="utf-8")
        print(f"{path} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
