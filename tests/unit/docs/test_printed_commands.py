"""Every command that README, docs and runbooks print is one that the command line, or the Makefile, has."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click
import pytest

from tests.paths import ROOT
from tests.support.printed import Printed, commands, filled, in_markdown, is_mention, pages, parse, path_of

# What the placeholders of the docs may be filled with; what they stand for in a run is in tests/integration.
VALUES = {
    "DATASET": "partners",
    "DATASET@VERSION": "partners@2026-01-31.0001",
    "atp_world_monthly@VERSION": "atp_world_monthly@2026-01-31.0001",
    "COMMAND": "read",
    "COPY": "copy",
    "DAYS": "400",
    "ENTRY": "unit-and-size",
    "FILE": "page.html",
    "NEW": "new",
    "N": "20",
    "OLD": "2026-01-31.0001",
    "OWNER": "an owner",
    "PAGE": "quality",
    "PERSON": "A. Person",
    "SOURCE": "bea",
    "STAGE": "local",
    "TEXT": "a reason",
    "URL": "store",
    "VERSION": "2026-01-31.0001",
    "VINTAGE": "2025-02",
    "...": "a reason",
}


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_command_of_a_page_can_be_parsed(page: Path) -> None:
    wrong = []
    for printed in commands(page):
        if printed.program != "techtrade" or is_mention(printed):
            continue
        try:
            parse(filled(printed, VALUES).words)
        except (click.ClickException, ValueError) as e:
            wrong.append(f"{printed.where}: {printed.line}: {e}")
    assert wrong == []


def test_every_target_of_make_that_is_printed_exists() -> None:
    named = {(p.words, p.where) for page in pages() for p in commands(page) if p.program == "make"}
    assert {words for words, _ in named} >= {("run",), ("test",), ("stack",)}
    for words in {words for words, _ in named}:
        ran = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True)
        assert ran.returncode == 0, f"{[w for of, w in named if of == words]}: make {' '.join(words)}: {ran.stderr}"


def test_the_commands_of_the_readme_are_found() -> None:
    found = {p.line for p in commands(ROOT / "README.md")}
    assert {
        "make run",
        "techtrade publish --source snapshot",
        "techtrade read ip_trade_annual --vintage 2022-12-22",
        "techtrade yank DATASET@VERSION --reason ...",
    } <= found


@pytest.mark.parametrize("line", ["frobnicate", "publish --sauce live", "read", "raw list --json --older-than 3"])
def test_a_command_that_there_is_not_is_refused(line: str) -> None:
    with pytest.raises(click.ClickException):
        parse(tuple(line.split()))


def test_a_placeholder_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match=r"README.md:1: the placeholder THING has no value"):
        filled(Printed("README.md:1", "techtrade", ("show", "THING")), VALUES)


@pytest.mark.parametrize(
    ("words", "mention"), [("yank", True), ("raw", True), ("publish", False), ("show partners", False)]
)
def test_a_command_that_is_only_named_is_told_from_one_to_run(words: str, mention: bool) -> None:
    assert is_mention(Printed("x", "techtrade", tuple(words.split()))) is mention


@pytest.mark.parametrize(
    "given", ["techtrade versions partners | less", "source <(.venv/bin/techtrade versions partners)"]
)
def test_a_command_is_found_within_a_line_of_the_shell(given: str) -> None:
    for text in (f"```\n{given}\n```\n", f"as in `{given}`\n"):
        assert [p.words for p in in_markdown(text, "a.md")] == [("versions", "partners")]


def test_groups_have_their_commands() -> None:
    assert path_of(("raw", "list", "--json")) == ("raw", "list")
    assert path_of(("no", "such")) == ()
