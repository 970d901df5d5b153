"""Commands that are asked to stop, on a real pseudo-terminal: one line, the usual exit code, nothing left behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.alerts import state_store
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout, protocol
from tasks.warehouse.run_status import read_status
from tasks.warehouse.upkeep.verify import verify
from tests.support import terminal
from tests.support.alerting import ALERTS
from tests.support.drill import Place
from tests.support.plain import Ran, nothing_published

DATASET = "atp_world_monthly"
PUBLISH = [sys.executable, "-m", "flows.cli", "publish", DATASET, "--source", "snapshot", "--vintage"]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture
def environment(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """With a channel that an alert would go to, and that takes none: whatever is reported stays in the store."""
    settings = tmp_path / "alerts.yaml"
    settings.write_text(ALERTS, encoding="utf-8")
    return environment | {"TECHTRADE_ALERTS": str(settings), "TEST_CHAT": "json://127.0.0.1:9"}


def assert_stopped(run: terminal.Terminal, code: int = 130, line: str = "stopped") -> None:
    assert run.end() == code, run.text
    assert run.last_lines == [line]
    assert "Traceback" not in run.text
    assert run.left_behind() == []


def assert_no_alert(store: ObjectStore) -> None:
    found = state_store.read(store)
    assert (found.incidents, found.undelivered, found.sent) == ((), (), ())


def test_ctrl_c_in_the_first_moment(environment: dict[str, str], tmp_path: Path) -> None:
    run = terminal.start([*PUBLISH, "2023-01"], environment)
    run.wait_until_it_can_stop()
    run.press_ctrl_c()
    assert_stopped(run)
    assert not (tmp_path / "store").exists()


def test_ctrl_c_while_the_server_starts(environment: dict[str, str], tmp_path: Path) -> None:
    """The server is a child of the command: it gets no Ctrl-C, and ends with the command."""
    own = {k: v for k, v in environment.items() if k != "PREFECT_API_URL"} | {"PREFECT_HOME": str(tmp_path / "prefect")}
    run = terminal.start([*PUBLISH, "2023-01"], own)
    run.wait_for(lambda: terminal.psutil.Process(run.process.pid).children())
    run.press_ctrl_c()
    assert run.family
    assert_stopped(run)


@pytest.mark.parametrize("how", CODES)
def test_a_publisher_that_hangs_does_not_hold_a_stop_up(
    how: signal.Signals, environment: dict[str, str], local_store: ObjectStore
) -> None:
    with terminal.silent_server() as (url, _):
        env = environment | {"TECHTRADE_SOURCES__CENSUS_BALANCE__URL": f"{url}/country.xlsx"}
        run = terminal.start([sys.executable, "-m", "flows.cli", "publish", DATASET], env)
        run.wait_for_text("extracting from census_balance")
        if how == signal.SIGINT:
            run.press_ctrl_c()
        else:
            run.shown += "^C"  # the mark after which the last line is looked for
            run.send(how)
        assert_stopped(run, CODES[how])
    status = read_status(local_store, DATASET)
    assert status is not None and status.outcome == "stopped"
    assert_no_alert(local_store)


SWALLOWED = """
import os, signal, time, weakref
from flows.prefect_setup.stopping import stoppable
class Module: pass
def stop(_):  # what a handler raises in a callback is lost, as in the import of a module
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000): pass
def raise_(*_): raise RuntimeError("as Prefect's handler does")
with stoppable():
    signal.signal(signal.SIGTERM, raise_)
    module = Module(); watched = weakref.ref(module, stop); del module
    time.sleep(20)
"""


def test_a_stop_in_a_callback_is_one_line_too() -> None:
    ran = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr.strip()) == (143, "stopped")


def test_a_store_that_hangs_does_not_hold_a_stop_up(environment: dict[str, str]) -> None:
    with terminal.silent_server() as (url, _):
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
        env = environment | keys | {"AWS_ENDPOINT_URL": url, "TECHTRADE_STORE": "s3://bucket/store"}
        run = terminal.start([*PUBLISH, "2023-01"], env)
        run.wait_for(lambda: terminal.psutil.Process(run.process.pid).net_connections())
        time.sleep(1)  # into the first request; any moment is as good
        run.press_ctrl_c()
        assert_stopped(run)


def test_after_the_swap_it_says_what_was_published(
    environment: dict[str, str], local_store: ObjectStore, techtrade: Callable[..., Ran]
) -> None:
    run = terminal.start([*PUBLISH, "2023-01"], environment)
    run.wait_for_text("published, version")
    run.press_ctrl_c()
    latest = protocol.read_latest(local_store, DATASET)[0]
    assert latest is not None
    assert_stopped(run, line=f"published {DATASET}@{latest.version}, then stopped")
    status = read_status(local_store, DATASET)
    assert status is not None and status.version == latest.version
    assert status.outcome in ("stopped", "published"), "the latter if the run had ended a moment before"
    assert_no_alert(local_store)
    again = techtrade("publish", DATASET, "--source", "snapshot", "--vintage", "2023-01")
    assert again.code == 0 and "nothing new" in again.out
    assert local_store.get(layout.CATALOG).body, "the next run catches up on what was left"


def test_a_watch_stops_between_two_looks(environment: dict[str, str], local_store: ObjectStore) -> None:
    nothing_published(local_store)
    run = terminal.start([sys.executable, "-m", "flows.cli", "watch", "--every", "600"], environment)
    run.wait_for_text("watching runs at")
    run.press_ctrl_c()
    assert_stopped(run)


def test_a_terminal_that_takes_nothing_does_not_hold_a_stop_up(environment: dict[str, str]) -> None:
    """Ctrl-S, or a window that hangs: what the command prints stays in the terminal's way."""
    with terminal.silent_server() as (url, _):
        env = environment | {"TECHTRADE_SOURCES__CENSUS_BALANCE__URL": f"{url}/country.xlsx"}
        run = terminal.start([sys.executable, "-m", "flows.cli", "publish", DATASET], env)
        run.wait_for_text("extracting from census_balance")
        time.sleep(3)  # nobody reads, and the line of progress fills the terminal
        os.write(run.descriptor, b"\x13")
        time.sleep(1)
        run.send(signal.SIGTERM)
        assert run.process.wait(30) == 143


