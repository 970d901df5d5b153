"""Where the drills take place: a whole stack whose publishers, S3 and receiver of alerts are in the hands of the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, TypeVar

from deploy.stack.api import FINAL, Api
from deploy.stack.s3 import BUCKET
from deploy.stack.stack import Stack, Wishes, running
from deploy.stack.state import load
from deploy.stack.trial import throwaway_folder
from flows.prefect_setup.ports import free_ports
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout, protocol
from tasks.warehouse.upkeep.verify import verify
from tests.doubles import bea as bea_double
from tests.doubles.bea import BeaDouble
from tests.doubles.publishers import CensusDouble
from tests.drills import faulty_s3
from tests.support.mail_server import Hook, headings, web_hook

T = TypeVar("T")
ATP, BEA = "atp_world_monthly", "us_ip_trade_quarterly"
PATIENCE = 240
ALERTS = """
owners:
  techtrade data team:
    channels: [TECHTRADE_ALERT_CHAT]
grouping_seconds: 0
attempts: 2
backoff_seconds: 0
burst_alerts: 100
"""


class Census(CensusDouble):
    """The workbook's publisher, who answers only while ``gate`` is open: a run can be met in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.gate.wait(150)
        super().answer(request)


def wait_for(what: Callable[[], T], why: str, seconds: float = PATIENCE) -> T:
    """The first answer that is one."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited in vain for {seconds:.0f} s: {why}")


@dataclass
class Ground:
    """``number``: of the drill; each has a store of its own."""

    stack: Stack
    api: Api
    census: Census
    bea: BeaDouble
    hook: Hook
    s3: faulty_s3.FaultyS3
    number: int = 0

    # ------------------------------------------------------------------ the store

    @property
    def url(self) -> str:
        return f"s3://{BUCKET}/drill{self.number}"

    @property
    def store(self) -> ObjectStore:
        return open_store(self.url)

    def claims(self, dataset: str = ATP) -> set[str]:
        return {e.key for e in self.store.entries(layout.versions(dataset)) if e.key.endswith("claim.json")}

    def vintages(self, dataset: str = ATP) -> list[str]:
        """Of the versions that readers have got, in their order; what they get now has all its checksums."""
        latest, _ = protocol.read_latest(self.store, dataset)
        if latest is None:
            return []
        verify(self.store, dataset)
        return [entry.vintage for entry in latest.published]

    # ------------------------------------------------------------------- the runs

    def begin(self, dataset: str = ATP) -> str:
        return self.api.trigger(f"publish/{dataset.replace('_', '-')}", store=self.url)

    def ended(self, run_id: str, seconds: float = PATIENCE) -> str:
        """The state in which a run ended."""
        return str(self.api.wait(run_id, seconds)["state_name"])

    def publish(self, vintage: str) -> None:
        """A whole run, which has to succeed: whatever was before, the next run needs no cleaning."""
        self.census.vintage = vintage
        assert self.ended(self.begin()) == "Completed"
        assert self.vintages()[-1] == vintage

    def begin_and_hold(self) -> str:
        """A run that has asked its publisher, and waits for the answer until the gate is opened."""
        self.census.gate.clear()
        asked = len(self.census.requests)
        run_id = self.begin()
        wait_for(lambda: len(self.census.requests) > asked, "the run asks its publisher")
        return run_id

    def runs(self, dataset: str = ATP) -> list[dict[str, Any]]:
        """The runs of this drill, the oldest first."""
        found = self.api.runs_of(f"publish/{dataset.replace('_', '-')}")
        return [r for r in found if r["parameters"].get("store") == self.url]

    def stuck(self) -> list[str]:
        """Runs that should have ended, or begun."""
        late = datetime.now(UTC).isoformat()
        found = self.api.ask("flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": 200})
        open_ = [r for r in found if r["state_type"] not in FINAL]
        return [
            f"{r['name']}: {r['state_name']}"
            for r in open_
            if r["state_type"] != "SCHEDULED" or r["expected_start_time"] < late
        ]

    def titles(self) -> list[str]:
        """What owners were told, by kind, without warnings about figures."""
        return [h for h in headings(list(self.hook.posts)) if "WARNING" not in h]

    # ------------------------------------------------------------------- settings

    def switch_schedules_off(self) -> None:
        """So that only the drill starts runs. A deployment leaves them off; a new one would not."""
        for deployment in self.api.deployments().values():
            for schedule in deployment["schedules"]:
                path = f"deployments/{deployment['id']}/schedules/{schedule['id']}"
                self.api.ask(path, {"active": False}, "PATCH")


@contextmanager
def prepared() -> Iterator[Ground]:
    """A stack that is up, with nothing published."""
    with ExitStack() as open_until_end:
        folder = open_until_end.enter_context(throwaway_folder())
        state = load(folder)
        census = open_until_end.enter_context(Census())
        census.gate.set()
        bea = open_until_end.enter_context(BeaDouble())
        hook = open_until_end.enter_context(web_hook())
        (port,) = free_ports(1)
        s3 = open_until_end.enter_context(faulty_s3.in_front_of(state.url("s3"), port))
        wishes = Wishes(
            publishers=_publishers(census, bea),
            s3_endpoint=f"http://127.0.0.1:{port}",
            worker={"TECHTRADE_ALERTS": str(_alerts(folder)), "TECHTRADE_ALERT_CHAT": hook.url},
        )
        stack = open_until_end.enter_context(running(state, wishes))
        ground = Ground(stack, Api(state.api), census, bea, hook, s3)
        ground.switch_schedules_off()
        yield ground


def _alerts(folder: Path) -> Path:
    path = folder / "alerts.yaml"
    path.write_text(ALERTS)
    return path


def _publishers(census: Census, bea: BeaDouble) -> dict[str, str]:
    return {
        "TECHTRADE_SOURCES__CENSUS_BALANCE__URL": f"{census.url}/country.xlsx",
        "TECHTRADE_SOURCES__CENSUS_BALANCE__READ_TIMEOUT": "200",
        "TECHTRADE_SOURCES__BEA__URL": f"{bea.url}/api/data",
        "TECHTRADE_SOURCES__BEA__REQUESTS_PER_MINUTE": "100000",
        "BEA_API_KEY": bea_double.KEY,
    }
