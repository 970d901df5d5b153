"""A real S3 server for the tests: SeaweedFS on a free loopback port, with a writer and a read-only identity."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BUCKET = "techtrade-test"
START_SECONDS = 90


@dataclass(frozen=True)
class Identity:
    """Credentials, as the usual AWS variables."""

    access_key: str
    secret_key: str

    def environment(self, endpoint: str) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@dataclass(frozen=True)
class S3Server:
    """A running server."""

    endpoint: str
    writer: Identity
    reader: Identity


def free_ports(n: int) -> list[int]:
    """Ports that were free a moment ago, distinct. SeaweedFS adds 10,000 to them for gRPC, so both must fit."""
    found: list[int] = []
    sockets = []
    while len(found) < n:
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        sockets.append(s)
        low = 20000 + port % 25000
        with socket.socket() as a, socket.socket() as b:
            try:
                a.bind(("127.0.0.1", low))
                b.bind(("127.0.0.1", low + 10000))
            except OSError:
                continue
        if low not in found:
            found.append(low)
    for s in sockets:
        s.close()
    return found


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Runs the server in ``folder`` until the block ends."""
    writer, reader = Identity("writer-key", "writer-secret"), Identity("reader-key", "reader-secret")
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [_identity("writer", writer, True), _identity("reader", reader, False)]}))
    (folder / "data").mkdir()
    master, volume, filer, s3 = free_ports(4)
    command = [
        str(Path(sys.executable).parent / "weed"),
        "-logtostderr=true",
        "server",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={master}",
        f"-volume.port={volume}",
        f"-filer.port={filer}",
        "-volume.max=20",
        "-master.volumeSizeLimitMB=64",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.config={config}",
    ]
    with open(folder / "weed.log", "wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env={**os.environ, "HOME": str(folder)})
        try:
            endpoint = f"http://127.0.0.1:{s3}"
            _create_bucket(endpoint, writer, child, folder / "weed.log")
            yield S3Server(endpoint, writer, reader)
        finally:
            child.terminate()
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _identity(name: str, identity: Identity, may_write: bool) -> dict[str, object]:
    actions = ["Read", "List", *(["Write", "Tagging", "Admin"] if may_write else [])]
    keys = [{"accessKey": identity.access_key, "secretKey": identity.secret_key}]
    return {"name": name, "credentials": keys, "actions": actions}


def _create_bucket(endpoint: str, writer: Identity, child: subprocess.Popen[bytes], log: Path) -> None:
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client = botocore.session.get_session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=writer.access_key,
        aws_secret_access_key=writer.secret_key,
        config=Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=5, proxies={}),
    )
    deadline = time.monotonic() + START_SECONDS
    while True:
        if child.poll() is not None:
            raise RuntimeError(f"weed ended with {child.returncode}: {log.read_text(errors='replace')[-2000:]}")
        try:
            client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="_ready", Body=b"1")  # volumes come up after the gateway
            client.delete_object(Bucket=BUCKET, Key="_ready")
            return
        except ClientError as e:
            if e.response["Error"]["Code"] in ("BucketAlreadyExists", "BucketAlreadyOwnedByYou"):
                try:
                    client.put_object(Bucket=BUCKET, Key="_ready", Body=b"1")
                    client.delete_object(Bucket=BUCKET, Key="_ready")
                    return
                except (ClientError, BotoCoreError):
                    pass
        except BotoCoreError:
            pass
        if time.monotonic() > deadline:
            raise RuntimeError(f"weed was not up after {START_SECONDS} s: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.3)
