"""What is bundled with the project: which datasets, in which vintages."""

from __future__ import annotations

from collections.abc import Sequence

from configs.contracts import dataset_names, load_contract
from tasks.extract.registry import load_source


def bundled_vintages(dataset: str) -> Sequence[str]:
    """The bundled vintages of a dataset, oldest first; none if nothing of it is bundled."""
    source = load_contract(dataset).sources.snapshot
    return load_source(source).vintages(dataset) if source else ()


def bundled_datasets() -> list[str]:
    """The datasets that can be published without network and key."""
    return [name for name in dataset_names() if load_contract(name).sources.snapshot]
