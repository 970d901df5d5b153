"""Options that many commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from configs.hints import named_store

F = TypeVar("F", bound=Callable[..., Any])


def with_store(command: F) -> F:
    """Add --store, which the commands that messages name then carry too."""
    return click.option(
        "--store",
        metavar="URL",
        callback=_name_store,
        help="Folder or s3:// address [default: TECHTRADE_STORE, else ./warehouse].",
    )(command)


def _name_store(context: click.Context, _: click.Parameter, url: str | None) -> str | None:
    token = named_store.set(url)
    context.call_on_close(lambda: named_store.reset(token))
    return url


def with_json(command: F) -> F:
    """Whether the answer is JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")(command)
