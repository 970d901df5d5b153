"""Which stage of a run an error came from: ``extract``, ``parse``, ``transform``, ``stage``, ``check``, ``publish``.

The steps themselves mark what passes through them, because the class of an error does not tell: a store that fails can
fail anywhere. The mark goes with the error, and no step has to catch what it cannot handle.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

MARK = "stage"
P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=BaseException)


def in_stage(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Mark whatever the function raises with the stage; of steps within steps the innermost counts."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def step(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except BaseException as e:  # a time-out of Prefect is no Exception
                e.__dict__.setdefault(MARK, name)
                raise

        return step

    return decorate


def stage_of(error: BaseException | None) -> str:
    """Return the stage that an error, or what it was raised from, came from; empty where that is not known."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if MARK in error.__dict__:
            return str(error.__dict__[MARK])
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return ""


def like(error: E, original: BaseException | None) -> E:
    """Return an error that says in other words what another one said, with the stage of that."""
    if stage := stage_of(original):
        error.__dict__[MARK] = stage
    return error
