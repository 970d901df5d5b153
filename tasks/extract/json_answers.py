"""JSON from outside, read strictly: what cannot be taken at its word is refused, with the value and its place.

``json.loads`` takes NaN, the last of two values under one key, half a surrogate pair (which no file can hold) and any
depth that the stack bears, and what is of another type than expected shows only where it is used. ``loads`` refuses the
first; ``Node`` reads a value where it is, and names it by its place: ``BEAAPI.Results.Data[17].DataValue``.

Rows by the hundred thousand are not wrapped: ``all_of`` looks at a whole column at once. Reading so takes 1.3 to 2
times as long as ``json.loads``; pydantic-core reads faster, but takes the last of two values, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from reprlib import Repr
from typing import Any

DEPTH = 32  # of objects and lists within each other; no answer of a publisher has more than 8
LARGEST = 1e300  # no figure is larger; whole numbers beyond are no floats
MOST_PAGES = 1000  # of a list; a page has 20,000 rows
_HALF = re.compile(r"[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_LONG = re.compile(r"[0-9]{4301,}")
_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong, _SHORT.maxdict, _SHORT.maxlist = (
    2,
    80,
    80,
    40,
    12,
    4,
)


class OddJsonError(Exception):  # not an error of ours: each reader makes an error of its source of it
    """JSON that is whole, and that a strict reader refuses; says which value and where."""


class _Twice(dict[str, Any]):
    """An object with two values under ``key``."""

    key = ""


class _NoNumber(str):
    """``NaN`` or ``Infinity``, which are no JSON."""


def loads(text: str) -> Any:
    """The value that a text says.

    Raises:
        OddJsonError: it is not to be taken at its word.
        json.JSONDecodeError: it is no JSON, or not whole, or something follows it.
    """
    content, end = begin(text)
    if text[end:].strip():
        raise json.JSONDecodeError("Extra data", text, end)
    return content


def begin(text: str) -> tuple[Any, int]:
    """The value that a text begins with, and where it ends. Raises as ``loads`` does."""
    odd = _ESCAPED_HALF.search(text) is not None

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal odd
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        odd = True
        twice = _Twice(found)
        twice.key = next(k for n, (k, _) in enumerate(pairs) if any(k == other for other, _ in pairs[:n]))
        return twice

    def constant(name: str) -> _NoNumber:
        nonlocal odd
        odd = True
        return _NoNumber(name)

    decoder = json.JSONDecoder(object_pairs_hook=once, parse_constant=constant)
    try:
        content, end = decoder.raw_decode(text, _blank(text))
    except RecursionError:
        raise OddJsonError(f"nests deeper than {DEPTH} levels") from None
    except json.JSONDecodeError:
        raise
    except ValueError as e:  # more digits than Python makes a number of
        found = _LONG.search(text)
        at = f" at character {found.start():,}: {shown(found[0])}" if found else f" ({e})"
        raise OddJsonError(f"has a number of more than 4,300 digits{at}") from None
    _refuse_deep(content)
    if odd:
        _refuse_odd(content)
    return content, end


def _blank(text: str) -> int:
    return len(text) - len(text.lstrip(" \t\n\r"))


def _refuse_deep(content: Any) -> None:
    level = [content] if type(content) in (dict, list, _Twice) else []
    for _ in range(DEPTH):
        level = [
            value
            for outer in level
            for value in (outer if type(outer) is list else outer.values())
            if type(value) is dict or type(value) is list or type(value) is _Twice
        ]
        if not level:
            return
    raise OddJsonError(f"nests deeper than {DEPTH} levels")


def _refuse_odd(content: Any) -> None:
    for place, value in walk(content):
        if isinstance(value, _NoNumber):
            raise OddJsonError(f"has {value} at {place}, which is no number")
        if isinstance(value, _Twice):
            raise OddJsonError(f"has {shown(value.key)} twice in the object at {place}")
        if any(_HALF.search(text) for text in (value if isinstance(value, dict) else [value]) if isinstance(text, str)):
            raise OddJsonError(f"has half a character (a lone surrogate) at {place}: {shown(value)}")


def walk(content: Any) -> Iterator[tuple[str, Any]]:
    """Every value within, with its place, in order."""
    waiting = [("", content)]
    while waiting:
        place, value = waiting.pop()
        yield place or "the top", value
        if isinstance(value, dict):
            waiting.extend((inside(place, key), v) for key, v in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend((f"{place}[{n}]", value[n]) for n in range(len(value) - 1, -1, -1))


def inside(place: str, key: str) -> str:
    """The place of a key of an object."""
    named = key if re.fullmatch(r"\w{1,60}", key, re.ASCII) else f"[{shown(key)}]"
    return f"{place}.{named}" if place and not named.startswith("[") else f"{place}{named}"


def shown(value: Any) -> str:
    """A value as JSON has it, shortened."""
    return json.dumps(value) if value is None or isinstance(value, bool) else _SHORT.repr(value)


def is_figure(value: Any) -> bool:
    """Whether it is a number that a figure can be: finite, and no flag."""
    return type(value) in (int, float) and -LARGEST < value < LARGEST


def is_date(text: str) -> bool:
    """Whether a text is a day, YYYY-MM-DD."""
    try:
        return bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


@dataclass(frozen=True)
class Node:
    """A value of an answer. ``refuse`` makes the error of its source of what is wrong."""

    value: Any
    place: str
    refuse: Callable[[str], Exception]

    def wrong(self, expected: str, within: Any = None) -> Exception:
        """The error that says what is here and what should be; and what it is ``within``."""
        told = f"has {shown(self.value)} at {self.place or 'the top'}, where {expected} should be"
        return self.refuse(told if within is None else f"{told}: {shown(within)}")

    def object(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        return self.value

    def listed(self) -> list[Any]:
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return self.value

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.wrong("a text")
        return self.value

    def count(self, most: int, least: int = 0) -> int:
        """A whole number, or its digits as a text, which some publishers give."""
        value = self.value
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
            value = int(value)
        if type(value) is not int or not least <= value <= most:
            raise self.wrong(f"a whole number from {least:,} to {most:,}")
        return value

    def at(self, key: str) -> Node:
        """The value under a key of an object; null where there is none."""
        return Node(self.object().get(key), inside(self.place, key), self.refuse)

    def items(self) -> Iterator[Node]:
        """The values of a list."""
        return (Node(value, f"{self.place}[{n}]", self.refuse) for n, value in enumerate(self.listed()))

    def only(self) -> Node:
        """The one value of a list of one."""
        if len(self.listed()) != 1:
            raise self.wrong("a list of one")
        return next(self.items())

    def objects(self) -> list[dict[str, Any]]:
        """A list of objects."""
        found = self.listed()
        if not set(map(type, found)) <= {dict}:
            raise next(n for n in self.items() if type(n.value) is not dict).wrong("an object")
        return found


def all_of(rows: Node, key: str, types: Iterable[type], expected: str) -> list[Any]:
    """The values under a key of each object of a list, all of these types. Raises what ``Node.wrong`` makes."""
    allowed = set(types)
    values = [row.get(key) for row in rows.value]
    if not set(map(type, values)) <= allowed:
        number = next(n for n, value in enumerate(values) if type(value) not in allowed)
        here = Node(values[number], inside(f"{rows.place}[{number}]", key), rows.refuse)
        raise here.wrong(expected, rows.value[number])
    return values
