"""Options that many commands have."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from configs.addresses import without_login, without_query
from configs.errors import UsageError
from configs.hints import named_store
from configs.words import as_line, visible
from flows.cli.tables import WIDE
from flows.run_context import CENTURY

F = TypeVar("F", bound=Callable[..., Any])


ROWS = 2**32 - 1
VERSIONS = 1_000_000


class Amount(click.FloatRange):
    """A number in a unit, within a century; not ``nan``, which is in every range, nor ``inf``."""

    def __init__(self, unit: str, least: float = 0) -> None:
        super().__init__(min=least, max=CENTURY[unit])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number


class Line(click.ParamType[str]):
    """Words of a person, for readers, in one line: what would act on a terminal is kept as text (``\\x1b``)."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return as_line(str(value))


def refuse_other_bytes(arguments: Sequence[str]) -> None:
    """Raises ``UsageError`` for an argument that is not UTF-8: no document could hold it."""
    for argument in arguments:
        if any("\ud800" <= c <= "\udfff" for c in argument):
            raise UsageError(f"the argument {visible(argument)} is not UTF-8; write it in UTF-8")


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
            raise UsageError(f"--store: {e}") from None
    token = named_store.set(url)
    context.call_on_close(lambda: named_store.reset(token))
    return url


def with_json(command: F) -> F:
    """Whether the answer is JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")(command)
