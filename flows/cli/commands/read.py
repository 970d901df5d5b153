"""The commands that show figures, versions and checks, and change nothing."""

from __future__ import annotations

from click import Argument, Choice, IntRange, Option, Path

from flows.cli.lazy import LazyCommand, Topic
from flows.cli.options import CONDITIONS, JSON, ROWS, STORE, WIDE_TABLES, dataset, target

READ = LazyCommand(
    "flows.cli.read:read",
    """Print or export the figures of a version [default: the latest]: all rows, or those that fulfil every condition.

    A condition is COLUMN=VALUE, COLUMN=VALUE,VALUE (any of them), or uses !=, >=, <=, > or <. Quote those with > or <,
    which the shell would take for itself. A date can be a month or a year. COLUMN=null selects absent values; != keeps
    them.
    """,
    target(),
    CONDITIONS,
    Option(
        ["--as-of"],
        metavar="DATE",
        help="What latest was at the end of a day (YYYY-MM-DD or today, UTC) or at a moment (ISO 8601) [default: now].",
    ),
    Option(
        ["--vintage"],
        metavar="VINTAGE",
        help="What the publisher had published in that vintage [default: the newest]; see: techtrade vintages DATASET.",
    ),
    Option(["--columns"], metavar="COLUMN,...", help="Only these columns, in this order [default: all]."),
    Option(["--sort"], metavar="COLUMN,...", help="Sort by these columns; -COLUMN descends [default: by key]."),
    Option(["--limit"], type=IntRange(1, ROWS), metavar="N", help="Only the first N rows [default: all]."),
    Option(
        ["--format", "form"],
        type=Choice(["table", "csv", "parquet", "json"]),
        help="Format of the output [default: by the extension of --output, else table].",
    ),
    Option(
        ["--output"],
        type=Path(dir_okay=False),
        metavar="FILE",
        help="File to write to (.csv, .json, .parquet, .txt for a table) [default: standard output].",
    ),
    WIDE_TABLES,
    STORE,
    example="techtrade read ip_trade_annual economy_code=USA 'year>=2015' --format csv",
)

READING = Topic(
    "Read",
    "techtrade read ip_trade_annual --format csv",
    (
        LazyCommand(
            "flows.cli.versions:datasets",
            "List the datasets, and what is published of them.",
            Option(["--all", "all_"], is_flag=True, help="Show histories too, a row each."),
            WIDE_TABLES,
            STORE,
            JSON,
            example="techtrade datasets --all",
        ),
        LazyCommand(
            "flows.cli.show:show",
            "Show a dataset: its columns, and of what is published sources, changes and quality.",
            target(),
            WIDE_TABLES,
            STORE,
            JSON,
            example="techtrade show ip_trade_annual",
        ),
        READ,
        LazyCommand(
            "flows.cli.versions:vintages",
            "List the publisher's vintages of DATASET: bundled, published, or known to its history.",
            dataset(),
            WIDE_TABLES,
            STORE,
            JSON,
            example="techtrade vintages ip_trade_annual",
        ),
        LazyCommand(
            "flows.cli.versions:versions",
            "List the versions of DATASET: published, yanked, rejected, held.",
            dataset(),
            WIDE_TABLES,
            STORE,
            JSON,
            example="techtrade versions ip_trade_annual --wide",
        ),
        LazyCommand(
            "flows.cli.diff:diff",
            """Compare two versions or vintages of DATASET, in the order in which they were published.

            One alone is compared with what readers of latest get: of a rejected or held version, what it would change.
            None: the latest version and the one before it.
            """,
            target(),
            Argument(["old"], required=False),
            Argument(["new"], required=False),
            WIDE_TABLES,
            STORE,
            JSON,
            example="techtrade diff ip_trade_annual 2022-12-22 2025-01-28",
        ),
        LazyCommand(
            "flows.cli.history:history",
            "Show what figures of DATASET were, from when until when, and why they changed.",
            dataset(),
            CONDITIONS,
            Option(["--rebuild", "from_raw"], is_flag=True, help="Rebuild it from the raw archive, and compare."),
            WIDE_TABLES,
            STORE,
            JSON,
            example="techtrade history ip_trade_annual economy_code=USA year=2020",
        ),
        LazyCommand(
            "flows.cli.claims:claims",
            "Compare claims from the press with the figures of every vintage.",
            dataset(required=False),
            WIDE_TABLES,
            STORE,
            JSON,
            example="techtrade claims atp_world_monthly",
        ),
    ),
)

INSPECTING = Topic(
    "Inspect",
    "techtrade quality ip_trade_annual",
    (
        LazyCommand(
            "flows.cli.quality:quality",
            "Show every check of a version, published, rejected or held, the failed ones first.",
            target(),
            Option(
                ["--html"],
                type=Path(dir_okay=False),
                metavar="FILE",
                help="Write a page that needs no server [default: none].",
            ),
            WIDE_TABLES,
            STORE,
            JSON,
            example="techtrade quality ip_trade_annual --html quality.html",
        ),
        LazyCommand(
            "flows.cli.held:held",
            "List candidates that are held until confirmed: since when, for which figures, and how to publish them.",
            dataset(required=False),
            Option(["--all", "all_"], is_flag=True, help="Show those of before too, and what became of them."),
            WIDE_TABLES,
            STORE,
            JSON,
            example="techtrade held atp_world_monthly",
        ),
        LazyCommand(
            "flows.cli.operate:verify",
            "Recompute every checksum of a version (default: of every published version).",
            target("[DATASET[@VERSION]]", required=False),
            WIDE_TABLES,
            STORE,
            JSON,
            example="techtrade verify ip_trade_annual",
        ),
        LazyCommand(
            "flows.cli.history:replay_version",
            "Rebuild a version from its raw inputs, and compare it with what was published.",
            target(),
            STORE,
            JSON,
            name="replay",
            example="techtrade replay ip_trade_annual",
        ),
    ),
)
