"""Figures that look wrong and are true, with their source: ``configs/known_values/<dataset>.yaml``.

A check that finds one of them takes it as confirmed, as it does figures that readers have already.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Annotated

from pydantic import Field

from configs import CONFIGS, yaml_file
from configs.columns import Frozen
from configs.errors import ConfigError

KNOWN_VALUES = CONFIGS / "known_values"
# How far a revision may move a confirmed figure that stays confirmed.
TOLERANCE = 0.02


class KnownValue(Frozen):
    """One figure. ``where``: the observation, by the columns that checks name it with; ``value_usd``: what it is."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    where: dict[str, date | int | str] = Field(min_length=1)
    value_usd: float
    text: Annotated[str, Field(min_length=10)]
    source: Annotated[str, Field(min_length=1)]
    url: str = ""


@cache
def load_known_values(dataset: str) -> tuple[KnownValue, ...]:
    """Return the known values of a dataset; none if it has no file.

    Raises:
        ConfigError: the file is wrong.
    """
    path = KNOWN_VALUES / f"{dataset}.yaml"
    if not path.exists():
        return ()
    found = yaml_file.load(tuple[KnownValue, ...], path, empty=())
    if len({v.id for v in found}) != len(found):
        raise ConfigError(f"configs/known_values/{dataset}.yaml: an id stands twice")
    return found
