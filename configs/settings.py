"""Settings from the environment (``TECHTRADE_*``), and each source's settings from ``configs/sources/*.yaml``.

A source's address can be moved by ``TECHTRADE_SOURCES__<SOURCE>__URL``, so that a run can be pointed at a file
on disk or at a test double; every other setting of a source the same way.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from configs import CONFIGS, yaml_file
from configs.addresses import without_login, without_query
from configs.errors import ConfigError, MissingKeyError, NoAddressError
from configs.hints import DEFAULT_STORE

# Up to a year: more than that overflows what sockets and sleeps take.
Seconds = Annotated[float, Field(ge=0, le=31_536_000, allow_inf_nan=False)]


class Key(BaseModel):
    """The key that a source asks for: the environment variable it is in (never a file; see ``secret_block`` for what
    may stand in for it), the query parameter it goes to, what it looks like, and where one is had."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    variable: str
    parameter: str
    pattern: str
    looks_like: str
    signup: str


class SourceSettings(BaseModel):
    """How one source is reached. Seconds throughout.

    ``attempts`` bounds one request, ``total_budget`` all attempts at it, ``run_budget`` all requests of a run.
    ``retry_after_max`` caps what a publisher may ask us to wait.
    Limits are per minute; ``lockout_statuses`` say that the publisher has shut us out, for ``lockout_seconds``.
    ``passing_pages``: titles of pages that come with status 400 and are over at the next attempt. What an
    interrupted run got is used for ``resume_hours``. ``first_months``: how much of a history that is given by months is
    asked for where nothing is published yet. ``scope``: which codes are kept, of files that have them all.
    ``documents``: an address a document, of a source that has several; ``yearly``: of those that come once a year, by
    kind, with ``{yy}`` for the year. ``only_by_name``: why datasets of this source are published only where they are
    named; empty if they are not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    title: str
    url: str
    licence: str
    citation: str
    documents: dict[str, str] = Field(default_factory=dict)
    yearly: dict[str, str] = Field(default_factory=dict)
    key: Key | None = None
    requests_per_minute: int | None = Field(None, ge=1, le=2**31)
    megabytes_per_minute: int | None = Field(None, ge=1, le=2**31)
    errors_per_minute: int | None = Field(None, ge=1, le=2**31)
    lockout_statuses: tuple[int, ...] = ()
    lockout_seconds: Seconds = 3600
    passing_pages: tuple[str, ...] = ()
    run_budget: Seconds = 14_400
    retry_after_max: Seconds = 300
    resume_hours: float = Field(12, ge=0, le=876_000, allow_inf_nan=False)
    revision_months: int = Field(48, ge=1, le=12_000)
    first_months: int = Field(12, ge=1, le=12_000)
    scope: Literal["atp", "all_products"] = "atp"
    only_by_name: str = ""

    @field_validator("documents", "yearly", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError("it is not a JSON object of names and addresses") from None

    @field_validator("url")
    @classmethod
    def _without_login(cls, value: str) -> str:
        return without_login(value)

    @field_validator("documents", "yearly")
    @classmethod
    def _each_without_login(cls, value: dict[str, str]) -> dict[str, str]:
        return {name: without_login(url) for name, url in value.items()}

    connect_timeout: Seconds = 15
    read_timeout: Seconds = 60
    attempts: int = Field(4, ge=1, le=1_000)
    backoff: Seconds = 2.0
    backoff_max: Seconds = 60
    total_budget: Seconds = 600
    max_bytes: int = Field(200_000_000, ge=1, le=2**53)
    page_size: int = Field(20_000, ge=1, le=2**31)


class Settings(BaseSettings):
    """The settings of a run."""

    model_config = SettingsConfigDict(
        env_prefix="TECHTRADE_", env_nested_delimiter="__", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    store: str = DEFAULT_STORE
    alerts: str = ""
    log_format: Literal["plain", "json"] = "plain"
    task_runner: Literal["threads", "dask"] = "threads"
    workers: int = Field(2, ge=1, le=1024)
    dask_address: str = ""
    # How long after the last event of a log on a local disk the clock of this machine is still believed.
    max_idle_days: float = Field(400, ge=1, le=36_500)
    # Whether what is made from a dataset is published with it, in the same run.
    follow: bool = True
    # Where people who get an alert read runbooks and evidence in a browser; empty: alerts name commands instead.
    runbooks_url: str = ""
    evidence_url: str = ""
    sources: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @field_validator("runbooks_url", "evidence_url")
    @classmethod
    def _in_a_browser(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("it is opened in a browser, so it must begin with https:// or http://")
        return without_login(value)

    @field_validator("runbooks_url")
    @classmethod
    def _without_query(cls, value: str) -> str:
        return without_query(value)  # names of pages are added to it; that of evidence can be of a console

    @field_validator("store", "dask_address")
    @classmethod
    def _without_secret(cls, value: str) -> str:
        return without_query(value) if "://" in value else without_login(value)


def load_settings() -> Settings:
    """Reads the environment.

    Raises:
        ConfigError: a variable has a value that cannot be.
    """
    try:
        return Settings()
    except ValidationError as e:
        raise ConfigError(
            f"setting {yaml_file.problems_of(e)}"
        ) from None  # what it was is in the chain, and may be a secret
    except SettingsError as e:
        raise ConfigError(f"the environment: {e}; check the variables that begin with TECHTRADE_") from None


@cache
def _source_file(name: str) -> dict[str, Any]:
    path = CONFIGS / "sources" / f"{name}.yaml"
    if not path.exists():
        raise ConfigError(f"no settings for source {name!r}: configs/sources/{name}.yaml is missing")
    return yaml_file.load(dict[str, Any], path)


def source_settings(name: str) -> SourceSettings:
    """The settings of one source: its file, overridden by the environment.

    Raises:
        ConfigError: no such source, or a setting is wrong.
    """
    overrides = load_settings().sources.get(name, {})
    return yaml_file.validated(SourceSettings, {**_source_file(name), **overrides}, f"source {name}")


# From the name of a variable to the secret it stands for, None where there is none.
Keys = Callable[[str], str | None]


def secret_block(variable: str) -> str:
    """The name of the Prefect block that stands in for a variable: ``techtrade-census-api-key``."""
    return "techtrade-" + variable.removeprefix("TECHTRADE_").lower().replace("_", "-")


def from_environment(variable: str) -> str | None:
    """The value of an environment variable; None where it is not set, or empty."""
    return os.environ.get(variable, "").strip() or None


def source_key(name: str, keys: Keys = from_environment) -> str | None:
    """The key of a source, looked up now; None for a source that needs none.

    Raises:
        MissingKeyError: none is set.
        ConfigError: it does not look like one. The message never shows it.
    """
    key = source_settings(name).key
    if key is None:
        return None
    value = keys(key.variable)
    if not value:
        raise MissingKeyError(name, key.variable, secret_block(key.variable), key.signup)
    if not re.fullmatch(key.pattern, value):
        raise ConfigError(f"{key.variable} is not a key of {name}: it should be {key.looks_like}; see {key.signup}")
    return value


@cache
def key_variables() -> tuple[str, ...]:
    """The variables that hold keys, of all sources."""
    return tuple(dict.fromkeys(f["key"]["variable"] for n in known_sources() if (f := _source_file(n)).get("key")))


def known_sources() -> list[str]:
    """The sources that have settings."""
    return sorted(p.stem for p in (CONFIGS / "sources").glob("*.yaml"))


def require_access(name: str, keys: Keys = from_environment) -> None:
    """Whether the source can be asked at all: a key where it needs one, an address where one has to be named.

    Raises:
        MissingKeyError, NoAddressError: what is missing, and where it is had.
        ConfigError: the key does not look like one.
    """
    if not has_settings(name):
        return
    settings = source_settings(name)
    if not settings.url.startswith("file:"):
        source_key(name, keys)
    if "documents" in _source_file(name) and not (settings.documents or settings.yearly):
        raise NoAddressError(name)


def has_settings(name: str) -> bool:
    """Whether the source has settings: what is bundled needs none."""
    return name in known_sources()


def lockout_seconds(name: str) -> float:
    """For how long nothing may be asked of a source that has shut us out."""
    return source_settings(name).lockout_seconds if has_settings(name) else 0.0
