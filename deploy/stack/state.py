"""What a stack keeps between two starts: its folder, its ports, and passwords that it makes up for itself."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import socket
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from deploy.stack.processes import StackError, marked
from flows.prefect_setup.ports import free_ports

SEAWEED_PORTS = ("master", "volume", "filer", "s3")
PORTS = ("postgres", "prefect", "worker", *SEAWEED_PORTS, *(f"{name}.grpc" for name in SEAWEED_PORTS))


@dataclass(frozen=True)
class State:
    """``mark`` stands in the environment of every process of this stack. Runs come to S3 as ``s3_key``."""

    folder: Path
    mark: str
    ports: dict[str, int]
    database_password: str = field(repr=False)
    s3_key: str
    s3_secret: str = field(repr=False)
    s3_admin_secret: str = field(repr=False)

    def url(self, part: str) -> str:
        return f"http://127.0.0.1:{self.ports[part]}"

    @property
    def api(self) -> str:
        return f"{self.url('prefect')}/api"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"


def load(folder: Path) -> State:
    """The state of the stack in a folder, made up on the first time. Ports that others have taken since are changed.

    Raises:
        StackError: the folder cannot be used, or a stack runs from it.
    """
    folder = folder.resolve()
    path = folder / "state.json"
    try:
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        state = State(folder, **json.loads(path.read_text())) if path.exists() else _new(folder)
        running = marked(state.mark)
        if running:
            raise StackError(f"a stack runs from {folder} already (process {running[0].pid}); end it first")
        if any(_is_taken(port) for port in state.ports.values()):
            state = replace(state, ports=dict(zip(PORTS, free_ports(len(PORTS)), strict=True)))
        write_private(path, json.dumps({k: v for k, v in asdict(state).items() if k != "folder"}))
    except (OSError, ValueError, TypeError) as e:
        raise StackError(f"{folder} cannot be used as the folder of a stack: {e}; name another, or remove it") from e
    return state


def _new(folder: Path) -> State:
    return State(
        folder=folder,
        mark=secrets.token_hex(8),
        ports=dict(zip(PORTS, free_ports(len(PORTS)), strict=True)),
        database_password=secrets.token_hex(16),
        s3_key="techtrade",
        s3_secret=secrets.token_hex(16),
        s3_admin_secret=secrets.token_hex(16),
    )


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        os.fchmod(f.fileno(), 0o600)  # of one that was there already, the mode above is not set
        f.write(text)


def write_environment(state: State, variables: dict[str, str]) -> Path:
    """A file to read into a shell, so that ``techtrade`` and ``prefect`` speak with this stack."""
    path = state.folder / "environment"
    write_private(path, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))
    return path
