"""Ports for servers that take a while to start.

Who asks the system for any port gets one of a range that it keeps for that (on Linux 32768 to 60999), and so does
every outgoing connection. A port of that range that was free when it was looked for may be somebody else's by the time
a server listens, and then another answers in its place. Below the range a port goes to who names it.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

LOWEST = 12_000
# What Linux keeps unless it is told otherwise; other systems begin higher.
KEPT_FROM = 32_768
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(count: int) -> list[int]:
    """So many ports of this machine's own address that nobody has.

    Raises:
        OSError: there are not so many.
    """
    numbers = list(range(LOWEST, max(_kept_from(), LOWEST + 1000)))
    random.shuffle(numbers)
    found: list[int] = []
    with ExitStack() as held:
        for number in numbers:
            if len(found) == count:
                return found
            one = held.enter_context(socket.socket())
            with suppress(OSError):
                one.bind(("127.0.0.1", number))
                found.append(number)
    raise OSError(f"no {count} free ports between {min(numbers)} and {max(numbers)}")


def _kept_from() -> int:
    try:
        return int(RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return KEPT_FROM
