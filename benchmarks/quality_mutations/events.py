"""All true events that are tried."""

from __future__ import annotations

from benchmarks.quality_mutations import events_atp, events_forms, events_ip
from benchmarks.quality_mutations.event import Event

EVENTS: tuple[Event, ...] = (*events_atp.EVENTS, *events_ip.EVENTS, *events_forms.EVENTS)

__all__ = ["EVENTS", "Event"]
