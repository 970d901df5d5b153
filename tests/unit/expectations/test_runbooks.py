"""Every check and every kind of alert has an entry that says what to do."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from configs.contracts import dataset_names, load_contract
from expectations import runbooks
from expectations.runbooks import GENERAL, PROJECT, anchor, entry, runbook, sections
from tasks.alerts.model import KINDS, Kind

CALLS = {"none_of", "not_applicable", "ratio", "bound", "Check", "_none_of", "_not_applicable"}
RUNBOOKS = PROJECT / "deploy" / "runbooks"
PARTS = ["What it means", "What readers see", "What to check", "How to mend", "How to undo"]


def ids() -> set[str]:
    """The ids that stand in the modules of checks: as an argument of what makes a check, or as a key of its titles."""
    found = {check for name in dataset_names() for check in load_contract(name).quality}
    for path in Path(runbooks.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
                found |= {a.value for a in node.args[:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return found


def headings(page: str) -> set[str]:
    return set(sections((PROJECT / "deploy" / "runbooks" / page).read_text(encoding="utf-8")))


def test_every_check_is_in_a_family() -> None:
    assert {"jumps", "schema", "rows_lost", "ft900"} <= ids()
    assert {check for check in ids() if anchor(check) == GENERAL} == set()


def test_every_family_has_its_entry_and_every_entry_its_checks() -> None:
    families = {*runbooks._FAMILIES, *runbooks._GENERATED.values(), GENERAL}
    assert headings("quality.md") == families


@pytest.mark.parametrize(
    ("check", "family"),
    [("not_null_value_usd", "values"), ("resolves_partner_code", "unknown-codes"), ("jumps", "unit-and-size"), ("new_one", "any-check")],
)  # fmt: skip
def test_a_check_leads_to_its_entry(check: str, family: str) -> None:
    assert runbook(check) == f"deploy/runbooks/quality.md#{family}"
    assert len(entry(check)) > 80


def test_without_the_project_at_hand_there_is_no_text_and_no_error(tmp_path: Path) -> None:
    assert entry("jumps", tmp_path) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_alert_has_its_page(kind: Kind) -> None:
    assert (RUNBOOKS / KINDS[kind].runbook.partition("#")[0]).is_file()


@pytest.mark.parametrize("page", sorted(p.name for p in RUNBOOKS.glob("*.md")))
def test_a_page_says_what_it_means_what_readers_see_what_to_check_how_to_mend_and_how_to_undo(page: str) -> None:
    text = (RUNBOOKS / page).read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert (
        re.findall(r"^###? (What it means|What readers see|What to check|How to mend|How to undo)$", text, re.M)
        == PARTS
    )


def test_no_page_is_there_that_nothing_leads_to() -> None:
    led = {info.runbook.partition("#")[0] for info in KINDS.values()}
    assert {p.name for p in RUNBOOKS.glob("*.md")} == led | {"undelivered.md", "lost-store.md"}
