"""Ports for servers that take a while to start: not of the range from which the system gives any."""

from __future__ import annotations

import socket

import pytest

from flows.prefect_setup.ports import _kept_from, free_ports


def test_they_are_different_and_nobody_gets_them_by_chance() -> None:
    found = free_ports(20)
    assert len(set(found)) == 20 and max(found) < _kept_from()


def test_one_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        monkeypatch.setattr(
            "flows.prefect_setup.ports.random.shuffle", lambda numbers: numbers.sort(key=lambda n: n != port)
        )
        assert free_ports(1) != [port]
    assert free_ports(1) == [port], "it would have been the first"
