"""``techtrade``: the command line.

Only click and the error classes are imported here, so that ``--help`` answers at once: Great Expectations
takes about 10 s to import and Prefect 1 to 3 s, so each command imports what it needs when it runs.
"""

from __future__ import annotations

import os
import sys

import click

from configs.errors import TechtradeError
from flows.cli_groups import alerts, raw, sources
from flows.cli_options import with_json, with_store
from flows.output import debugging, one_line, remark


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(package_name="techtrade")
def cli(debug: bool) -> None:
    """US trade in advanced technology products and intellectual property, as versioned parquet datasets."""


@cli.command()
@click.argument("datasets", nargs=-1)
@click.option("--source", type=click.Choice(["live", "snapshot"]), default="live", show_default=True)
@click.option("--vintage", help="The vintage to publish [default: the newest the source has].")
@click.option(
    "--refresh",
    type=click.Choice(["auto", "all"]),
    default="auto",
    show_default=True,
    help="Ask only for what may have changed since the published version, or for everything.",
)
@with_store
@with_json
def publish(
    datasets: tuple[str, ...], source: str, vintage: str | None, refresh: str, store: str | None, as_json: bool
) -> None:
    """Extract, transform, check and publish DATASETS (all, if none is named)."""
    from flows.commands import publish_datasets

    sys.exit(publish_datasets(datasets, source, vintage, refresh, store, as_json))


@cli.command(name="backfill")
@click.argument("dataset")
@click.option("--from", "first", required=True, metavar="YYYY-MM", help="The first month to ask for again.")
@click.option("--to", "last", metavar="YYYY-MM", help="The last one [default: this month].")
@click.option("--dry-run", is_flag=True, help="Only say what it would take.")
@with_store
@with_json
def backfill_command(
    dataset: str, first: str, last: str | None, dry_run: bool, store: str | None, as_json: bool
) -> None:
    """Ask for months of DATASET's history again, and publish what comes of it as one version."""
    from flows.backfill_command import backfill

    sys.exit(backfill(dataset, first, last, dry_run, store, as_json))


@cli.command()
@with_store
@with_json
def datasets(store: str | None, as_json: bool) -> None:
    """What datasets there are, and what is published of them."""
    from flows import inspect_commands

    sys.exit(inspect_commands.datasets(store, as_json))


@cli.command()
@click.argument("dataset")
@with_store
@with_json
def vintages(dataset: str, store: str | None, as_json: bool) -> None:
    """The publisher's vintages of DATASET: bundled ones, and those published in the store."""
    from flows import inspect_commands

    inspect_commands.vintages(dataset, store, as_json)


@cli.command()
@click.argument("dataset")
@with_store
@with_json
def versions(dataset: str, store: str | None, as_json: bool) -> None:
    """All versions of DATASET: published, yanked, rejected."""
    from flows import inspect_commands

    inspect_commands.versions(dataset, store, as_json)


@cli.command()
@click.argument("target", metavar="DATASET[@VERSION]")
@with_store
@with_json
def show(target: str, store: str | None, as_json: bool) -> None:
    """The data dictionary of a dataset; with what is published: sources, changes and quality."""
    from flows import show_command

    show_command.show(target, store, as_json)


@cli.command()
@click.argument("target", metavar="DATASET[@VERSION]")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write a page that needs no server.")
@with_store
@with_json
def quality(target: str, html: str | None, store: str | None, as_json: bool) -> None:
    """What the quality gate found on a version, published or rejected: each check, what failed first."""
    from flows import quality_commands

    quality_commands.quality(target, html, store, as_json)


@cli.command()
@click.argument("dataset")
@click.argument("old", required=False)
@click.argument("new", required=False)
@with_store
@with_json
def diff(dataset: str, old: str | None, new: str | None, store: str | None, as_json: bool) -> None:
    """What differs between two versions of DATASET [default: the latest and the one before it]."""
    from flows import read_commands

    read_commands.diff(dataset, old, new, store, as_json)


