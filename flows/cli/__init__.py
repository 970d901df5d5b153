"""``techtrade``: the command line.

Only click, the error classes and the declarations of the commands are imported here, so that ``--help`` answers at
once: see ``flows.cli.lazy``.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

try:
    import click
except ModuleNotFoundError:
    print("error: commands need packages that are not installed: pip install 'techtrade[publish]'", file=sys.stderr)
    sys.exit(2)

from configs.errors import TechtradeError
from flows.cli.commands import TOPICS
from flows.cli.lazy import TopicGroup
from flows.cli.options import refuse_other_bytes
from flows.cli.output import debugging, guarded
from flows.prefect_setup import stopping
from flows.prefect_setup.remarks import remark
from tasks.common.text import one_line


class CommandLine(TopicGroup):
    """The commands; each ends within seconds when it is asked to stop."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with stopping.stoppable():
            return super().invoke(ctx)


@click.group(cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(package_name="techtrade")
def cli(debug: bool) -> None:
    """US trade in advanced technology products and intellectual property, as versioned parquet datasets."""


cli.add_topics(TOPICS)


def main() -> None:
    """Run the console script: every error is one line and an exit code, a traceback only with ``--debug``."""
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
        from flows.prefect_setup.secrets import describe_safely

        remark(f"error: {describe_safely(e)} (unexpected; see it whole with --debug)")
        sys.exit(1)
