"""The commands of ``techtrade`` in groups (``sources``, ``raw``, ``alerts``); each imports what it needs at its run."""

from __future__ import annotations

import sys

import click

from flows.cli_options import with_json, with_store


@click.group()
def sources() -> None:
    """Look at publishers, and at what is had of them beside the datasets."""


@sources.command()
@click.option(
    "--refresh",
    type=click.Choice(["auto", "all"]),
    default="auto",
    show_default=True,
    help="Ask only for what the inventory lacks, or for everything.",
)
@with_store
@with_json
def archives(refresh: str, store: str | None, as_json: bool) -> None:
    """Get every official vintage of the World Bank's series on intellectual property into the raw archive."""
    from flows import source_commands

    sys.exit(source_commands.archives(refresh, store, as_json))


@sources.command()
@click.argument("names", metavar="[SOURCE]...", nargs=-1)
@with_json
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Ask publishers for their metadata, and tell what differs from what our readers were written against."""
    from flows import source_commands

    sys.exit(source_commands.check(names, as_json))


@click.group()
def raw() -> None:
    """Keep house in the raw archive. Published versions do not depend on it."""


@raw.command(name="list")
@click.option("--source", help="Only this source.")
@with_store
@with_json
def raw_list(source: str | None, store: str | None, as_json: bool) -> None:
    """What is archived of each source."""
    from flows import source_commands

    source_commands.raw_list(source, store, as_json)


@raw.command(name="take-down")
@click.argument("source")
@click.option("--reason", required=True, help="Why; it stands in the note that is left behind.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@with_store
@with_json
def raw_take_down(source: str, reason: str, dry_run: bool, store: str | None, as_json: bool) -> None:
    """Delete all raw bytes of SOURCE. What says that they were there stays."""
    from flows import source_commands

    source_commands.raw_take_down(source, reason, dry_run, store, as_json)


@raw.command(name="expire")
@click.argument("source", required=False)
@click.option("--older-than", "days", metavar="DAYS", type=click.IntRange(min=1), required=True)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@with_store
@with_json
def raw_expire(source: str | None, days: int, dry_run: bool, store: str | None, as_json: bool) -> None:
    """Delete raw bytes (of SOURCE, or of all) that are old and that no published version or inventory names."""
    from flows import source_commands

    source_commands.raw_expire(source, days, dry_run, store, as_json)


@click.group()
def alerts() -> None:
    """Who is told what is wrong. Channels: configs/alerts.yaml."""


@alerts.command(name="test")
@click.option("--owner", help="Only the channels of this owner [default: of all].")
@with_json
def alerts_test(owner: str | None, as_json: bool) -> None:
    """Send a test through every channel that is set."""
    from flows import alert_commands

    alert_commands.test(owner, as_json)


@alerts.command(name="runbook")
@click.argument("page", required=False)
@click.argument("entry", required=False)
def alerts_runbook(page: str | None, entry: str | None) -> None:
    """Print a runbook, or one ENTRY of it: what an alert means and what to do. Without a PAGE, list them."""
    from flows import alert_commands

    alert_commands.runbook(page, entry)


@alerts.command(name="list")
@with_store
@with_json
def alerts_list(store: str | None, as_json: bool) -> None:
    """What is wrong now, who was told of it, and what could not be delivered."""
    from flows import alert_commands

    alert_commands.list_open(store, as_json)


@alerts.command(name="send")
@with_store
def alerts_send(store: str | None) -> None:
    """Send what is due, and what could not be delivered before."""
    from flows import alert_commands

    alert_commands.send(store)
