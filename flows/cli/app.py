"""``techtrade``: the command line.

Only click and the error classes are imported here, so that ``--help`` answers at once: Great Expectations
takes about 10 s to import and Prefect 1 to 3 s, so each command imports what it needs when it runs.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import click

from configs.errors import TechtradeError
from flows.cli.groups import alerts, raw, sources
from flows.cli.help import TopicGroup, completes_datasets
from flows.cli.options import ROWS, VERSIONS, Amount, Line, refuse_other_bytes, with_json, with_store, with_wide
from flows.cli.output import debugging, guarded, remark
from flows.prefect_setup import stopping
from tasks.common.text import one_line

DATASETS = completes_datasets()


class Commands(TopicGroup):
    """The commands; each ends within seconds when it is asked to stop."""

    def invoke(self, ctx: click.Context) -> Any:
        with stopping.stoppable():
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(package_name="techtrade")
def cli(debug: bool) -> None:
    """US trade in advanced technology products and intellectual property, as versioned parquet datasets."""


@cli.command()
@click.argument("datasets", nargs=-1, shell_complete=DATASETS)
@click.option(
    "--source",
    type=click.Choice(["live", "snapshot"]),
    default="live",
    show_default=True,
    help="Ask the publishers, or take the figures that are bundled.",
)
@click.option("--vintage", metavar="VINTAGE", help="The vintage to publish [default: the newest of the source].")
@click.option(
    "--refresh",
    type=click.Choice(["auto", "all"]),
    default="auto",
    show_default=True,
    help="Download only what may have changed since the published version, or everything.",
)
@with_store
@with_json
def publish(
    datasets: tuple[str, ...], source: str, vintage: str | None, refresh: str, store: str | None, as_json: bool
) -> None:
    """Extract, transform, check and publish DATASETS (default: all)."""
    from flows.cli.publish import publish_datasets

    sys.exit(publish_datasets(datasets, source, vintage, refresh, store, as_json))


@cli.command(name="backfill")
@click.argument("dataset", shell_complete=DATASETS)
@click.option("--from", "first", required=True, metavar="YYYY-MM", help="First month to download again.")
@click.option("--to", "last", metavar="YYYY-MM", help="Last month [default: this month].")
@click.option("--dry-run", is_flag=True, help="Only print what it would take.")
@with_store
@with_json
def backfill_command(
    dataset: str, first: str, last: str | None, dry_run: bool, store: str | None, as_json: bool
) -> None:
    """Download months of DATASET again, and publish the result as one version."""
    from flows.cli.backfill import backfill

    sys.exit(backfill(dataset, first, last, dry_run, store, as_json))


@cli.command()
@click.option("--all", "all_", is_flag=True, help="Show histories too, a row each.")
@with_wide
@with_store
@with_json
def datasets(all_: bool, store: str | None, as_json: bool) -> None:
    """List the datasets, and what is published of them."""
    from flows.cli import versions as inspect_commands

    sys.exit(inspect_commands.datasets(store, as_json, all_))


@cli.command()
@click.argument("dataset", shell_complete=DATASETS)
@with_wide
@with_store
@with_json
def vintages(dataset: str, store: str | None, as_json: bool) -> None:
    """List the publisher's vintages of DATASET: bundled, published, or known to its history."""
    from flows.cli import versions as inspect_commands

    inspect_commands.vintages(dataset, store, as_json)


@cli.command()
@click.argument("dataset", shell_complete=DATASETS)
@with_wide
@with_store
@with_json
def versions(dataset: str, store: str | None, as_json: bool) -> None:
    """List the versions of DATASET: published, yanked, rejected."""
    from flows.cli import versions as inspect_commands

    inspect_commands.versions(dataset, store, as_json)


@cli.command()
@click.argument("target", metavar="DATASET[@VERSION]", shell_complete=DATASETS)
@with_wide
@with_store
@with_json
def show(target: str, store: str | None, as_json: bool) -> None:
    """Show a dataset: its columns, and of what is published sources, changes and quality."""
    from flows.cli import show as show_command

    show_command.show(target, store, as_json)


@cli.command()
@click.argument("target", metavar="DATASET[@VERSION]", shell_complete=DATASETS)
@click.option(
    "--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write a page that needs no server [default: none]."
)
@with_wide
@with_store
@with_json
def quality(target: str, html: str | None, store: str | None, as_json: bool) -> None:
    """Show every check of a version, published or rejected, the failed ones first."""
    from flows.cli import quality as quality_commands

    quality_commands.quality(target, html, store, as_json)


