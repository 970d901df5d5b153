"""What the log lines of a run have in common: which run, which dataset, which version.

Kept in a context variable, so that code that logs need not be told. What writes log lines reads ``current_log_fields``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_fields: ContextVar[Mapping[str, str]] = ContextVar("fields", default={})  # noqa: B039 - a mapping that nobody changes


def current_log_fields() -> Mapping[str, str]:
    """What is bound here: any of ``run_id``, ``run_name``, ``dataset``, ``version``."""
    return _fields.get()


@contextmanager
def log_fields(**more: str | None) -> Iterator[None]:
    """Add fields to the log lines of a block; None takes one away."""
    mark = _fields.set({k: v for k, v in {**_fields.get(), **more}.items() if v is not None})
    try:
        yield
    finally:
        _fields.reset(mark)
