"""The image without a container engine: what the Dockerfile copies is copied, its install script is run, and what it
says of user, environment, command and health is tried on the result.

So a package missing from the lock, a folder missing from the image, a write outside of /tmp or a command that does not
start are found here. What is not: the base image, and everything that an engine itself does.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy import ROOT
from deploy.checks.dockerfile import Stage, stages
from deploy.checks.found import Found, problems, run
from deploy.stack.prefect_parts import answers
from flows.prefect_setup.ports import free_ports

SECONDS = 120
DATASET = "ip_trade_annual"
# Reading what only root may (its own Python, maybe), and nothing else: no write is allowed by it.
ONLY_READING = [f"--{of}=-all,+dac_read_search" for of in ("inh-caps", "ambient-caps", "bounding-set")]


class _FailedError(Exception):
    """A step went wrong; its lines."""

    def __init__(self, what: str, *lines: str) -> None:
        self.lines = (what, *lines)
        super().__init__(what)


class Image:
    """Below ``folder``: what the stage ``run`` has in /build, /app, /opt/venv; its /tmp is empty, and the user's."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tmp, self.stage = folder, folder / "tmp", stages()["run"]
        self.user = self.stage.user.split(":")[0]

    def place(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def build(self) -> None:
        """As the Dockerfile does.

        Raises:
            _FailedError: with what the script printed.
        """
        for source, target in _copies(stages()["build-run"]):
            _copy(ROOT / source, self.place(target))
        script: list[str | Path] = ["sh", self.place("/build/install.sh"), self.place("/build/requirements-run.lock")]
        # uv of the same lock as in the image's build; the way to the packages is this machine's.
        env = dict(os.environ) | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        _done("install.sh", run([*script, self.place("/opt/venv"), self.place("/app")], env=env))
        self.folder.chmod(0o755)
        self.tmp.mkdir(mode=0o700)
        if os.getuid() == 0:
            os.chown(self.tmp, int(self.user), int(self.user))

    def environment(self, **more: str) -> dict[str, str]:
        """The image's own, at the places where it lies here."""
        env = {k: v.replace("/opt/venv", str(self.place("/opt/venv"))) for k, v in self.stage.env.items()}
        moved = {k: f"{self.tmp}{v.removeprefix('/tmp')}" if v.startswith("/tmp") else v for k, v in env.items()}
        return moved | more

    def command(self, words: list[str]) -> list[str]:
        """The words, said by the image's user. Not by name in PATH: that of this process would be searched."""
        program = str(self.place("/opt/venv") / "bin" / words[0])
        if os.getuid() != 0:
            return [program, *words[1:]]
        become = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", *ONLY_READING]
        return [*become, program, *words[1:]]

    def say(self, words: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        return run(self.command(words), cwd=self.place("/app"), env=self.environment(**more))

    @contextmanager
    def running(self, name: str, words: list[str], **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """A part that goes on until the end of the block, and then is ended with all that it started."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                self.command(words),
                cwd=self.place("/app"),
                env=self.environment(**more),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                yield process
            finally:
                for which in (signal.SIGTERM, signal.SIGKILL):
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, which)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=20)

    def log(self, name: str) -> list[str]:
        return (self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-15:]


def check(folder: Path) -> Found:
    image = Image(folder)
    try:
        image.build()
        size = sum(p.lstat().st_size for at in ("/opt/venv", "/app") for p in image.place(at).rglob("*"))
        _try(image)
    except _FailedError as e:
        return Found(e.lines)
    who = f"as user {image.user}" if os.getuid() == 0 else "as this user, because only root can become another"
    return Found(told=f"{size / 1e6:,.0f} MB beside the base; server, deploy, worker, health, a publish: {who}")


def _try(image: Image) -> None:
    """What compose.yaml starts of it, in its order."""
    port, health_port = free_ports(2)
    api = {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "PREFECT_WORKER_WEBSERVER_PORT": str(health_port)}
    server = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    refused = image.say(image.stage.health, **api)
    if refused.returncode == 0:
        raise _FailedError("the health command finds a worker where there is none")
    with image.running("server", server) as process:
        _until(lambda: answers(f"{api['PREFECT_API_URL']}/ready"), process, "the Prefect server", image)
        _done("techtrade deploy", image.say(["techtrade", "deploy", "--stage", "local"], **api))
        store = str(image.tmp / "store")
        publish = ["techtrade", "publish", DATASET, "--source", "snapshot", "--store", store]
        with image.running("worker", image.stage.command, **api) as worker:
            _done("techtrade publish", image.say(publish, **api))
            _until(lambda: image.say(image.stage.health, **api).returncode == 0, worker, "a healthy worker", image)
    if not (image.tmp / "store" / DATASET / "latest.json").is_file():
        raise _FailedError("techtrade publish ended well, and nothing is published")


def _copies(stage: Stage) -> list[tuple[str, str]]:
    return [(source.removeprefix("./"), target) for source, target in stage.copies]


def _copy(source: Path, target: str | Path) -> None:
    """A file into a folder (``target`` ends in a slash, or is one), or a folder's content."""
    place = Path(target)
    if source.is_dir():
        shutil.copytree(source, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        return
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, place)


def _until(ready: Callable[[], bool], process: subprocess.Popen[bytes], what: str, image: Image) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise _FailedError(f"{what}: ended with {process.returncode}", *image.log(what.rsplit(maxsplit=1)[-1]))
        if ready():
            return
        time.sleep(0.5)
    raise _FailedError(f"{what}: not there after {SECONDS} s", *image.log(what.rsplit(maxsplit=1)[-1]))


def _done(what: str, done: subprocess.CompletedProcess[str]) -> None:
    wrong = problems(done)
    if wrong:
        raise _FailedError(f"{what}: ended with {done.returncode}", *wrong[-15:])
