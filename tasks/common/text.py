"""Texts for a person: lines, lengths of time, sizes, figures. One way to write each."""

from __future__ import annotations

from datetime import timedelta

from configs.words import visible


def one_line(told: object) -> str:
    """Return a text, or the message of an error, without line breaks and without what would act on a terminal."""
    return visible(" ".join(str(told).split()))


def cut(text: str, most: int) -> str:
    """Return a text on one line, of at most so many characters; an ellipsis stands for the rest."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def duration(seconds: float) -> str:
    """Return a length of time for a person who waits: ``45 s``, ``12 min``, ``1.6 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def apart(passed: timedelta) -> str:
    """Return a length of time for a narrow column: ``40s``, ``12m``, ``3h``, ``2d``; what is negative is no time."""
    seconds = max(0, int(passed.total_seconds()))
    for unit, size, least in (("d", 86_400, 172_800), ("h", 3600, 7200), ("m", 60, 120)):
        if seconds >= least:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def byte_size(number: float) -> str:
    """Return a number of bytes: ``812 B``, ``4.2 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if number >= 100 or unit == "B" else f"{number:.1f} {unit}"


def figure(value: float, digits: int = 4) -> str:
    """Return a figure: thousands set off, decimals only below 1,000 and only where there are any that matter."""
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:,.{digits}g}"
