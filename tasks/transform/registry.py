"""Transforms by the name that a contract gives: its field ``transform``, else the name of the dataset.

A transform is one pure function from the tables of a source to the frame of a dataset. It imports neither Prefect nor a
file system. A module is imported when its dataset is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Protocol, cast, runtime_checkable

import polars as pl

from configs.contract import Contract
from configs.named_modules import module_named, modules_in

PACKAGES = ("tasks.transform", "tasks.transform.marts")


class Transform(Protocol):
    """What the transform module of a dataset provides."""

    def transform(self, tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
        """Return the dataset, with the columns of its contract, from the tables of its source."""
        ...


@runtime_checkable
class HasCompanions(Protocol):
    """What it provides besides if the dataset publishes tables beside its rows."""

    def companions(
        self, tables: Mapping[str, pl.LazyFrame], before: Callable[[str], pl.DataFrame | None]
    ) -> Mapping[str, pl.DataFrame]:
        """Return the tables by their paths in a version.

        Args:
            tables: of the source.
            before: returns the table that the version before has under a path.
        """
        ...


def transform_module(contract: Contract) -> str:
    """Return the dotted name of the transform module of a dataset. Raises ``ConfigError`` if there is none."""
    known = {name: module for name, module in modules_in(*PACKAGES).items() if module != __name__}
    return module_named(contract.transform or contract.name, "transform", contract.name, known)


def load_transform(contract: Contract) -> Transform:
    """Return the transform module of a dataset. Raises ``ConfigError`` if there is none."""
    return cast(Transform, import_module(transform_module(contract)))