@cli.command()
@click.argument("dataset", metavar="DATASET[@VERSION]", shell_complete=DATASETS)
@click.argument("old", required=False)
@click.argument("new", required=False)
@with_wide
@with_store
@with_json
def diff(dataset: str, old: str | None, new: str | None, store: str | None, as_json: bool) -> None:
    """Compare two versions or vintages of DATASET, in the order in which they were published.


    One alone is compared with what readers of latest get: of a rejected version, what it would have changed. None: the
    latest version and the one before it.
    """
    from flows.cli import diff as diff_command

    diff_command.diff(dataset, old, new, store, as_json)


@cli.command()
@click.argument("target", metavar="DATASET[@VERSION]", shell_complete=DATASETS)
@click.argument("where", nargs=-1, metavar="[COLUMN=VALUE ...]")
@click.option(
    "--as-of",
    metavar="DATE",
    help="What latest was at the end of a day (YYYY-MM-DD or today, UTC) or at a moment (ISO 8601) [default: now].",
)
@click.option(
    "--vintage",
    metavar="VINTAGE",
    help="What the publisher had published in that vintage [default: the newest]; see: techtrade vintages DATASET.",
)
@click.option("--columns", metavar="COLUMN,...", help="Only these columns, in this order [default: all].")
@click.option("--sort", metavar="COLUMN,...", help="Sort by these columns; -COLUMN descends [default: by key].")
@click.option("--limit", type=click.IntRange(1, ROWS), metavar="N", help="Only the first N rows [default: all].")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "parquet", "json"]),
    help="Format of the output [default: by the extension of --output, else table].",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="File to write to (.csv, .json, .parquet, .txt for a table) [default: standard output].",
)
@with_wide
@with_store
def read(
    target: str,
    where: tuple[str, ...],
    as_of: str | None,
    vintage: str | None,
    columns: str | None,
    sort: str | None,
    limit: int | None,
    form: str | None,
    output: str | None,
    store: str | None,
) -> None:
    """Print or export the figures of a version [default: the latest]: all rows, or those that fulfil every condition.

    A condition is COLUMN=VALUE, COLUMN=VALUE,VALUE (any of them), or uses !=, >=, <=, > or <. Quote those with > or <,
    which the shell would take for itself. A date can be a month or a year. COLUMN=null selects absent values; != keeps
    them.
    """
    from flows.cli import read as read_commands

    wanted = read_commands.Wanted(target, as_of, vintage, where, columns, sort, limit)
    read_commands.read(wanted, form, output, store)


@cli.command()
@click.argument("dataset", shell_complete=DATASETS)
@click.argument("where", nargs=-1, metavar="[COLUMN=VALUE ...]")
@click.option("--rebuild", is_flag=True, help="Rebuild it from the raw archive, and compare.")
@with_wide
@with_store
@with_json
def history(dataset: str, where: tuple[str, ...], rebuild: bool, store: str | None, as_json: bool) -> None:
    """Show what figures of DATASET were, from when until when, and why they changed."""
    from configs.errors import UsageError
    from flows.cli import history as history_commands

    if not rebuild:
        history_commands.spans(dataset, where, store, as_json)
        return
    if where:
        raise UsageError("--rebuild is of the whole history; leave out the conditions")
    sys.exit(history_commands.rebuild(dataset, store, as_json))


@cli.command(name="claims")
@click.argument("dataset", required=False, shell_complete=DATASETS)
@with_wide
@with_store
@with_json
def claims_command(dataset: str | None, store: str | None, as_json: bool) -> None:
    """Compare claims from the press with the figures of every vintage."""
    from flows.cli import history as history_commands

    history_commands.claims(dataset, store, as_json)


@cli.command()
@click.argument("target", metavar="DATASET[@VERSION]", shell_complete=DATASETS)
@with_store
@with_json
def replay(target: str, store: str | None, as_json: bool) -> None:
    """Rebuild a version from its raw inputs, and compare it with what was published."""
    from flows.cli import history as history_commands

    sys.exit(history_commands.replay_version(target, store, as_json))


