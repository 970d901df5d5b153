"""The help of the command line: commands in groups, an example each, every description whole.

click's own list of commands is one block, and cuts each description to what is left of a line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True)
class Topic:
    """A group of commands in the help: its title, an example, and the commands in the order that they are shown."""

    title: str
    example: str
    commands: tuple[str, ...]


NEW_DATASET = "techtrade new-dataset ict_annual --series ict=BX.GSR.CCIS.CD"
TOPICS = (
    Topic("Publish", "techtrade publish ip_trade_annual --source snapshot", ("publish", "backfill", "promote", "yank")),
    Topic(
        "Read",
        "techtrade read ip_trade_annual --format csv",
        ("datasets", "show", "read", "vintages", "versions", "diff", "history", "claims"),
    ),
    Topic("Inspect", "techtrade quality ip_trade_annual", ("quality", "verify", "replay")),
    Topic(
        "Operate",
        "techtrade status --check",
        ("status", "freshness", "alerts", "sources", "raw", "restore", "redate", "gc", "watch"),
    ),
    Topic("Deploy", "techtrade deploy --dry-run", ("deploy", "serve", "completion")),
    Topic("Develop", NEW_DATASET, ("new-dataset",)),
)

# An example of each command, by its words. Those of one store are of the store that `make run` makes.
EXAMPLES = {
    "publish": "techtrade publish ip_trade_annual --source snapshot",
    "backfill": "techtrade backfill atp_trade_monthly --from 2015-01 --to 2016-12 --dry-run",
    "promote": "techtrade promote ip_trade_annual@VERSION --reason confirmed --by 'A. Person'",
    "yank": "techtrade yank ip_trade_annual@VERSION --reason 'a wrong month'",
    "datasets": "techtrade datasets --all",
    "show": "techtrade show ip_trade_annual",
    "read": "techtrade read ip_trade_annual economy_code=USA 'year>=2015' --format csv",
    "vintages": "techtrade vintages ip_trade_annual",
    "versions": "techtrade versions ip_trade_annual --wide",
    "diff": "techtrade diff ip_trade_annual 2022-12-22 2025-01-28",
    "history": "techtrade history ip_trade_annual economy_code=USA year=2020",
    "claims": "techtrade claims atp_world_monthly",
    "quality": "techtrade quality ip_trade_annual --html quality.html",
    "verify": "techtrade verify ip_trade_annual",
    "replay": "techtrade replay ip_trade_annual",
    "status": "techtrade status --check",
    "freshness": "techtrade freshness ip_trade_annual",
    "restore": "techtrade restore --from s3://copy/techtrade --store s3://bucket/techtrade",
    "redate": "techtrade redate atp_world_monthly --reason 'clock ran ahead' --by 'A. B.'",
    "gc": "techtrade gc --dry-run",
    "watch": "techtrade watch --every 60",
    "deploy": "techtrade deploy --stage staging --dry-run",
    "serve": "techtrade serve --store s3://bucket/techtrade",
    "completion": "techtrade completion bash",
    "new-dataset": NEW_DATASET,
    "sources": "techtrade sources check",
    "sources archives": "techtrade sources archives",
    "sources check": "techtrade sources check census_balance",
    "raw": "techtrade raw list",
    "raw list": "techtrade raw list --source snapshot",
    "raw take-down": "techtrade raw take-down census_balance --reason 'the licence ended' --dry-run",
    "raw expire": "techtrade raw expire --older-than 365 --dry-run",
    "alerts": "techtrade alerts list",
    "alerts test": "techtrade alerts test",
    "alerts runbook": "techtrade alerts runbook quality unit-and-size",
    "alerts list": "techtrade alerts list",
    "alerts send": "techtrade alerts send",
}


class _Explained(click.Command):
    """A command whose help ends with an example."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example, under the name that the command was called by."""
        example = EXAMPLES.get(" ".join(ctx.command_path.split(" ")[1:]))
        if example:
            with formatter.section("Example"):
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        super().format_epilog(ctx, formatter)


class ExplainedCommand(_Explained):
    """A command of the command line."""


class ExplainedGroup(_Explained, click.Group):
    """A group of commands, listed with their whole descriptions."""

    command_class = ExplainedCommand

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with the first sentence of its help, wrapped and not cut."""
        _list(self, ctx, formatter, "Commands", self.list_commands(ctx))


class TopicGroup(ExplainedGroup):
    """The command line itself: its commands in topics."""

    group_class = ExplainedGroup

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands topic by topic, each topic with its example."""
        widest = max(len(name) for name in self.list_commands(ctx))
        for topic in TOPICS:
            _list(self, ctx, formatter, topic.title, topic.commands, widest)
            formatter.write(f"{'':2}{'e.g.':<{widest}}  {topic.example}\n")
        rest = sorted(set(self.list_commands(ctx)) - {name for topic in TOPICS for name in topic.commands})
        _list(self, ctx, formatter, "Other", rest, widest)


def _list(
    group: click.Group, ctx: click.Context, formatter: click.HelpFormatter, title: str, names: Any, widest: int = 0
) -> None:
    found = [(name, group.get_command(ctx, name)) for name in names]
    rows = [(f"{name:<{widest}}", c.get_short_help_str(limit=1000)) for name, c in found if c and not c.hidden]
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)


def dataset_names(histories: bool = False) -> list[str]:
    """Return the names of the datasets, as far as file names tell: contracts take half a second to load.

    Args:
        histories: those of the histories too; of a dataset that has none a name too many.
    """
    from pathlib import Path

    configs = Path(__file__).parents[2] / "configs"
    names = sorted(p.stem for folder in ("datasets", "derived") for p in (configs / folder).glob("*.yaml"))
    return [n for name in names for n in ((name, f"{name}_history") if histories else (name,))]


def completes_datasets(
    histories: bool = True,
) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return what completes a parameter to the names of datasets."""

    def complete(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
        return [name for name in dataset_names(histories) if name.startswith(typed)]

    return complete
