"""Where a failed check is taken up: its id, and the entry of ``deploy/runbooks/quality.md`` that says what to do.

By family, because what a person does about it hardly depends on the single check: a sum that does not add up is looked
into the same way in every dataset. A check that nobody has put in a family has the general entry.
"""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).parent.parent
PAGE = "deploy/runbooks/quality.md"
GENERAL = "any-check"

# The checks that every contract gives, by the beginning of their ids.
_GENERATED = {
    "not_null_": "values",
    "no_nan_": "values",
    "allowed_": "values",
    "pattern_": "values",
    "range_": "values",
    "resolves_": "unknown-codes",
    "unknown_": "unknown-codes",
}
_FAMILIES: dict[str, tuple[str, ...]] = {
    "shape": (
        "schema", "has_rows", "key_unique", "row_count", "as_extracted", "matches_lists", "as_published",
        "every_record", "in_order",
    ),
    "values": (
        "precision", "not_negative", "not_rounded", "readable_text", "status_of_value", "one_figure", "intervals",
        "forecast_as_figure", "no_overlap", "validity", "sources", "coarser_months",
    ),
    "unknown-codes": (
        "known_codes", "codes_unique", "id_is_its_code", "iso_given", "region_given", "predecessors", "new_partners",
    ),
    "labels": (
        "aggregate_marks", "economy_names", "names_of_others", "renamed", "iso_codes", "one_of_each", "partner_names",
        "list_of_its_flow", "ranks_of_few", "chapters_thinned", "lists_of_one_year", "groups_kept",
        "groups_of_both",
        "group_names", "neighbours", "east_asia", "in_force", "codes_moved", "flows_differ", "smoother_adjusted",
        "concordance",
    ),
    "vintage": (
        "asked_vintage", "past_vintage", "vintage_not_back", "vintage_not_later", "one_vintage", "yanked_content",
        "fresh", "fresh_enough", "no_future_year", "no_future_quarter", "no_unpublished",
        "fresh_quarter", "fresh_update", "newest_list",
    ),
    "completeness": (
        "no_gaps", "every_group", "all_groups", "from_first_trade", "complete", "areas_complete", "every_month",
        "economies_a_year", "large_are_current", "no_holes", "years_with_a_list", "zeros_left_out",
    ),
    "adding-up": (
        "balance", "year_totals", "partners_to_world", "groups_to_total", "months_to_year", "not_counted_twice",
        "adds_up_to_world", "near_world", "short_of_world", "types_add_up", "years_agree", "affiliations_add_up",
        "areas_add_up", "control_totals", "parts_of_value", "continents_to_world", "groups_to_members",
        "groups_near_members",
    ),
    "unit-and-size": (
        "known_year", "known_years", "jumps", "unit", "in_season", "proportion", "partners_in_season", "year_in_line",
        "settled_years", "newest_in_season", "newest_proportion", "newest_groups", "newest_partners",
        "seasonal_pattern", "us_years", "us_recent", "us_growth",
    ),
    "lost": (
        "months_lost", "economies_lost", "economies_lost_large", "economies_lost_small", "rows_lost", "rows_lost_large",
        "rows_lost_small", "rows_withdrawn", "large_withdrawn", "withdrawn_share", "withdrawn_value", "forecasts",
        "codes_lost", "codes_retired", "figures_lost", "figures_withdrawn", "partners_lost", "lost_quietly",
        "history_lost", "groups_ended",
    ),
    "revisions": (
        "size_of_change", "large_revision", "old_revision", "month_revised", "year_revised", "figures_changed",
        "figures_changed_large", "figures_changed_small", "figures_revised", "aggregate_change", "aggregate_revision",
        "total_change", "history_rewritten", "history_changed", "churn", "list_exchanged", "size_of_change_partner",
        "groups_revised", "partners_revised", "returning",
    ),
    "other-sources": (
        "ft900", "ft900_found", "same_total", "new_months_agree", "same_us_total", "quarters_to_year", "as_hitech",
        "as_hitech_aircraft", "in_lists",
    ),
    "expected-breaks": ("expected_breaks",),
    "derived": (
        "as_its_input", "as_its_inputs", "ranks", "shares", "balances", "world_each_year", "sizes", "percentiles",
        "groups",
    ),
    "history": ("spans_follow", "spans_forward", "present", "past", "causes"),
    "continuity": (
        "flat_lines", "flat_lines_large", "flat_lines_small", "copied_periods", "carried_periods", "figures_moved",
        "no_news", "same_list", "flows_exchanged", "flow_exchanged", "economies_exchanged", "partners_exchanged",
    ),
}  # fmt: skip
_BY_ID = {check: family for family, checks in _FAMILIES.items() for check in checks}


def anchor(check_id: str) -> str:
    """The heading of the entry, as a link has it."""
    generated = next((a for prefix, a in _GENERATED.items() if check_id.startswith(prefix)), GENERAL)
    return _BY_ID.get(check_id, generated)


def runbook(check_id: str) -> str:
    """The entry of a check, as a path in this project with the heading."""
    return f"{PAGE}#{anchor(check_id)}"


def entry(check_id: str, pages: Path = PROJECT) -> str:
    """The text of a check's entry; empty where the project's pages are not at hand."""
    path = pages / PAGE
    return sections(path.read_text(encoding="utf-8")).get(anchor(check_id), "") if path.is_file() else ""


def pages(project: Path = PROJECT) -> list[str]:
    """Return the names of the runbooks; none where the project's pages are not at hand."""
    return sorted(p.stem for p in (project / PAGE).parent.glob("*.md"))


def page(name: str, project: Path = PROJECT) -> str:
    """Return the text of a runbook.

    Raises:
        OSError: there is none of that name.
    """
    return (project / PAGE).with_name(f"{name}.md").read_text(encoding="utf-8")


def sections(page: str) -> dict[str, str]:
    """The entries of a runbook page by their anchors."""
    parts = [part.partition("\n") for part in page.split("\n## ")[1:]]
    return {heading.strip().lower().replace(" ", "-"): text.strip() for heading, _, text in parts}
