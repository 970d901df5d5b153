"""Great Expectations' answers without Great Expectations, which takes a tenth of a second a gate: some 2,500 of them.

The gate hands it how many rows break each rule, and the values of a column; whether there are any such rows is all that
the score needs to know. A test compares the outcomes of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import polars as pl

from expectations.check import Check, GateInput
from tasks.quality import gate as gate_module


def _answers(gate: GateInput, source: Any, group: Sequence[Check], frame: pl.DataFrame) -> tuple[dict[str, Any], Any]:
    if any(not c.violations and c.failing is None for c in group):
        return _validate(gate, _data_source(), group, frame)
    return {c.id: _answer(not _fails(c, frame)) for c in group}, {}


def _fails(check: Check, frame: pl.DataFrame) -> bool:
    if check.violations:
        return bool((frame[check.id].max() or 0) > 0)  # type: ignore[operator]
    assert check.failing is not None
    return not check.failing.head(1).collect().is_empty()


def _answer(success: bool) -> Any:
    return SimpleNamespace(success=success, exception_info=None, expectation_config=SimpleNamespace(type="counted"))


_validate, _data_source = gate_module._validate, gate_module._data_source


def count() -> None:
    """From here on the gates of this process count."""
    gate_module._validate, gate_module._data_source = _answers, lambda: None


@contextmanager
def counting() -> Iterator[None]:
    """The gates of this block count."""
    count()
    try:
        yield
    finally:
        gate_module._validate, gate_module._data_source = _validate, _data_source
