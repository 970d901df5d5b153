"""``techtrade completion``: the script that a shell completes by."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from flows.cli import cli


def completion(shell: str) -> None:
    """Print the script of a shell."""
    script = get_completion_class(shell)
    if script is not None:
        click.echo(script(cli, {}, "techtrade", "_TECHTRADE_COMPLETE").source())
