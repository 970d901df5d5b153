"""Which kinds of dataset there are."""

from __future__ import annotations

from configs.contract import Contract
from configs.contracts import load_contract, published_names
from tasks.build.recipe import Recipe
from tasks.build.recipe_history import HistoryRecipe
from tasks.build.recipe_mart import MartRecipe
from tasks.build.recipe_partitioned import PartitionedRecipe
from tasks.build.recipe_publisher import PublisherRecipe

# The first that makes a contract's datasets counts.
KINDS: list[type[Recipe]] = [HistoryRecipe, MartRecipe, PartitionedRecipe, PublisherRecipe]


def recipe_for(contract: Contract) -> Recipe:
    """Return how the dataset is made."""
    return next(kind for kind in KINDS if kind.makes(contract))(contract)


def dependents_of(dataset: str) -> list[str]:
    """Return what is made from a dataset, and from that, in the order in which it is made."""
    found = [dataset]
    for name in published_names():  # nothing before what it is made from
        if set(recipe_for(load_contract(name)).made_from) & set(found):
            found.append(name)
    return found[1:]
