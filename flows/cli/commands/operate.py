"""The commands that watch, clean up, repair and deploy."""

from __future__ import annotations

from click import Argument, Choice, IntRange, Option

from flows.cli.commands.groups import ALERTS, RAW, SOURCES
from flows.cli.lazy import LazyCommand, Topic
from flows.cli.options import DATASETS, JSON, STORE, VERSIONS, WIDE_TABLES, Amount, Line, dataset, dry_run

STATUS = LazyCommand(
    "flows.cli.status:status",
    "Show runs, versions, freshness, alerts and cost of DATASETS (default: all).",
    DATASETS,
    Option(["--check"], is_flag=True, help="Exit with 1 if something needs a person."),
    Option(["--all", "all_"], is_flag=True, help="Show histories too, and what else is made from the datasets."),
    WIDE_TABLES,
    STORE,
    JSON,
    example="techtrade status --check",
)

FRESHNESS = LazyCommand(
    "flows.cli.status:freshness",
    "Say whether DATASETS (default: all) are as new as they can be, and if not, who is late.",
    DATASETS,
    WIDE_TABLES,
    STORE,
    JSON,
    example="techtrade freshness ip_trade_annual",
)

RESTORE = LazyCommand(
    "flows.cli.operate:restore",
    "Rebuild a lost store from a copy of its raw archive.",
    DATASETS,
    Option(["--from", "copy"], required=True, metavar="URL", help="Copy of _raw/ and _ledger/ to restore from."),
    Option(
        ["--without"],
        multiple=True,
        metavar="DATASET@VERSION",
        help="Version to leave out; repeatable [default: none].",
    ),
    Option(["--take-over"], is_flag=True, help="Continue a restore that was killed."),
    STORE,
    JSON,
    example="techtrade restore --from s3://copy/techtrade --store s3://bucket/techtrade",
)

REDATE = LazyCommand(
    "flows.cli.redate:redate",
    "Correct the times in a log that a wrong clock stamped; the old ones are kept.",
    dataset(),
    Option(["--reason"], type=Line(), required=True, help="Reason, recorded in the log."),
    Option(["--by"], type=Line(), required=True, help="Who corrects it, recorded in the log."),
    Option(
        ["--at", "stated"],
        multiple=True,
        metavar="SEQ=TIME",
        help="True time of an event (UTC); repeatable [default: the store's].",
    ),
    dry_run("Only print what would be corrected."),
    STORE,
    JSON,
    example="techtrade redate atp_world_monthly --reason 'clock ran ahead' --by 'A. B.'",
)

GC = LazyCommand(
    "flows.cli.operate:gc",
    "Delete what killed runs left behind; with --keep and --keep-days also the data of old versions.",
    dry_run(),
    Option(
        ["--grace-hours"],
        type=Amount("HOURS"),
        default=24.0,
        show_default=True,
        metavar="HOURS",
        help="Leave what is younger.",
    ),
    Option(
        ["--keep"],
        type=IntRange(0, VERSIONS),
        metavar="N",
        help="Also delete the data of all but the newest N versions (requires --keep-days) [default: keep all].",
    ),
    Option(
        ["--keep-days"],
        type=Amount("DAYS"),
        metavar="DAYS",
        help="Delete only data older than DAYS (requires --keep) [default: keep all].",
    ),
    Option(
        ["--rejected-days"],
        type=Amount("DAYS"),
        metavar="DAYS",
        help="Also delete the data of versions rejected more than DAYS ago, 90 for example [default: keep all].",
    ),
    STORE,
    JSON,
    example="techtrade gc --dry-run",
)

WATCH = LazyCommand(
    "flows.cli.status:watch",
    "Retry or report runs that died, hang or never started, and report a server that is gone.",
    Option(["--every"], type=Amount("SECONDS", 1), metavar="SECONDS", help="Repeat until stopped [default: once]."),
    Option(
        ["--late-minutes", "late"],
        type=Amount("MINUTES"),
        default=30,
        show_default=True,
        metavar="MINUTES",
        help="When a run that has not started is late.",
    ),
    Option(
        ["--settle-minutes", "settle"],
        type=Amount("MINUTES"),
        default=15,
        show_default=True,
        metavar="MINUTES",
        help="How long a run may take to start, to end, or to exceed its time-out.",
    ),
    Option(
        ["--patience"],
        type=Amount("SECONDS"),
        default=60,
        show_default=True,
        metavar="SECONDS",
        help="How long the server may not answer.",
    ),
    STORE,
    example="techtrade watch --every 60",
)

OPERATING = Topic("Operate", STATUS.example, (STATUS, FRESHNESS, ALERTS, SOURCES, RAW, RESTORE, REDATE, GC, WATCH))

DEPLOYING = Topic(
    "Deploy",
    "techtrade deploy --dry-run",
    (
        LazyCommand(
            "flows.cli.deploy:deploy",
            "Update the Prefect server at PREFECT_API_URL to what deploy/prefect.yaml declares.",
            Option(
                ["--stage"],
                type=Choice(["local", "staging", "production"]),
                default="local",
                show_default=True,
                help="Stage whose differences to apply (deploy/stages/).",
            ),
            dry_run(),
            WIDE_TABLES,
            JSON,
            example="techtrade deploy --stage staging --dry-run",
        ),
        LazyCommand(
            "flows.prefect_setup.serve:serve",
            "Run the schedules on this machine until stopped.",
            STORE,
            example="techtrade serve --store s3://bucket/techtrade",
        ),
        LazyCommand(
            "flows.cli.completion:completion",
            "Print the script that completes commands, options and datasets in bash or zsh.",
            Argument(["shell"], type=Choice(["bash", "zsh"])),
            example="techtrade completion bash",
        ),
    ),
)
