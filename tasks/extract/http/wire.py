"""Bounds on every byte of one request: how long it may take, and how much may come.

A time-out of httpx2 is for one read: a server that sends a byte now and then resets it for ever, be it of a status
line, a header, a 1xx answer, the frame of a chunk, a trailer or the body. Here all of them pass the same two bounds,
because they are enforced where bytes come in, below HTTP: no read or write waits beyond the deadline, and nothing is
read beyond ``most``. What ends a request closes its socket.

The client of httpx2 is left out: with its cookies, redirects and ``.read()`` it takes in more than we ask for.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

HEAD = 256 * 1024  # bytes before a body: status lines and headers of every answer, 1xx included


class TooMuchError(Exception):  # not an error of ours: it is caught where it is known what was asked for
    """More came than may come."""


@dataclass
class Bounds:
    """The bounds of one request. ``deadline``: by the monotonic clock; ``most``: bytes that may come, of which ``came``
    have come."""

    deadline: float
    most: int = HEAD
    came: int = 0

    def left(self) -> float:
        """The seconds left, 0 at the least."""
        return max(0.0, self.deadline - time.monotonic())

    def allow(self, more: int) -> None:
        """Let so many bytes come from now on."""
        self.most = self.came + more

    def capped(self, seconds: float | None, late: type[httpcore2.TimeoutException]) -> float:
        left = self.left()
        if left == 0:
            raise late("the time for the request is over")
        return left if seconds is None else min(seconds, left)


class _Stream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream, bounds: Bounds) -> None:
        self._inner, self._bounds = inner, bounds

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        bounds = self._bounds
        room = bounds.most - bounds.came
        data = self._inner.read(min(max_bytes, room + 1), bounds.capped(timeout, httpcore2.ReadTimeout))
        bounds.came += len(data)
        if len(data) > room:
            raise TooMuchError
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._bounds.capped(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        if self._inner.get_extra_info("ssl_object") is not None:
            # TLS within TLS (a proxy at https://) reads in a loop of its own, in which each read has its own time-out.
            _close_at(self._bounds.deadline, self._inner.get_extra_info("socket"))
        inner = self._inner.start_tls(
            ssl_context, server_hostname, self._bounds.capped(timeout, httpcore2.ConnectTimeout)
        )
        return _Stream(inner, self._bounds)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.SyncBackend):
    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        last: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in _addresses(host, port, self._bounds.capped(timeout, httpcore2.ConnectTimeout)):
            left = self._bounds.capped(timeout, httpcore2.ConnectTimeout)
            try:
                return _Stream(super().connect_tcp(address, port, left, local_address, socket_options), self._bounds)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as e:
                last = e
        raise last


def _addresses(host: str, port: int, timeout: float) -> list[str]:
    """The addresses of a host. Asked in a thread: the resolver has no time-out that we could set."""
    found: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as e:
            found.put(httpcore2.ConnectError(str(e)))
        else:
            found.put([str(a[4][0]) for a in answers])

    threading.Thread(target=ask, daemon=True).start()
    try:
        told = found.get(timeout=timeout)
    except queue.Empty:
        raise httpcore2.ConnectTimeout(f"the address of {host} was not found in time") from None
    if isinstance(told, Exception):
        raise told
    return told


def _close_at(deadline: float, sock: socket.socket) -> None:
    def close() -> None:
        with suppress(OSError):  # over already
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), close)
    timer.daemon = True
    timer.start()


class _Transport(httpx2.HTTPTransport):
    def __init__(self, bounds: Bounds, proxy: httpx2.Proxy | None) -> None:
        super().__init__(verify=_trust(), proxy=proxy)
        # There is no parameter for it, but one of the pool that was just made.
        self._pool._network_backend = _Backend(bounds)


@contextmanager
def opened(request: httpx2.Request, bounds: Bounds, connect: float, read: float) -> Iterator[httpx2.Response]:
    """One request and the head of its answer; the body is still to come, by ``iter_raw``.

    Args:
        connect, read: seconds to wait for a connection, and for the next bytes; never beyond the bounds.

    Raises:
        httpx2.TransportError: there was no whole answer, or not in time (``TimeoutException``).
        httpx2.InvalidURL: no request can be made of the address, or of that of the proxy in the environment.
        TooMuchError: more came than the bounds say.
    """
    request.extensions["timeout"] = httpx2.Timeout(read, connect=connect).as_dict()
    # A new connection each time: after an error a kept one may be half dead.
    with _Transport(bounds, _proxy(request.url)) as transport:
        response = transport.handle_request(request)
        try:
            yield response
        finally:
            response.close()


def _proxy(url: httpx2.URL) -> httpx2.Proxy | None:
    """The proxy that the environment names for an address."""
    proxies = getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    if not found or proxy_bypass(url.host):
        return None
    if found.lower().startswith("socks"):  # it would take another library
        raise httpx2.InvalidURL("the proxy that the environment names is of SOCKS; name one of HTTP, or none")
    try:
        return httpx2.Proxy(found if "://" in found else f"http://{found}")
    except (ValueError, httpx2.InvalidURL):
        raise httpx2.InvalidURL("the proxy that the environment names has no address that can be used") from None


@cache
def _trust() -> ssl.SSLContext:
    """The certificates that are trusted. Read once: to read them takes 20 to 40 ms, and each request has its own
    transport."""
    return httpx2.create_ssl_context()