@cli.command()
@click.argument("target", metavar="DATASET[@VERSION]")
@click.option("--as-of", metavar="DATE", help="What latest was on that day (YYYY-MM-DD, its end in UTC) or moment.")
@click.option("--vintage", help="What the publisher had published in that vintage; see: techtrade vintages DATASET.")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "parquet", "json"]), default="table", show_default=True
)
@click.option("--output", type=click.Path(dir_okay=False), help="Write to a file instead of standard output.")
@with_store
def read(target: str, as_of: str | None, vintage: str | None, form: str, output: str | None, store: str | None) -> None:
    """The figures of a version."""
    from flows import read_commands

    read_commands.read(target, as_of, vintage, form, output, store)


@cli.command()
@click.argument("dataset")
@click.argument("where", nargs=-1, metavar="[COLUMN=VALUE ...]")
@click.option("--rebuild", is_flag=True, help="Make it again from the raw archive, and compare.")
@with_store
@with_json
def history(dataset: str, where: tuple[str, ...], rebuild: bool, store: str | None, as_json: bool) -> None:
    """What figures of DATASET were, from when until when, and why they changed."""
    from configs.errors import UsageError
    from flows import history_commands

    if not rebuild:
        history_commands.spans(dataset, where, store, as_json)
        return
    if where:
        raise UsageError("--rebuild is of the whole history; leave out the conditions")
    sys.exit(history_commands.rebuild(dataset, store, as_json))


@cli.command(name="claims")
@click.argument("dataset", required=False)
@with_store
@with_json
def claims_command(dataset: str | None, store: str | None, as_json: bool) -> None:
    """What is said in public of the figures, held against every vintage."""
    from flows import history_commands

    history_commands.claims(dataset, store, as_json)


@cli.command()
@click.argument("target", metavar="DATASET[@VERSION]")
@with_store
@with_json
def replay(target: str, store: str | None, as_json: bool) -> None:
    """Build a version again from its raw inputs, and say whether it is the same."""
    from flows import history_commands

    sys.exit(history_commands.replay_version(target, store, as_json))


@cli.command()
@click.argument("datasets", nargs=-1)
@click.option("--check", is_flag=True, help="Exit with 1 if a person has to look at something.")
@with_store
@with_json
def status(datasets: tuple[str, ...], check: bool, store: str | None, as_json: bool) -> None:
    """How DATASETS (all, if none is named) stand: runs, versions, freshness, alerts and cost, on one screen."""
    from flows import status_command

    sys.exit(status_command.status(datasets, store, as_json, check))


@cli.command()
@click.argument("datasets", nargs=-1)
@with_store
@with_json
def freshness(datasets: tuple[str, ...], store: str | None, as_json: bool) -> None:
    """Whether DATASETS (all, if none is named) are as new as they can be, and if not, who is late."""
    from flows import freshness_commands

    sys.exit(freshness_commands.freshness(datasets, store, as_json))


@cli.command()
@click.argument("target", metavar="[DATASET[@VERSION]]", required=False)
@with_store
@with_json
def verify(target: str | None, store: str | None, as_json: bool) -> None:
    """Recompute every checksum of a version (of every published version, if none is named)."""
    from flows import operate_commands

    sys.exit(operate_commands.verify(target, store, as_json))


@cli.command(name="yank")
@click.argument("target", metavar="DATASET@VERSION")
@click.option("--reason", required=True, help="Why, for readers who pinned it.")
@click.option("--replaced-by", metavar="VERSION", help="The version to use instead.")
@with_store
@with_json
def yank_command(target: str, reason: str, replaced_by: str | None, store: str | None, as_json: bool) -> None:
    """Withdraw a published version: it stays readable by name, and says that it is bad."""
    from flows import operate_commands

    operate_commands.yank(target, reason, replaced_by, store, as_json)


