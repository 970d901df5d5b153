"""What the log lines of a run have in common: which run, which dataset, which version.

Kept in a context variable, so that code that logs need not be told. Whoever writes log lines reads ``fields``.
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
def log_fields(**more: str) -> Iterator[None]:
    """Adds fields to the log lines of a block."""
    mark = _fields.set({**_fields.get(), **more})
    try:
        yield
    finally:
        _fields.reset(mark)
