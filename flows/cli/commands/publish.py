"""The commands that change what readers get."""

from __future__ import annotations

from click import Choice, Option

from flows.cli.lazy import LazyCommand, Topic
from flows.cli.options import DATASETS, JSON, STORE, Line, dataset, dry_run, target

PUBLISH = LazyCommand(
    "flows.cli.publish:publish_datasets",
    "Extract, transform, check and publish DATASETS (default: all).",
    DATASETS,
    Option(
        ["--source"],
        type=Choice(["live", "snapshot"]),
        default="live",
        show_default=True,
        help="Ask the publishers, or take the figures that are bundled.",
    ),
    Option(["--vintage"], metavar="VINTAGE", help="The vintage to publish [default: the newest of the source]."),
    Option(
        ["--refresh"],
        type=Choice(["auto", "all"]),
        default="auto",
        show_default=True,
        help="Download only what may have changed since the published version, or everything.",
    ),
    STORE,
    JSON,
    name="publish",
    example="techtrade publish ip_trade_annual --source snapshot",
)

BACKFILL = LazyCommand(
    "flows.cli.publish:backfill",
    "Download months of DATASET again, and publish the result as one version.",
    dataset(),
    Option(["--from", "first"], required=True, metavar="YYYY-MM", help="First month to download again."),
    Option(["--to", "last"], metavar="YYYY-MM", help="Last month [default: this month]."),
    dry_run("Only print what it would take."),
    STORE,
    JSON,
    example="techtrade backfill atp_trade_monthly --from 2015-01 --to 2016-12 --dry-run",
)

PROMOTE = LazyCommand(
    "flows.cli.publish:promote",
    "Publish a rejected or held version by decision of a person, as a new version that says why and by whom.",
    target("DATASET@VERSION"),
    Option(["--reason"], type=Line(), required=True, help="Reason for overriding the gate, for readers."),
    Option(["--by"], type=Line(), required=True, metavar="PERSON", help="Who decided, for readers."),
    STORE,
    JSON,
    example="techtrade promote ip_trade_annual@VERSION --reason confirmed --by 'A. Person'",
)

YANK = LazyCommand(
    "flows.cli.operate:yank",
    "Withdraw a published version; it stays readable by name, with a warning.",
    target("DATASET@VERSION"),
    Option(["--reason"], type=Line(), required=True, help="Reason, for readers who pinned it."),
    Option(["--replaced-by"], metavar="VERSION", help="Version to use instead [default: none]."),
    STORE,
    JSON,
    example="techtrade yank ip_trade_annual@VERSION --reason 'a wrong month'",
)

PUBLISHING = Topic("Publish", PUBLISH.example, (PUBLISH, BACKFILL, PROMOTE, YANK))
