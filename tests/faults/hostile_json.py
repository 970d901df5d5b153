"""Whatever JSON stands in the place of any value of a good answer, each reader ends with an error of its source that
says what and where, or with the very same figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from configs.errors import SourceError
from tasks.extract.bea import parse
from tasks.extract.world_bank import indicators_parse
from tests.doubles.good_answers import GOOD, Good, document
from tests.doubles.hostile_json import KINDS, bytes_of, doubled, places, put
from tests.faults.harness import Fault, Ground, Row

# Kinds that a value can have in another answer that is good, too: its figures are others, then.
MAY_BE = {
    *("null", "a number", "a fraction", "a negative number", "a huge count", "an empty text", "a text", "a long text"),
    *("digits of another script", "a NUL"),
}
LONGEST = 3000  # characters of a message


def _everywhere(good: Good, kind: str) -> Callable[[Ground], str]:
    def attempt(where: Ground) -> str:
        right = good.read(document(good.role, json.dumps(good.content).encode()))
        for path in places(good.content):
            written = put(good.content, path, KINDS[kind])
            if told := _outcome(good, written, right, kind in MAY_BE):
                return f"at {path}: {told}"
        return ""

    return attempt


def _twice(good: Good) -> Callable[[Ground], str]:
    def attempt(where: Ground) -> str:
        right = good.read(document(good.role, json.dumps(good.content).encode()))
        for path in places(good.content):
            body = doubled(good.content, path)
            if body is None:
                continue
            told = _outcome(good, body, right, False)
            if told:
                return f"at {path}: {told}"
        return ""

    return attempt


def _whole(good: Good, kind: str) -> Callable[[Ground], str]:
    def attempt(where: Ground) -> str:
        body = bytes_of(json.dumps(good.content).encode())[kind]
        if not body and good.role.startswith("exports/"):
            return ""  # no content is an answer of this publisher
        return _outcome(good, body, None, False)

    return attempt


def _outcome(good: Good, body: bytes, right: Any, may_be: bool) -> str:
    found = document(good.role, body)
    try:
        read = good.read(found)
    except SourceError as e:
        if "kept" not in e.raw_keys:
            return f"does not name what was kept: {e}"
        return f"has a message of {len(str(e)):,} characters" if len(str(e)) > LONGEST else ""
    except Exception as e:  # noqa: BLE001 - that is the fault
        return f"came out as {type(e).__name__}: {str(e)[:200]}"
    if good.drifts or may_be or read == right:
        return ""
    return f"was read as {str(read)[:200]}"


def _faults() -> Sequence[Fault]:
    made = []
    for name, good in GOOD.items():
        made += [Fault(f"{name}: {kind}", _everywhere(good, kind)) for kind in KINDS]
        made.append(Fault(f"{name}: a key twice", _twice(good)))
        made += [Fault(f"{name}: {kind}", _whole(good, kind)) for kind in bytes_of(b'""')]
    return made


def _seed(patch: pytest.MonkeyPatch) -> None:
    """As it was: whatever ``json.loads`` takes, and plain indexing."""

    def begin(text: str) -> tuple[Any, int]:
        return json.JSONDecoder().raw_decode(text)

    patch.setattr(indicators_parse, "loads", json.loads)
    patch.setattr(parse, "begin", begin)


ROW = Row(
    name="hostile_json",
    title="13 kinds of hostile JSON and more, in place of each value, for each parser",
    right="a source error with the value and its place, or the same figures",
    faults=_faults,
    seed=_seed,
    seeded=(
        "world_bank series: a list beyond the stack",
        "bea annual: two values under a key",
        "world_bank countries: half a character",
    ),
)
