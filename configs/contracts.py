"""Which datasets there are, and the contract of each. A dataset exists when its contract does."""

from __future__ import annotations

from functools import cache

from configs import CONFIGS
from configs.contract import Contract, parse_contract
from configs.errors import ConfigError, UnknownDatasetError
from configs.history_contract import SUFFIX, base_of, history_contract

DATASETS = CONFIGS / "datasets"
DERIVED = CONFIGS / "derived"


def dataset_names() -> list[str]:
    """The names of all datasets that come from publishers, sorted. A dataset exists when its contract does."""
    return sorted(p.stem for p in DATASETS.glob("*.yaml"))


def derived_names() -> list[str]:
    """The names of what is made from these datasets alone, but for the histories, sorted."""
    return sorted(p.stem for p in DERIVED.glob("*.yaml"))


def published_names() -> list[str]:
    """The names of all that can be published: each dataset, and after it its history; nothing before what it is made
    from."""
    names = [*dataset_names(), *derived_names()]
    return [n for name in names for n in (name, name + SUFFIX) if n == name or _may_have_history(name)]


def _may_have_history(name: str) -> bool:
    try:
        return load_contract(name).has_history
    except ConfigError:  # told by who works on the dataset; the others have their turn
        return True


@cache
def load_contract(name: str) -> Contract:
    """The contract of a dataset, or of its history (``<dataset>_history``), which follows from it.

    Raises:
        UnknownDatasetError: no such contract.
        ConfigError: the contract is wrong.
    """
    base, known = base_of(name), [*dataset_names(), *derived_names()]
    if base in known and load_contract(base).has_history:
        return history_contract(load_contract(base))
    if name not in known:
        raise UnknownDatasetError(name, known)
    path = (DERIVED if name in derived_names() else DATASETS) / f"{name}.yaml"
    notes = CONFIGS / "notes" / f"{name}.yaml"
    biases = notes.read_text(encoding="utf-8") if notes.exists() else ""
    contract = parse_contract(path.read_text(encoding="utf-8"), f"configs/{path.parent.name}/{name}.yaml", biases)
    if contract.name != name:
        raise ConfigError(f"configs/{path.parent.name}/{name}.yaml: name is {contract.name!r}, not {name!r}")
    return contract