@cli.command(name="restore")
@click.argument("datasets", nargs=-1)
@click.option("--from", "copy", required=True, metavar="URL", help="The copy of _raw/ and _ledger/ to restore from.")
@click.option("--without", multiple=True, metavar="DATASET@VERSION", help="Not to be restored; may be given again.")
@click.option("--take-over", is_flag=True, help="A restoration that was killed left its mark: go on in its place.")
@with_store
@with_json
def restore_command(
    datasets: tuple[str, ...], copy: str, without: tuple[str, ...], take_over: bool, store: str | None, as_json: bool
) -> None:
    """Make a lost store again from a copy of its raw archive."""
    from flows import restore_command as command

    sys.exit(command.restore(datasets, copy, without, take_over, store, as_json))


@cli.command(name="promote")
@click.argument("target", metavar="DATASET@VERSION")
@click.option("--reason", required=True, help="Why the gate is overridden, for readers.")
@click.option("--by", required=True, metavar="PERSON", help="Who says so, for readers.")
@with_store
@with_json
def promote_command(target: str, reason: str, by: str, store: str | None, as_json: bool) -> None:
    """Publish a rejected version all the same: as a new version that names it, the reason and the person."""
    from flows import promote_command as command

    command.promote(target, reason, by, store, as_json)


@cli.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--grace-hours", type=click.FloatRange(min=0), default=24.0, show_default=True, help="Leave alone what is younger."
)
@click.option("--keep", type=click.INT, metavar="N", help="Also delete the data of all but the newest N versions ...")
@click.option(
    "--keep-days", type=click.FLOAT, metavar="DAYS", help="... that are older than so; to be given with --keep."
)
@with_store
@with_json
def gc(
    dry_run: bool, grace_hours: float, keep: int | None, keep_days: float | None, store: str | None, as_json: bool
) -> None:
    """Clean up what killed runs left behind. Published and rejected versions are never touched, but for the data of old
    ones if a policy is named (--keep, --keep-days)."""
    from flows import operate_commands

    operate_commands.gc(dry_run, grace_hours, keep, keep_days, store, as_json)


@cli.command()
@click.option(
    "--stage",
    type=click.Choice(["local", "staging", "production"]),
    default="local",
    show_default=True,
    help="Whose differences to apply (deploy/stages/).",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@with_json
def deploy(stage: str, dry_run: bool, as_json: bool) -> None:
    """Bring the Prefect server at PREFECT_API_URL to what deploy/prefect.yaml declares."""
    from flows.deploy_command import deploy as run

    run(stage, dry_run, as_json)


@cli.command()
@click.option("--every", type=click.FloatRange(min=1), metavar="SECONDS", help="Look again and again, until stopped.")
@click.option("--late-minutes", type=click.FloatRange(min=0), default=30, show_default=True, help="When a run is late.")
@click.option(
    "--settle-minutes",
    type=click.FloatRange(min=0),
    default=15,
    show_default=True,
    help="How long a run may take to start or to end, and beyond its time-out.",
)
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long the server may be silent.",
)
@with_store
def watch(every: float | None, late_minutes: float, settle_minutes: float, patience: float, store: str | None) -> None:
    """Look for runs that died, hang or never began, and for a server that is gone; mend or tell it."""
    from flows.watch_command import watch as run

    sys.exit(run(store, every, late_minutes, settle_minutes, patience))


@cli.command()
@with_store
def serve(store: str | None) -> None:
    """Run the schedules on this machine, until stopped."""
    from flows.serve import serve as run

    run(store)


for group in (sources, raw, alerts):
    cli.add_command(group)


def main() -> None:
    """The console script: one line and an exit code for every error; a traceback only with ``--debug``."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments  # wherever it stands
    debugging.set(debug)
    try:
        cli.main([a for a in arguments if a != "--debug"], standalone_mode=False)
    except click.ClickException as e:
        if debug:
            raise
        e.show()
        sys.exit(2)
    except click.exceptions.Exit as e:
        sys.exit(e.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
        sys.exit(130)
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
        from flows.keys import told

        remark(f"error: {told(e)} (unexpected; see it whole with --debug)")
        sys.exit(1)


if __name__ == "__main__":
    main()
