"""Every command in a message of ours is one that the command line has."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import click
import pytest

from flows.cli import cli
from tests.paths import ROOT
from tests.support.printed import in_text, is_mention, parse

FOLDERS = ("configs", "deploy", "expectations", "flows", "tasks")
MAKERS = {"command": (), "again": ("publish",)}
FROM = ("configs.hints", "configs.first_publish")
# The examples in the help are parsed by test_help.
MODULES = [p for folder in FOLDERS for p in sorted((ROOT / folder).rglob("*.py")) if p.parent.name != "commands"]
# What stands in for a value that is only known when the message is made.
ANY = "X"


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """All strings but docstrings, f-strings with their values replaced."""
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)} - {
        id(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
    }
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in parts | docstrings:
            continue
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(v.value) if isinstance(v, ast.Constant) else ANY for v in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def made(tree: ast.Module) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The words of commands that are put together by a function."""
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module in FROM for a in n.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in imported & MAKERS.keys():
            if isinstance(node.args[0], ast.Starred):  # words that are put together elsewhere
                continue
            words = [
                a.value if isinstance(a, ast.Constant) else ANY for a in node.args if not isinstance(a, ast.Starred)
            ]
            yield node.lineno, (*MAKERS[node.func.id], *map(str, words))


def wrong_in(source: str, where: str) -> list[str]:
    tree, wrong = ast.parse(source), []
    given = list(made(tree))
    for line, text in texts(tree):
        try:
            given += [(line, printed.words) for printed in in_text(text) if not is_mention(printed)]
        except ValueError as e:
            wrong.append(f"{where}:{line}: {e}")
    for line, words in given:
        try:
            parse(words)
        except click.ClickException as e:
            wrong.append(f"{where}:{line}: techtrade {' '.join(words)}: {e.format_message()}")
    return wrong


def test_every_command_that_a_message_names_can_be_parsed() -> None:
    wrong = [w for p in MODULES for w in wrong_in(p.read_text(encoding="utf-8"), p.relative_to(ROOT).as_posix())]
    assert wrong == []


def helps(group: click.Group) -> Iterator[str]:
    for command in group.commands.values():
        yield command.help or ""
        yield from (p.help or "" for p in command.params if isinstance(p, click.Option))
        yield from helps(command) if isinstance(command, click.Group) else ()


def test_every_command_that_the_help_names_can_be_parsed() -> None:
    named = [printed for text in helps(cli) for printed in in_text(text) if not is_mention(printed)]
    assert named
    for printed in named:
        parse(printed.words)


def test_a_hint_for_a_dataset_is_never_written_by_hand() -> None:
    """Whether a dataset is bundled, live or made from others is for configs.first_publish to say."""
    by_hand = []
    for path in MODULES:
        for line, text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            if "--source snapshot" in text or "--source live" in text or "start with: " in text:
                by_hand.append(f"{path.relative_to(ROOT)}:{line}: {text.strip()}")
    assert [found for found in by_hand if not found.startswith("configs/first_publish.py:")] == []


@pytest.mark.parametrize(
    "source",
    [
        'print(f"see: techtrade version {name}")',
        'print(f"run: techtrade publish {name} --sauce live")',
        'print(f"see techtrade versions {name} then run again")',
        'from configs.hints import command; command("publish", "--source", "elsewhere")',
    ],
)
def test_a_wrong_hint_is_found(source: str) -> None:
    assert len(wrong_in(source, "x.py")) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("see techtrade versions partners, then run again", [("versions", "partners")]),
        (
            "start with: techtrade publish a b --store s3://x/y (needs KEY)",
            [("publish", "a", "b", "--store", "s3://x/y")],
        ),
        ("run: TECHTRADE_FOLLOW=true techtrade publish a && techtrade status.", [("publish", "a"), ("status",)]),
        ("all commands: .venv/bin/techtrade --help", [("--help",)]),
        ("run techtrade from a checkout", []),
    ],
)
def test_commands_are_found_in_a_message(text: str, words: list[tuple[str, ...]]) -> None:
    assert [p.words for p in in_text(text)] == words
