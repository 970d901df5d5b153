"""Kinds of JSON that no publisher should give, put in the place of any value of a good answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

# What a value is replaced by, as it is written in JSON.
KINDS: dict[str, str] = {
    "null": "null",
    "a flag": "true",
    "a number": "7",
    "a fraction": "0.5",
    "a negative number": "-3",
    "a huge count": "30000000",
    "a number beyond a float": "1" + "0" * 400,
    "a number beyond Python": "1" * 5000,
    "infinity written as a number": "1e400",
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "an empty text": '""',
    "a text": '"hostile"',
    "a long text": json.dumps("x" * 5000),
    "digits of another script": '"\\u0661\\u00b2"',
    "half a character": '"\\ud800"',
    "a NUL": '"\\u0000"',
    "an empty list": "[]",
    "a list": '[1, "a", null]',
    "a list of lists": "[[[]]]",
    "an empty object": "{}",
    "an object": '{"id": {"id": []}, "value": [1]}',
    "two values under a key": '{"id": "USA", "id": "JPN"}',
    "a deep list": "[" * 200 + "]" * 200,
    "a list beyond the stack": "[" * 100_000 + "]" * 100_000,
    "a deep object": '{"a":' * 200 + "1" + "}" * 200,
}
_MARK = "\u2404here\u2404"


def places(content: Any, most: int = 3) -> list[tuple[str | int, ...]]:
    """The path of every value; of lists only the first few entries and the last one."""
    return list(_places(content, (), most))


def _places(content: Any, path: tuple[str | int, ...], most: int) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _places(value, (*path, key), most)
    elif isinstance(content, list):
        for number in sorted({*range(min(most, len(content))), *([len(content) - 1] if content else [])}):
            yield from _places(content[number], (*path, number), most)


def put(content: Any, path: Sequence[str | int], written: str) -> bytes:
    """The answer with what is written in JSON in the place of one value."""
    return json.dumps(_replaced(content, path)).replace(json.dumps(_MARK), written).encode()


def doubled(content: Any, path: Sequence[str | int]) -> bytes | None:
    """The answer with a key given twice; None if the place is not one of an object."""
    if not path or not isinstance(path[-1], str):
        return None
    text = json.dumps(_replaced(content, path))
    found = f"{json.dumps(path[-1])}: {json.dumps(_MARK)}"
    value: Any = content
    for step in path:
        value = value[step]
    once = f"{json.dumps(path[-1])}: {json.dumps(value)}"
    return text.replace(found, f"{once}, {once}").encode()


def _replaced(content: Any, path: Sequence[str | int]) -> Any:
    if not path:
        return _MARK
    step, *rest = path
    if isinstance(content, dict):
        return content | {step: _replaced(content[step], rest)}
    assert isinstance(step, int)
    return [*content[:step], _replaced(content[step], rest), *content[step + 1 :]]


def bytes_of(good: bytes) -> dict[str, bytes]:
    """Answers that are wrong as a whole."""
    return {
        "empty": b"",
        "spaces": b" \r\n ",
        "not UTF-8": good.replace(b'"', b'"\xff\xfe', 1),
        "UTF-16": good.decode().encode("utf-16"),
        "NULs": bytes(1000),
        "a text": b'"' + b"a" * 1000 + b'"',
        "cut in the middle": good[: len(good) // 2],
        "cut before the end": good[:-1],
        "twice": good + good,
        "a deep list that does not end": b"[" * 1_000_000,
        "commas": b"[" + b"," * 1000,
        "HTML": b"<html><body>sorry</body></html>",
        "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "b">]><a>&a;</a>',
        "a byte order mark alone": b"\xef\xbb\xbf",
    }