@cli.command()
@click.argument("datasets", nargs=-1, shell_complete=DATASETS)
@click.option("--check", is_flag=True, help="Exit with 1 if something needs a person.")
@click.option("--all", "all_", is_flag=True, help="Show histories too, and what else is made from the datasets.")
@with_wide
@with_store
@with_json
def status(datasets: tuple[str, ...], check: bool, all_: bool, store: str | None, as_json: bool) -> None:
    """Show runs, versions, freshness, alerts and cost of DATASETS (default: all)."""
    from flows.cli import status as status_command

    sys.exit(status_command.status(datasets, store, as_json, check, all_))


@cli.command()
@click.argument("datasets", nargs=-1, shell_complete=DATASETS)
@with_wide
@with_store
@with_json
def freshness(datasets: tuple[str, ...], store: str | None, as_json: bool) -> None:
    """Say whether DATASETS (default: all) are as new as they can be, and if not, who is late."""
    from flows.cli import freshness as freshness_commands

    sys.exit(freshness_commands.freshness(datasets, store, as_json))


@cli.command()
@click.argument("target", metavar="[DATASET[@VERSION]]", required=False, shell_complete=DATASETS)
@with_wide
@with_store
@with_json
def verify(target: str | None, store: str | None, as_json: bool) -> None:
    """Recompute every checksum of a version (default: of every published version)."""
    from flows.cli import operate

    sys.exit(operate.verify(target, store, as_json))


@cli.command(name="yank")
@click.argument("target", metavar="DATASET@VERSION", shell_complete=DATASETS)
@click.option("--reason", type=Line(), required=True, help="Reason, for readers who pinned it.")
@click.option("--replaced-by", metavar="VERSION", help="Version to use instead [default: none].")
@with_store
@with_json
def yank_command(target: str, reason: str, replaced_by: str | None, store: str | None, as_json: bool) -> None:
    """Withdraw a published version; it stays readable by name, with a warning."""
    from flows.cli import operate

    operate.yank(target, reason, replaced_by, store, as_json)


@cli.command(name="redate")
@click.argument("dataset", shell_complete=DATASETS)
@click.option("--reason", type=Line(), required=True, help="Reason, recorded in the log.")
@click.option("--by", type=Line(), required=True, help="Who corrects it, recorded in the log.")
@click.option(
    "--at", multiple=True, metavar="SEQ=TIME", help="True time of an event (UTC); repeatable [default: the store's]."
)
@click.option("--dry-run", is_flag=True, help="Only print what would be corrected.")
@with_store
@with_json
def redate_command(
    dataset: str, reason: str, by: str, at: tuple[str, ...], dry_run: bool, store: str | None, as_json: bool
) -> None:
    """Correct the times in a log that a wrong clock stamped; the old ones are kept."""
    from flows.cli import redate as command

    command.redate(dataset, reason, by, at, dry_run, store, as_json)


@cli.command(name="restore")
@click.argument("datasets", nargs=-1, shell_complete=DATASETS)
@click.option("--from", "copy", required=True, metavar="URL", help="Copy of _raw/ and _ledger/ to restore from.")
@click.option(
    "--without", multiple=True, metavar="DATASET@VERSION", help="Version to leave out; repeatable [default: none]."
)
@click.option("--take-over", is_flag=True, help="Continue a restore that was killed.")
@with_store
@with_json
def restore_command(
    datasets: tuple[str, ...], copy: str, without: tuple[str, ...], take_over: bool, store: str | None, as_json: bool
) -> None:
    """Rebuild a lost store from a copy of its raw archive."""
    from flows.cli import restore as command

    sys.exit(command.restore(datasets, copy, without, take_over, store, as_json))


@cli.command(name="promote")
@click.argument("target", metavar="DATASET@VERSION", shell_complete=DATASETS)
@click.option("--reason", type=Line(), required=True, help="Reason for overriding the gate, for readers.")
@click.option("--by", type=Line(), required=True, metavar="PERSON", help="Who decided, for readers.")
@with_store
@with_json
def promote_command(target: str, reason: str, by: str, store: str | None, as_json: bool) -> None:
    """Publish a rejected version by decision of a person, as a new version that says why and by whom."""
    from flows.cli import promote as command

    command.promote(target, reason, by, store, as_json)


