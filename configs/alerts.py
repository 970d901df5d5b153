"""Who is told, how often, over which channels: ``configs/alerts.yaml``, or the file that ``TECHTRADE_ALERTS`` names.

A channel is named, never spelled out: the file says in which environment variable (or Prefect block) an address is.
An address found in the file is refused without being shown, because it most likely holds a password.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from configs import CONFIGS, yaml_file
from configs.addresses import without_query
from configs.settings import load_settings

BLOCK = "prefect-block:"
_CHANNEL = re.compile(rf"[A-Z][A-Z0-9_]*|{BLOCK}[a-z0-9-]+")


def _named(channel: str) -> str:
    if not _CHANNEL.fullmatch(channel):
        raise ValueError(
            "a channel is the name of an environment variable, or prefect-block:<name>; the address itself is a "
            "secret and belongs into that variable"
        )
    return channel


Channel = Annotated[str, AfterValidator(_named)]


class _Frozen(BaseModel):
    # An address that somebody wrote here must not come back in an error.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Owner(_Frozen):
    """Who owns datasets: the channels that reach them."""

    channels: tuple[Channel, ...] = ()


class AlertSettings(_Frozen):
    """How alerts are sent. What each value is for stands beside it in ``configs/alerts.yaml``."""

    owners: dict[str, Owner]
    operator: str = ""
    fallback: tuple[Channel, ...] = ()
    windows_hours: dict[str, Annotated[float, Field(ge=0, le=876_000)]] = Field(default_factory=dict)
    grouping_seconds: Annotated[float, Field(ge=0, le=600)] = 30
    most_at_once: Annotated[int, Field(ge=1)] = 3
    burst_alerts: Annotated[int, Field(ge=1)] = 5
    burst_minutes: Annotated[float, Field(gt=0, le=5e7)] = 10
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    backoff_seconds: Annotated[float, Field(ge=0, le=3_600)] = 2
    lease_seconds: Annotated[float, Field(gt=0, le=3e9)] = 600
    runbooks: Annotated[str, AfterValidator(without_query)] = "deploy/runbooks/"

    def channels(self, owner: str) -> tuple[str, ...]:
        """What reaches an owner; nothing for one that the file does not know."""
        return self.owners[owner].channels if owner in self.owners else ()

    def window(self, kind: str) -> timedelta:
        """For how long the same failure of that kind does not alert again."""
        return timedelta(hours=self.windows_hours.get(kind, self.windows_hours.get("default", 24)))

    @property
    def grouping(self) -> timedelta:
        return timedelta(seconds=self.grouping_seconds)

    @property
    def burst(self) -> timedelta:
        return timedelta(minutes=self.burst_minutes)

    @property
    def lease(self) -> timedelta:
        """After this long, what a sender took and never reported on is sent by another."""
        return timedelta(seconds=self.lease_seconds)


def load_alerts() -> AlertSettings:
    """The settings in force.

    Raises:
        ConfigError: the file is not there, or wrong.
    """
    settings = load_settings()
    path = Path(settings.alerts).expanduser() if settings.alerts else CONFIGS / "alerts.yaml"
    found = yaml_file.load(AlertSettings, path, f"TECHTRADE_ALERTS: {path}" if settings.alerts else "")
    return found.model_copy(update={"runbooks": settings.runbooks_url}) if settings.runbooks_url else found
