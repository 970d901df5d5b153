"""Ports for servers that take a while to start: not of the range from which the system gives any."""

from __future__ import annotations

import socket

from flows.ports import _kept_from, free_ports


def test_they_are_free_different_and_nobody_gets_them_by_chance() -> None:
    found = free_ports(20)
    assert len(set(found)) == 20 and max(found) < _kept_from()
    for port in found:
        with socket.socket() as one:
            one.bind(("127.0.0.1", port))
            assert port not in free_ports(5)
