"""``python -m deploy.stack up`` (``make stack``) and ``python -m deploy.stack test`` (``make stack-test``)."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

import click

from configs.errors import TechtradeError
from deploy import ROOT
from deploy.stack.state import load, write_environment


def _say(text: str) -> None:
    click.echo(text, err=True)


def _end(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@click.group()
def main() -> None:
    """A whole stack on one machine: PostgreSQL, Prefect, a worker, S3, doubles of the publishers. docs/stack.md"""


@main.command()
@click.option("--folder", type=click.Path(path_type=Path), default=ROOT / "stack", help="Where it keeps its state.")
def up(folder: Path) -> None:
    """Starts it, and ends it with Ctrl-C."""
    from deploy.stack.stack import running

    state = load(folder)
    _say(f"state in {state.folder}, logs in {state.logs}")
    with suppress(KeyboardInterrupt), running(state, say=_say) as stack:
        path = write_environment(state, stack.client())
        _say(
            f"\nPrefect: {state.url('prefect')}\n"
            f"In another terminal:  . {path}\n"
            "  .venv/bin/prefect deployment run publish/atp-world-monthly   # a run, now\n"
            "  .venv/bin/techtrade versions atp_world_monthly               # what readers get\n"
            "Ctrl-C ends all of it."
        )
        stack.watch()
    _say("all is down")


@main.command()
def test() -> None:
    """Publishes through a throw-away stack; the exit code is 0 only if all of it worked."""
    from deploy.stack.trial import trial

    trial(_say)


def run() -> int:
    """Returns the exit code: 1 with a line that says why. Ctrl-C is how ``up`` ends; of a trial it is no success."""
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, _end)
    try:
        main(standalone_mode=False)
    except (KeyboardInterrupt, click.exceptions.Abort):  # click makes the one of the other
        _say("interrupted; all is down")
        return 130
    except click.ClickException as e:
        e.show()
        return 2
    except TechtradeError as e:
        _say(f"error: {e}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run())
