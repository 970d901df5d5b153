"""The commands that have commands of their own: ``sources``, ``raw``, ``alerts``."""

from __future__ import annotations

from click import Argument, Choice, IntRange, Option

from flows.cli.lazy import LazyCommand, LazyGroup
from flows.cli.options import JSON, STORE, WIDE_TABLES, Line, dry_run
from flows.run_context import CENTURY

SOURCES = LazyGroup(
    "sources",
    "Check publishers, and archive their official vintages.",
    (
        LazyCommand(
            "flows.cli.sources:archives",
            "Archive every official vintage of the World Bank's series on intellectual property.",
            Option(
                ["--refresh"],
                type=Choice(["auto", "all"]),
                default="auto",
                show_default=True,
                help="Download only what the inventory lacks, or everything.",
            ),
            STORE,
            JSON,
            example="techtrade sources archives",
        ),
        LazyCommand(
            "flows.cli.sources:check",
            "Compare each publisher's metadata with what our parsers expect.",
            Argument(["names"], metavar="[SOURCE]...", nargs=-1),
            WIDE_TABLES,
            JSON,
            example="techtrade sources check census_balance",
        ),
        LazyCommand(
            "flows.cli.probe:probe",
            "Ask each publisher for a small sample, read-only, and describe what is not as our parsers expect.",
            Argument(["names"], metavar="[SOURCE]...", nargs=-1),
            Option(
                ["--out"],
                required=True,
                metavar="FILE",
                help="New folder, or new ZIP if it ends with .zip, for the report and the answers, without keys.",
            ),
            JSON,
            example="techtrade sources probe --out probe.zip",
        ),
    ),
    example="techtrade sources check",
)

RAW = LazyGroup(
    "raw",
    "Manage the raw archive; published versions do not depend on it.",
    (
        LazyCommand(
            "flows.cli.sources:raw_list",
            "List what is archived of each source.",
            Option(["--source"], metavar="SOURCE", help="Only this source [default: all]."),
            WIDE_TABLES,
            STORE,
            JSON,
            name="list",
            example="techtrade raw list --source snapshot",
        ),
        LazyCommand(
            "flows.cli.sources:raw_take_down",
            "Delete all raw bytes of SOURCE; the records of them stay.",
            Argument(["source"]),
            Option(["--reason"], type=Line(), required=True, help="Reason, recorded in the take-down note."),
            dry_run(),
            STORE,
            JSON,
            name="take-down",
            example="techtrade raw take-down census_balance --reason 'the licence ended' --dry-run",
        ),
        LazyCommand(
            "flows.cli.sources:raw_expire",
            "Delete old raw bytes (of SOURCE, default: of all) that no published version or inventory names.",
            Argument(["source"], required=False),
            Option(
                ["--older-than", "days"],
                type=IntRange(1, int(CENTURY["DAYS"])),
                required=True,
                metavar="DAYS",
                help="Delete only what was archived more than DAYS ago.",
            ),
            dry_run(),
            STORE,
            JSON,
            name="expire",
            example="techtrade raw expire --older-than 365 --dry-run",
        ),
    ),
    example="techtrade raw list",
)

ALERTS = LazyGroup(
    "alerts",
    "List, send and test alerts; their channels are in configs/alerts.yaml.",
    (
        LazyCommand(
            "flows.cli.alerts:test",
            "Send a test alert through every channel that is set.",
            Option(["--owner"], metavar="OWNER", help="Only the channels of this owner [default: all]."),
            JSON,
            example="techtrade alerts test",
        ),
        LazyCommand(
            "flows.cli.alerts:runbook",
            "Print a runbook, or one ENTRY of it: what an alert means and what to do. Without a PAGE, list them.",
            Argument(["page"], required=False),
            Argument(["entry"], required=False),
            example="techtrade alerts runbook quality unit-and-size",
        ),
        LazyCommand(
            "flows.cli.alerts:list_open",
            "List what is wrong now, who was alerted, and what could not be delivered.",
            WIDE_TABLES,
            STORE,
            JSON,
            name="list",
            example="techtrade alerts list",
        ),
        LazyCommand(
            "flows.cli.alerts:send",
            "Send alerts that are due, and those that could not be delivered before.",
            STORE,
            example="techtrade alerts send",
        ),
    ),
    example="techtrade alerts list",
)
