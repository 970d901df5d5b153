"""Options that many commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def with_store(command: F) -> F:
    """Which store is meant."""
    return click.option(
        "--store", metavar="URL", help="Folder or s3:// address [default: TECHTRADE_STORE, else ./warehouse]."
    )(command)


def with_json(command: F) -> F:
    """Whether the answer is JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")(command)
