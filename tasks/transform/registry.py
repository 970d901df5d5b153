"""What a transform module is: one pure function from a source's tables to a dataset's frame.

``tasks/transform/<dataset>.py`` is found by the dataset's name. Neither Prefect nor a file system is imported
here or in any transform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Protocol, cast, runtime_checkable

import polars as pl

from configs.errors import ConfigError


class Transform(Protocol):
    """What a module ``tasks/transform/<dataset>.py`` provides."""

    def transform(self, tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
        """The dataset, with the columns of its contract, from the tables of its source."""
        ...


@runtime_checkable
class HasCompanions(Protocol):
    """What a transform module provides besides, whose dataset publishes tables beside its rows."""

    def companions(
        self, tables: Mapping[str, pl.LazyFrame], before: Callable[[str], pl.DataFrame | None]
    ) -> Mapping[str, pl.DataFrame]:
        """The tables by their paths in a version. ``before``: what stands under a path in the version before."""
        ...


MARTS = {"ip_position_annual", "revision_profile", "us_technology_position_annual"}


def load_transform(dataset: str) -> Transform:
    """The transform module of that dataset."""
    try:
        return cast(Transform, import_module(f"tasks.transform.{'marts.' if dataset in MARTS else ''}{dataset}"))
    except ModuleNotFoundError as e:
        if not str(e.name).endswith(dataset):
            raise
        raise ConfigError(f"no transform module tasks/transform/{dataset}.py for the contract of that name") from e
