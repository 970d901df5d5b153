"""The series that a source is asked for, by all contracts together."""

from __future__ import annotations

from functools import cache

from configs.contracts import dataset_names, load_contract
from configs.errors import ConfigError
from configs.operations import Series


@cache
def series_of_source(source: str) -> dict[str, Series]:
    """Return the series of every dataset with that live source, by name.

    Raises:
        ConfigError: two datasets give one name to different series: archived answers could not be told apart.
    """
    found: dict[str, Series] = {}
    for contract in (load_contract(name) for name in dataset_names()):
        if contract.sources.live != source:
            continue
        for name, series in contract.series.items():
            if found.setdefault(name, series).code != series.code:
                raise ConfigError(
                    f"configs/datasets/{contract.name}.yaml: series.{name} is {series.code}, and another dataset of "
                    f"{source} gives that name to {found[name].code}; choose another name"
                )
    return found


def series_of_dataset(dataset: str) -> dict[str, Series]:
    """Return the series that a dataset is made of, by name.

    Raises:
        ConfigError: its contract names none.
    """
    found = load_contract(dataset).series
    if not found:
        raise ConfigError(
            f"configs/datasets/{dataset}.yaml: series is missing; name the series that {dataset} is made of"
        )
    return found
