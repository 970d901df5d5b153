"""The commands of ``techtrade`` in groups (``sources``, ``raw``, ``alerts``); each imports what it needs at its run."""

from __future__ import annotations

import sys

import click

from flows.cli.help import ExplainedGroup
from flows.cli.options import Line, with_json, with_store, with_wide
from flows.run_context import CENTURY


@click.group(cls=ExplainedGroup)
def sources() -> None:
    """Check publishers, and archive their official vintages."""


@sources.command()
@click.option(
    "--refresh",
    type=click.Choice(["auto", "all"]),
    default="auto",
    show_default=True,
    help="Download only what the inventory lacks, or everything.",
)
@with_store
@with_json
def archives(refresh: str, store: str | None, as_json: bool) -> None:
    """Archive every official vintage of the World Bank's series on intellectual property."""
    from flows.cli import sources as source_commands

    sys.exit(source_commands.archives(refresh, store, as_json))


@sources.command()
@click.argument("names", metavar="[SOURCE]...", nargs=-1)
@with_wide
@with_json
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Compare each publisher's metadata with what our parsers expect."""
    from flows.cli import sources as source_commands

    sys.exit(source_commands.check(names, as_json))


@click.group(cls=ExplainedGroup)
def raw() -> None:
    """Manage the raw archive; published versions do not depend on it."""


@raw.command(name="list")
@click.option("--source", metavar="SOURCE", help="Only this source [default: all].")
@with_wide
@with_store
@with_json
def raw_list(source: str | None, store: str | None, as_json: bool) -> None:
    """List what is archived of each source."""
    from flows.cli import sources as source_commands

    sys.exit(source_commands.raw_list(source, store, as_json))


@raw.command(name="take-down")
@click.argument("source")
@click.option("--reason", type=Line(), required=True, help="Reason, recorded in the take-down note.")
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@with_store
@with_json
def raw_take_down(source: str, reason: str, dry_run: bool, store: str | None, as_json: bool) -> None:
    """Delete all raw bytes of SOURCE; the records of them stay."""
    from flows.cli import sources as source_commands

    sys.exit(source_commands.raw_take_down(source, reason, dry_run, store, as_json))


@raw.command(name="expire")
@click.argument("source", required=False)
@click.option(
    "--older-than",
    "days",
    metavar="DAYS",
    type=click.IntRange(1, int(CENTURY["DAYS"])),
    required=True,
    help="Delete only what was archived more than DAYS ago.",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@with_store
@with_json
def raw_expire(source: str | None, days: int, dry_run: bool, store: str | None, as_json: bool) -> None:
    """Delete old raw bytes (of SOURCE, default: of all) that no published version or inventory names."""
    from flows.cli import sources as source_commands

    sys.exit(source_commands.raw_expire(source, days, dry_run, store, as_json))


@click.group(cls=ExplainedGroup)
def alerts() -> None:
    """List, send and test alerts; their channels are in configs/alerts.yaml."""


@alerts.command(name="test")
@click.option("--owner", metavar="OWNER", help="Only the channels of this owner [default: all].")
@with_json
def alerts_test(owner: str | None, as_json: bool) -> None:
    """Send a test alert through every channel that is set."""
    from flows.cli import alerts as alert_commands

    alert_commands.test(owner, as_json)


@alerts.command(name="runbook")
@click.argument("page", required=False)
@click.argument("entry", required=False)
def alerts_runbook(page: str | None, entry: str | None) -> None:
    """Print a runbook, or one ENTRY of it: what an alert means and what to do. Without a PAGE, list them."""
    from flows.cli import alerts as alert_commands

    alert_commands.runbook(page, entry)


@alerts.command(name="list")
@with_wide
@with_store
@with_json
def alerts_list(store: str | None, as_json: bool) -> None:
    """List what is wrong now, who was alerted, and what could not be delivered."""
    from flows.cli import alerts as alert_commands

    alert_commands.list_open(store, as_json)


@alerts.command(name="send")
@with_store
def alerts_send(store: str | None) -> None:
    """Send alerts that are due, and those that could not be delivered before."""
    from flows.cli import alerts as alert_commands

    alert_commands.send(store)