def test_a_terminal_that_is_closed_ends_it(environment: dict[str, str]) -> None:
    """There is nothing left to say it to."""
    with terminal.silent_server() as (url, _):
        env = environment | {"TECHTRADE_SOURCES__CENSUS_BALANCE__URL": f"{url}/country.xlsx"}
        run = terminal.start([sys.executable, "-m", "flows.cli", "publish", DATASET], env)
        run.wait_for_text("extracting from census_balance")
        run.hang_up()
        assert run.process.wait(terminal.PATIENCE) == 129


@pytest.mark.parametrize("closed", ["pipe", "descriptor"])
def test_a_stop_that_cannot_be_said_is_one_all_the_same(closed: str, environment: dict[str, str]) -> None:
    """``make run 2>&1 | tee log``: Ctrl-C ends tee first."""
    code = "from flows.prefect_setup import stopping\nimport time\nwith stopping.stoppable():\n    print(1, flush=True)\n    time.sleep(600)"
    command = [sys.executable, "-c", code]
    if closed == "descriptor":
        command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stderr.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(terminal.PATIENCE) == 130


def test_a_server_that_does_not_start_is_a_failed_run(
    environment: dict[str, str], tmp_path: Path, local_store: ObjectStore
) -> None:
    own = {k: v for k, v in environment.items() if k != "PREFECT_API_URL"}
    own |= {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_API_DATABASE_CONNECTION_URL": "nonsense://"}
    ran = subprocess.run([*PUBLISH, "2023-01", "--json"], env=own, capture_output=True, text=True)
    assert ran.returncode == 1 and "cannot start the Prefect server" in ran.stderr
    (said,) = json.loads(ran.stdout)
    assert (said["outcome"], said["kind"]) == ("failed", "ServerStartError")
    status = read_status(local_store, DATASET)
    assert status is not None and status.outcome == "failed"
    assert [i.finding.dataset for i in state_store.read(local_store).incidents] == [DATASET]


def test_what_the_shell_ignores_stays_ignored(environment: dict[str, str]) -> None:
    """``nohup``, and jobs that a script puts into the background."""
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *PUBLISH, "2023-01"]
    run = terminal.start(command, environment)
    run.wait_for_text("starting Prefect")
    run.send(signal.SIGHUP)
    assert run.end() == 0, run.text


@pytest.mark.slow
def test_a_killed_command_leaves_no_server(environment: dict[str, str], tmp_path: Path) -> None:
    own = {k: v for k, v in environment.items() if k != "PREFECT_API_URL"} | {"PREFECT_HOME": str(tmp_path / "prefect")}
    run = terminal.start([*PUBLISH, "2023-01"], own)
    run.wait_for_text("extracting from")
    run.send(signal.SIGKILL)
    assert len(run.family) == 1
    run.process.wait()
    assert run.left_behind() == []


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["first", "checking"])
def test_ctrl_c_in_make_run(moment: str, tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    env |= {"TECHTRADE_STORE": str(tmp_path / "store"), "PREFECT_HOME": str(tmp_path / "prefect")}
    run = terminal.start([sys.executable, "-m", "flows.cli.demo"], env)
    run.wait_until_it_can_stop() if moment == "first" else run.wait_for_text("checking")
    run.press_ctrl_c()
    assert run.end() == 130
    assert run.last_lines[-1:] and run.last_lines[-1].endswith("stopped") and "Traceback" not in run.text
    assert run.left_behind() == []


@pytest.mark.slow
def test_signals_at_random_moments(
    environment: dict[str, str], place: Place, techtrade: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty on each kind of store: whenever it comes, readers have the old version or the new one, whole."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    env = environment | place.environment
    longest = 0.0
    for number in range(20):
        url = f"{place.url}/{number}"
        monkeypatch.setenv("TECHTRADE_STORE", url)
        run = terminal.start([*PUBLISH, "2023-01"], env | {"TECHTRADE_STORE": url})
        run.wait_until_it_can_stop()
        began = time.monotonic()
        moment = chance.uniform(0, longest or 12)
        while run.process.poll() is None and time.monotonic() - began < moment:
            run._read(0.02)
        how = chance.choice(list(CODES))
        asked = time.monotonic()
        if how == signal.SIGINT:
            run.press_ctrl_c()
        else:
            run.send(how)
        code = run.end()
        # At its very end, when all is said, Python takes no signal any more: a shell gives that the same code.
        done = f"{DATASET}@" in run.text and "published: vintage" in run.text
        assert code in (0, CODES[how]) or (done and code == -how), run.text
        longest = max(longest, asked - began) if code == 0 else longest
        assert "Traceback" not in run.text and run.left_behind() == []
        store = open_store(url)
        latest = protocol.read_latest(store, DATASET)[0]
        if latest is not None:
            verify(store, DATASET, latest.version)
        assert_no_alert(store)
        again = techtrade("publish", DATASET, "--source", "snapshot", "--vintage", "2023-01")
        assert again.code == 0, again.err
        assert techtrade("verify", DATASET).code == 0
