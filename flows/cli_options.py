"""Options that many commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from configs.addresses import without_login, without_query
from configs.hints import named_store
from flows.tables import WIDE

F = TypeVar("F", bound=Callable[..., Any])


def with_store(command: F) -> F:
    """Add --store, which the commands that messages name then carry too."""
    return click.option(
        "--store",
        metavar="URL",
        callback=_name_store,
        help="Folder or s3:// address [default: TECHTRADE_STORE, else ./warehouse].",
    )(command)


def with_wide(command: F) -> F:
    """Whether tables may be wider than the terminal. Tables ask the context, so no command has to pass it on."""

    def remember(context: click.Context, _: click.Parameter, wide: bool) -> None:
        context.meta[WIDE] = wide

    return click.option(
        "--wide", is_flag=True, expose_value=False, callback=remember, help="Show all of a table, however wide."
    )(command)


def _name_store(context: click.Context, _: click.Parameter, url: str | None) -> str | None:
    if url is not None:
        try:
            # Here, because the parameters of a run are in Prefect's database before anything opens the store.
            without_query(url) if "://" in url else without_login(url)
        except ValueError as e:
            raise click.BadParameter(str(e)) from None
    token = named_store.set(url)
    context.call_on_close(lambda: named_store.reset(token))
    return url


def with_json(command: F) -> F:
    """Whether the answer is JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")(command)
