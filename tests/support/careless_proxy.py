"""A real S3 server that ignores conditions: the proxy takes the headers out and signs the request again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support import fault_proxy
from tests.support.fault_proxy import Answer, FaultProxy
from tests.support.seaweed import Identity

# What the signature is made of again, and what belongs to the connection.
DROPPED = ("authorization", "host", "x-amz-date", "x-amz-content-sha256", "expect", "connection", "content-length")


class Handler(fault_proxy.Handler):
    ignored: ClassVar[Sequence[str]]
    identity: ClassVar[Identity]

    def upstream(self, body: bytes) -> Answer:
        dropped = (*DROPPED, *self.ignored)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in dropped}
        request = AWSRequest(self.command, f"http://{self.proxy.upstream}{self.path}", headers, body)
        S3SigV4Auth(Credentials(self.identity.key, self.identity.secret), "s3", "us-east-1").add_auth(request)
        return self.sent([("Host", self.proxy.upstream), *request.headers.items()], body)


@contextmanager
def running(upstream: str, identity: Identity, ignored: Sequence[str]) -> Iterator[FaultProxy]:
    """``ignored``: names of headers, in lower case."""
    handler = type("Careless", (Handler,), {"ignored": ignored, "identity": identity})
    with fault_proxy.running(upstream, handler) as proxy:
        yield proxy
