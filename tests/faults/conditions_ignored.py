"""A server that accepts conditional writes and ignores their conditions, for each kind of first writer.

The server is the real one, behind a proxy that takes the headers out and signs the requests again. A store past the
proxy says what was overwritten.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import pytest

from configs.errors import ConcurrentPublishError, ConditionsIgnoredError
from tasks.alerts import state_store
from tasks.alerts.model import AlertState, Sent
from tasks.common.clock import utc_now
from tasks.publish.promote import promote
from tasks.storage.s3 import S3Store
from tasks.warehouse import layout, protocol, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.upkeep import gc, retention
from tests.faults.harness import Fault, Ground, Row
from tests.faults.s3_answers import candidate
from tests.support import careless_proxy, seaweed
from tests.support.drill import DATASET, bodies, contract, intact, linear, publish, sealed
from tests.support.rejected import WHY, rejected

IGNORED: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "If-None-Match": ("if-none-match",),
    "If-Match": ("if-match",),
    "both": ("if-none-match", "if-match"),
}


_CONNECTING = threading.Lock()


class Drill:
    """A store, through the proxy and past it: with two versions, one that was rejected, one that lost a race and one that
    was given up, or empty."""

    def __init__(self, where: Ground, endpoint: str, *, empty: bool) -> None:
        server = where.s3()
        prefix = f"conditions/{uuid.uuid4().hex}"
        self._folder = where.folder()
        self.direct = _store(server.endpoint, server.writer, prefix)
        self.through = _store(endpoint, server.writer, prefix)
        if empty:
            return
        for number in (1, 2):
            publish(self.direct, self.built(number))
        self.rejected = rejected(self.direct, self.built(3))
        self.lost = sealed(self.direct, self.built(4))
        self.begun = protocol.claim(self.direct, protocol.read_head(self.direct, DATASET))
        self.direct.replace(layout.ALERTS, AlertState().dump(), None)

    def built(self, number: int) -> Built:
        return candidate(number, self._folder / str(number))

    @property
    def log(self) -> list[str]:
        return linear(self.direct)


def _store(endpoint: str, identity: seaweed.Identity, prefix: str) -> S3Store:
    store = S3Store(f"s3://{seaweed.BUCKET}/{prefix}", attempts=2)
    with _CONNECTING, pytest.MonkeyPatch.context() as patch:
        for name, value in identity.environment(endpoint).items():
            patch.setenv(name, value)
        store.filesystem()
    return store


# --------------------------------------------------------------- first writers; each is the first write of its process


def publishes(drill: Drill) -> None:
    assert publish(drill.through, drill.built(5)).manifest.version == intact(drill.direct)


def publishes_second(drill: Drill) -> None:
    """The other publisher was faster: the swap must be refused, by the server or by us."""
    head = protocol.read_head(drill.direct, DATASET)
    mine = sealed(drill.direct, drill.built(5), head=head)
    other = publish(drill.direct, drill.built(6)).manifest.version
    with suppress(ConcurrentPublishError):
        protocol.swap(drill.through, mine)
    assert intact(drill.direct) == other, "the other version was overwritten"


def promotes(drill: Drill) -> None:
    promote(drill.through, contract(), drill.rejected, **WHY)


def yanks(drill: Drill) -> None:
    yank.yank(drill.through, DATASET, drill.log[-1], "wrong")


def cleans(drill: Drill) -> None:
    gc.execute(drill.through, gc.plan(drill.through, utc_now() + timedelta(days=2), timedelta(days=1)))


def abandons(drill: Drill) -> None:
    plan = gc.plan(drill.direct, utc_now() + timedelta(days=2), timedelta(days=1))
    gc.execute(drill.through, replace(plan, leftovers=tuple(x for x in plan.leftovers if x.action == "abandon")))


def retires(drill: Drill) -> None:
    old = drill.log[0]
    keys = (layout.version(DATASET, old, layout.data_file(None)),)
    one = retention.Superseded(DATASET, old, "by the drill", keys, 1)
    retention.execute(drill.through, retention.RetentionPlan(utc_now(), (one,), ()))


def alerts(drill: Drill) -> None:
    sent = Sent(owner="drill", at=utc_now())
    state_store.change(drill.through, lambda s: s.model_copy(update={"sent": (sent,)}))


def publishes_first(drill: Drill) -> None:
    assert publish(drill.through, drill.built(1)).manifest.version == intact(drill.direct)


def publishes_first_beside(drill: Drill) -> None:
    protocol.claim(drill.direct, protocol.read_head(drill.direct, DATASET))
    publishes_first(drill)


@dataclass(frozen=True)
class Writer:
    """``needs``: the conditions that its writes rely on."""

    name: str
    write: Callable[[Drill], None]
    needs: tuple[str, ...] = IGNORED["both"]
    empty: bool = False


WRITERS = (
    Writer("publish", publishes),
    Writer("publish, another was faster", publishes_second),
    Writer("promote", promotes),
    Writer("yank", yanks),
    Writer("gc", cleans),
    Writer("gc of a claim only", abandons, IGNORED["If-None-Match"]),
    Writer("retention", retires),
    Writer("alerts", alerts),
    Writer("first publish", publishes_first, IGNORED["If-None-Match"], empty=True),
    Writer("first publish beside another", publishes_first_beside, IGNORED["If-None-Match"], empty=True),
)


def _try(writer: Writer, ignored: tuple[str, ...], where: Ground) -> str:
    with _CONNECTING:  # whoever comes first starts it
        server = where.s3()
    with careless_proxy.running(server.endpoint, server.writer, ignored) as proxy:
        drill = Drill(where, proxy.endpoint, empty=writer.empty)
        before = bodies(drill.direct)
        refused = None
        try:
            writer.write(drill)
        except ConditionsIgnoredError as e:
            refused = e
        if set(ignored).isdisjoint(writer.needs):
            return f"refused: {refused}" if refused else ""
        after = bodies(drill.direct)
        if any(key not in after for key in before):
            return "deleted"
        changed = [key for key, body in before.items() if after[key] != body and not _by_the_other(writer, key)]
        if changed:
            return f"overwritten: {changed}"
        if refused is None:
            return "not refused"
        return "" if "SeaweedFS" in str(refused) else f"names no server that works: {refused}"


def _by_the_other(writer: Writer, key: str) -> bool:
    """Whether the honest publisher of the scenario wrote it."""
    return writer.write is publishes_second and not key.startswith(f"{DATASET}/versions/")


def faults() -> list[Fault]:
    """Every first writer with every combination of ignored conditions."""
    return [Fault(f"{w.name}: {name}", partial(_try, w, ignored)) for w in WRITERS for name, ignored in IGNORED.items()]


def _seed(patch: pytest.MonkeyPatch) -> None:
    """Nothing is proved, as it once was not."""
    patch.setattr("tasks.storage.s3_conditions.Conditions._refused", lambda *arguments, **condition: None)


ROW = Row(
    name="conditions_ignored",
    title="S3 servers that ignore If-None-Match, If-Match or both, met by each kind of first write",
    right="refused with a sentence that names servers known to work; nothing is overwritten",
    faults=faults,
    seed=_seed,
    seeded=("publish, another was faster: If-Match", "first publish beside another: If-None-Match", "gc: both"),
    slow=True,
    at_once=4,
)
