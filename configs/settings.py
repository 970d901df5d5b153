"""Settings from the environment (``TECHTRADE_*``), and each source's settings from ``configs/sources/*.yaml``.

A source's address can be moved by ``TECHTRADE_SOURCES__<SOURCE>__URL``, so that a run can be pointed at a file
on disk or at a test double; every other setting of a source the same way.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from configs.contract import CONFIGS
from configs.errors import ConfigError


class SourceSettings(BaseModel):
    """How one source is reached. Seconds throughout."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    url: str
    licence: str
    citation: str
    connect_timeout: float = 15
    read_timeout: float = 60
    attempts: int = Field(4, ge=1)
    backoff: float = Field(2.0, ge=0)
    backoff_max: float = 60
    total_budget: float = 600
    max_bytes: int = 200_000_000
    page_size: int = 20_000


class Settings(BaseSettings):
    """The settings of a run."""

    model_config = SettingsConfigDict(env_prefix="TECHTRADE_", env_nested_delimiter="__", extra="ignore", frozen=True)

    store: str = "warehouse"
    sources: dict[str, dict[str, Any]] = Field(default_factory=dict)


def load_settings() -> Settings:
    """Reads the environment.

    Raises:
        ConfigError: a variable has a value that cannot be.
    """
    try:
        return Settings()
    except ValidationError as e:
        first = e.errors()[0]
        raise ConfigError(f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}") from e


@cache
def _source_file(name: str) -> dict[str, Any]:
    path = CONFIGS / "sources" / f"{name}.yaml"
    if not path.exists():
        raise ConfigError(f"no settings for source {name!r}: configs/sources/{name}.yaml is missing")
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def source_settings(name: str) -> SourceSettings:
    """The settings of one source: its file, overridden by the environment.

    Raises:
        ConfigError: no such source, or a setting is wrong.
    """
    overrides = load_settings().sources.get(name, {})
    try:
        return SourceSettings.model_validate({**_source_file(name), **overrides})
    except ValidationError as e:
        first = e.errors()[0]
        raise ConfigError(f"source {name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from e
