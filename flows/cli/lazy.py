"""Commands whose bodies are loaded when they run, in groups whose help cuts no description.

The body of a command takes one to two seconds to import (pydantic, polars, the warehouse), Prefect and Great
Expectations up to ten. Declared apart from it, a command answers ``--help``, a misspelt option and a Tab within a tenth
of a second. Loading the module of a command with its decorators was measured: ``techtrade show --help`` and every Tab
then took fifteen times as long.

click's own list of commands is one block, and cuts each description to what is left of a line.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click


class _Explained(click.Command):
    """A command whose help ends with an example."""

    example = ""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example."""
        if self.example:
            with formatter.section("Example"):
                formatter.write(f"{'':{formatter.current_indent}}{self.example}\n")
        super().format_epilog(ctx, formatter)


class LazyCommand(_Explained):
    """A command as it is declared: the function that it runs, what it says of itself, and what it takes.

    Args:
        body: ``module:function``, with an argument for each parameter; it may return the exit code.
        help: its first sentence is the command's line in the help of its group.
        name: where it is not that of the function.
    """

    def __init__(self, body: str, help: str, *params: click.Parameter, example: str, name: str | None = None) -> None:
        self.body, self.example = body, example
        super().__init__(name or body.partition(":")[2], params=list(params), help=help, callback=self._run)

    def load(self) -> Any:
        """Return the function that it runs."""
        module, _, function = self.body.partition(":")
        return getattr(import_module(module), function)

    def _run(self, **given: Any) -> None:
        sys.exit(self.load()(**given) or 0)


class LazyGroup(_Explained, click.Group):
    """A group of commands, listed with their whole first sentences."""

    def __init__(self, name: str, help: str, commands: Sequence[click.Command], example: str) -> None:
        self.example = example
        super().__init__(name, commands, help=help)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands."""
        _list("Commands", [self.commands[name] for name in self.list_commands(ctx)], formatter)


@dataclass(frozen=True)
class Topic:
    """Commands that belong together in the help, in the order in which they are shown."""

    title: str
    example: str
    commands: tuple[click.Command, ...]


class TopicGroup(click.Group):
    """The command line itself: its commands in topics."""

    topics: tuple[Topic, ...] = ()

    def add_topics(self, topics: tuple[Topic, ...]) -> None:
        """Add the commands of the topics."""
        self.topics = topics
        for topic in topics:
            for command in topic.commands:
                self.add_command(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands topic by topic, each topic with its example."""
        widest = max(map(len, self.commands))
        for topic in self.topics:
            _list(topic.title, topic.commands, formatter, widest)
            formatter.write(f"{'':2}{'e.g.':<{widest}}  {topic.example}\n")


def _list(title: str, commands: Iterable[click.Command], formatter: click.HelpFormatter, widest: int = 0) -> None:
    with formatter.section(title):
        formatter.write_dl([(f"{c.name or '':<{widest}}", c.get_short_help_str(limit=1000)) for c in commands])
