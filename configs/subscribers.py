"""Who is told of news by webhook: ``configs/subscribers.yaml``. Addresses are secrets, and in the environment only."""

from __future__ import annotations

import os
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from configs import CONFIGS, yaml_file
from configs.columns import Frozen
from configs.contracts import published_names
from configs.errors import ConfigError

SUBSCRIBERS = CONFIGS / "subscribers.yaml"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Subscriber(Frozen):
    """One receiver. ``datasets``: those it is told of, all if none is named."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    address_variable: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    datasets: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Subscriber:
        unknown = [d for d in self.datasets if d not in published_names()]
        if unknown:
            raise ValueError(f"{self.id!r} names {unknown[0]!r}, which is no dataset")
        return self

    def wants(self, dataset: str) -> bool:
        return not self.datasets or dataset in self.datasets

    def address(self) -> str:
        """Where to post to.

        Raises:
            ConfigError: the variable is not set, or holds no address to post to. The message never shows it.
        """
        value = os.environ.get(self.address_variable, "").strip()
        if not value:
            raise ConfigError(f"{self.address_variable} is not set; it is the address of the subscriber {self.id}")
        try:
            parts = urlsplit(value)
            here = parts.scheme == "http" and parts.hostname in LOOPBACK
            good = bool(parts.hostname) and (parts.scheme == "https" or here)
        except ValueError:
            good = False
        if not good:
            raise ConfigError(f"{self.address_variable} is no https:// address, so {self.id} cannot be told")
        return value


class Subscribers(Frozen):
    """All receivers, and how long is tried to reach one. Seconds; ``attempts`` are a request's."""

    subscribers: tuple[Subscriber, ...] = ()
    attempts: int = Field(4, ge=1)
    timeout: float = Field(10, gt=0)
    backoff: float = Field(0.5, ge=0)
    budget: float = Field(30, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Subscribers:
        ids = [s.id for s in self.subscribers]
        if len(set(ids)) != len(ids):
            raise ValueError("a subscriber stands twice")
        return self


def load_subscribers() -> Subscribers:
    """The subscribers.

    Raises:
        ConfigError: the file is wrong.
    """
    return yaml_file.load(Subscribers, SUBSCRIBERS, empty={})