@cli.command()
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@click.option(
    "--grace-hours",
    type=Amount("HOURS"),
    default=24.0,
    show_default=True,
    metavar="HOURS",
    help="Leave what is younger.",
)
@click.option(
    "--keep",
    type=click.IntRange(0, VERSIONS),
    metavar="N",
    help="Also delete the data of all but the newest N versions (requires --keep-days) [default: keep all].",
)
@click.option(
    "--keep-days",
    type=Amount("DAYS"),
    metavar="DAYS",
    help="Delete only data older than DAYS (requires --keep) [default: keep all].",
)
@click.option(
    "--rejected-days",
    type=Amount("DAYS"),
    metavar="DAYS",
    help="Also delete the data of versions rejected more than DAYS ago, 90 for example [default: keep all].",
)
@with_store
@with_json
def gc(
    dry_run: bool,
    grace_hours: float,
    keep: int | None,
    keep_days: float | None,
    rejected_days: float | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Delete what killed runs left behind; with --keep and --keep-days also the data of old versions."""
    from flows.cli import operate

    sys.exit(operate.gc(dry_run, grace_hours, keep, keep_days, rejected_days, store, as_json))


@cli.command()
@click.option(
    "--stage",
    type=click.Choice(["local", "staging", "production"]),
    default="local",
    show_default=True,
    help="Stage whose differences to apply (deploy/stages/).",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@with_wide
@with_json
def deploy(stage: str, dry_run: bool, as_json: bool) -> None:
    """Update the Prefect server at PREFECT_API_URL to what deploy/prefect.yaml declares."""
    from flows.cli.deploy import deploy as run

    run(stage, dry_run, as_json)


@cli.command("new-dataset")
@click.argument("name")
@click.option(
    "--series", multiple=True, metavar="NAME=CODE", help="Series of the World Bank in US dollars, and its name here."
)
@click.option("--source", default="world_bank", show_default=True, metavar="SOURCE", help="Source of the figures.")
def new_dataset(name: str, series: tuple[str, ...], source: str) -> None:
    """Lay out the files of a new dataset in a checkout."""
    from flows.cli.new_dataset import new_dataset as run

    run(name, source, series)


@cli.command()
@click.option("--every", type=Amount("SECONDS", 1), metavar="SECONDS", help="Repeat until stopped [default: once].")
@click.option(
    "--late-minutes",
    type=Amount("MINUTES"),
    default=30,
    show_default=True,
    metavar="MINUTES",
    help="When a run that has not started is late.",
)
@click.option(
    "--settle-minutes",
    type=Amount("MINUTES"),
    default=15,
    show_default=True,
    metavar="MINUTES",
    help="How long a run may take to start, to end, or to exceed its time-out.",
)
@click.option(
    "--patience",
    type=Amount("SECONDS"),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long the server may not answer.",
)
@with_store
def watch(every: float | None, late_minutes: float, settle_minutes: float, patience: float, store: str | None) -> None:
    """Retry or report runs that died, hang or never started, and report a server that is gone."""
    from flows.cli.watch import watch as run

    sys.exit(run(store, every, late_minutes, settle_minutes, patience))


@cli.command()
@with_store
def serve(store: str | None) -> None:
    """Run the schedules on this machine until stopped."""
    from flows.prefect_setup.serve import serve as run

    run(store)


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh"]))
def completion(shell: str) -> None:
    """Print the script that completes commands, options and datasets in bash or zsh."""
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    if script is not None:
        click.echo(script(cli, {}, "techtrade", "_TECHTRADE_COMPLETE").source())


for group in (sources, raw, alerts):
    cli.add_command(group)


def main() -> None:
    """The console script: one line and an exit code for every error; a traceback only with ``--debug``."""
    with guarded():
        _main()


def _main() -> None:
    arguments = sys.argv[1:]
    debug = "--debug" in arguments  # wherever it stands
    debugging.set(debug)
    try:
        refuse_other_bytes(arguments)
        cli.main([a for a in arguments if a != "--debug"], standalone_mode=False)
    except click.ClickException as e:
        if debug:
            raise
        e.show()
        sys.exit(2)
    except click.exceptions.Exit as e:
        sys.exit(e.exit_code)
    except (click.Abort, KeyboardInterrupt) as e:
        remark("stopped")
        sys.exit(128 + (e.signum if isinstance(e, stopping.Stopped) else signal.SIGINT))
    except BrokenPipeError:
        # The reader of our output went away (`techtrade read ... | head`): not an error, but nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except TechtradeError as e:
        if debug:
            raise
        remark(f"error: {one_line(e)}")
        sys.exit(e.exit_code)
    except Exception as e:
        if debug:
            raise
        from flows.prefect_setup.secrets import told

        remark(f"error: {told(e)} (unexpected; see it whole with --debug)")
        sys.exit(1)
