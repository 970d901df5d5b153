"""``python -m deploy.stack up`` (``make stack``) and ``python -m deploy.stack test`` (``make stack-test``)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from configs.errors import TechtradeError
from deploy import ROOT
from deploy.stack.state import load, write_environment
from flows.prefect_setup import stopping

# The parts have three seconds to end, and what is left of them is killed then.
UNWIND_SECONDS = 4.5


def _say(text: str) -> None:
    click.echo(text, err=True)


class Commands(click.Group):
    """The commands; each ends within seconds when it is asked to stop."""

    def invoke(self, ctx: click.Context) -> Any:
        with stopping.stoppable(unwind_seconds=UNWIND_SECONDS):
            return super().invoke(ctx)


@click.group(cls=Commands)
def main() -> None:
    """A whole stack on one machine: PostgreSQL, Prefect, a worker, S3, doubles of the publishers. docs/stack.md"""


with_doubles = click.option(
    "--doubles",
    metavar="COMMAND",
    default="",
    help="Serves doubles of the publishers [default: runs ask the publishers].",
)


@main.command()
@with_doubles
@click.option("--folder", type=click.Path(path_type=Path), default=ROOT / "stack", help="Where it keeps its state.")
def up(doubles: str, folder: Path) -> None:
    """Start the stack; Ctrl-C ends it."""
    from deploy.stack.stack import Wishes, running

    state = load(folder)
    _say(f"state in {state.folder}, logs in {state.logs}")
    with running(state, Wishes(doubles), _say) as stack:
        path = write_environment(state, stack.client())
        _say(
            f"\nPrefect: {state.url('prefect')}\n"
            f"In another terminal:  . {path}\n"
            "  .venv/bin/prefect deployment run publish/atp-world-monthly   # a run, now\n"
            "  .venv/bin/techtrade versions atp_world_monthly               # what readers get\n"
            "Ctrl-C ends all of it."
        )
        stack.watch()


@main.command()
@with_doubles
def test(doubles: str) -> None:
    """Publish through a throw-away stack; the exit code is 0 only if all of it worked."""
    from deploy.stack.trial import trial

    trial(doubles, _say)


def run() -> int:
    """Return the exit code: 1 with a line that says why."""
    try:
        main(standalone_mode=False)
    except click.ClickException as e:
        e.show()
        return 2
    except TechtradeError as e:
        _say(f"error: {e}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run())
