"""Parameters that many commands have, and their types."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from configs.addresses import without_login, without_query
from configs.errors import UsageError
from configs.hints import named_store
from configs.words import as_line, visible
from flows.cli.tables import WIDE
from flows.run_context import CENTURY

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


def dataset_names(histories: bool = False) -> list[str]:
    """Return the names of the datasets, as far as file names tell: contracts take half a second to load.

    Args:
        histories: those of the histories too; of a dataset that has none a name too many.
    """
    configs = Path(__file__).parents[2] / "configs"
    names = sorted(p.stem for folder in ("datasets", "derived") for p in (configs / folder).glob("*.yaml"))
    return [n for name in names for n in ((name, f"{name}_history") if histories else (name,))]


def complete_dataset(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Return the names of datasets and histories that begin with what was typed."""
    return [name for name in dataset_names(histories=True) if name.startswith(typed)]


def dataset(required: bool = True) -> click.Argument:
    """Return the argument ``name``, a dataset."""
    metavar = "DATASET" if required else "[DATASET]"
    return click.Argument(["name"], metavar=metavar, required=required, shell_complete=complete_dataset)


def target(metavar: str = "DATASET[@VERSION]", required: bool = True) -> click.Argument:
    """Return the argument ``target``, a dataset or one of its versions."""
    return click.Argument(["target"], metavar=metavar, required=required, shell_complete=complete_dataset)


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


def _remember_wide(context: click.Context, _: click.Parameter, wide: bool) -> None:
    context.meta[WIDE] = wide


DATASETS = click.Argument(["names"], metavar="[DATASETS]...", nargs=-1, shell_complete=complete_dataset)
CONDITIONS = click.Argument(["where"], metavar="[COLUMN=VALUE ...]", nargs=-1)
# The commands that messages name then carry it too.
STORE = click.Option(
    ["--store", "url"],
    metavar="URL",
    callback=_name_store,
    help="Folder or s3:// address [default: TECHTRADE_STORE, else ./warehouse].",
)
# Tables ask the context, so no command has to pass it on.
WIDE_TABLES = click.Option(
    ["--wide"],
    is_flag=True,
    expose_value=False,
    callback=_remember_wide,
    help="Show all of a table, however wide.",
)
JSON = click.Option(["--json", "as_json"], is_flag=True, help="Print JSON on standard output.")


def dry_run(help: str = "Only print what would be done.") -> click.Option:
    """Return the option ``--dry-run``."""
    return click.Option(["--dry-run"], is_flag=True, help=help)
