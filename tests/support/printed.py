"""The commands that README, docs and runbooks print: found, with their placeholders filled in, and parsed.

A command is a line of a fenced block (or a comment in a Python one), or inline code that begins with ``techtrade`` or
``make``. Of a pipe it is the first command, of ``source <(...)`` the inner one. Text in square brackets is optional, so such a command stands for two: without all of it, and with all of it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import click

from tests.paths import ROOT

PROGRAMS = {"techtrade": "techtrade", ".venv/bin/techtrade": "techtrade", "make": "make"}
SHELL = ("", "sh", "bash", "console")
# A fenced line that has the word techtrade and is another program's.
OTHER_PROGRAMS = {"docker", "prefect"}
PLACEHOLDER = re.compile(r"^(?:[A-Z][A-Z_]*(?:@[A-Z]+)?|\.\.\.)$|[@=]VERSION$")


@dataclass(frozen=True)
class Printed:
    """A command as it is printed, and where. ``variables``: those that are set in front of it."""

    where: str
    program: str
    words: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def line(self) -> str:
        return shlex.join([*(f"{k}={v}" for k, v in self.variables.items()), self.program, *self.words])


def pages() -> list[Path]:
    """README, the docs and the runbooks; decisions tell of what was, and are left out."""
    docs = [p for p in sorted((ROOT / "docs").rglob("*.md")) if "decisions" not in p.parts]
    return [
        ROOT / "README.md",
        *docs,
        ROOT / "deploy" / "README.md",
        *sorted((ROOT / "deploy" / "runbooks").rglob("*.md")),
    ]


def commands(page: Path) -> list[Printed]:
    """All commands of a page, in their order.

    Raises:
        ValueError: a line of a fenced block has a command in a form that is not understood.
    """
    return in_markdown(page.read_text(encoding="utf-8"), page.relative_to(ROOT).as_posix())


def in_markdown(text: str, name: str) -> list[Printed]:
    """All commands of the text of a page of that name: see ``commands``."""
    found: list[Printed] = []
    for line, given in [*_fenced(text, name), *_inline(text)]:
        where = f"{name}:{line}"
        found += [printed for form in _forms(given) if (printed := _read(where, form))]
    return found


def _fenced(text: str, name: str) -> Iterator[tuple[int, str]]:
    language: str | None = None
    carried, began = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            language = None if language is not None else line.strip().removeprefix("```")
        elif language == "python" and (said := re.search(r"# (techtrade .*)$", line)):
            yield number, said[1]
        elif language in SHELL:
            began = began if carried else number
            if line.endswith("\\"):
                carried += line[:-1]
                continue
            whole, carried = carried + line, ""
            given = _alone(re.sub(r"(^|\s)#.*$", "", whole).strip().removeprefix("$ "))
            if _program(given):
                yield began, given
            elif "techtrade" in given.split()[1:] and given.split()[0] not in OTHER_PROGRAMS:
                raise ValueError(f"{name}:{began}: a command that is not understood: {given}")


def _inline(text: str) -> Iterator[tuple[int, str]]:
    without = re.sub(r"^```.*?^```", lambda m: "\n" * m[0].count("\n"), text, flags=re.MULTILINE | re.DOTALL)
    for code in re.finditer(r"(?<!`)`([^`]+)`(?!`)", without):
        given = _alone(" ".join(code[1].split()))
        if _program(given):
            yield without.count("\n", 0, code.start()) + 1, given


def _alone(given: str) -> str:
    """The command without what a shell does with its output: a pipe after it, or ``source <(...)`` around it."""
    sourced = re.fullmatch(r"source <\((.*)\)", given)
    return (sourced[1] if sourced else given).partition(" | ")[0]


def _program(given: str) -> str | None:
    try:
        words = [w for w in shlex.split(given) if not re.match(r"[A-Z_]+=", w)]
    except ValueError:  # an apostrophe in what is no command
        return None
    # The name by itself is the product, and not a command.
    return PROGRAMS.get(words[0]) if len(words) > 1 else None


def _forms(given: str) -> list[str]:
    """Without what stands in square brackets, and with it."""
    optional = re.compile(r"\[([^\]]*)\]")
    if not optional.search(given):
        return [given]
    return [optional.sub("", given), optional.sub(lambda m: m[1].replace("...", ""), given)]


def _read(where: str, given: str) -> Printed | None:
    words, variables = shlex.split(given), {}
    while "=" in words[0] and words[0].partition("=")[0].isupper():
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return Printed(where, PROGRAMS[words[0]], tuple(words[1:]), variables)


def filled(printed: Printed, values: Mapping[str, str]) -> Printed:
    """The command with its placeholders filled in.

    Raises:
        ValueError: a placeholder has no value.
    """
    words = []
    for word in printed.words:
        if word not in values and PLACEHOLDER.search(word):
            raise ValueError(f"{printed.where}: the placeholder {word} has no value; add one: {printed.line}")
        words.append(values.get(word, word))
    return Printed(printed.where, printed.program, tuple(words), printed.variables)


def path_of(words: tuple[str, ...]) -> tuple[str, ...]:
    """The command that the words name: one, or a group and its command; empty if there is none."""
    from flows.cli import cli

    found: list[str] = []
    of: click.Command | None = cli
    for word in (w for w in words if w != "--debug"):
        of = of.commands.get(word) if isinstance(of, click.Group) else None
        if of is None:
            break
        found.append(word)
    return tuple(found)


def parse(words: tuple[str, ...]) -> None:
    """Reads the words as the command line does, and runs nothing.

    Raises:
        click.ClickException: there is no such command, option or value, or something is missing.
    """
    from flows.cli import cli

    name, command, rest = "techtrade", cast(click.Command, cli), [w for w in words if w != "--debug"]
    context: click.Context | None = None
    if set(rest) & {"--help", "-h", "--version"}:  # which print and end at once
        return
    while True:
        with command.make_context(name, list(rest), parent=context) as context:
            if not isinstance(command, click.Group):
                return
            name, command, rest = cast(
                tuple[str, click.Command, list[str]], command.resolve_command(context, _rest(context))
            )


def _rest(context: click.Context) -> list[str]:
    """What a group left for its commands."""
    return [*context._protected_args, *context.args]


def is_mention(printed: Printed) -> bool:
    """Whether only a command is named, which needs more to be run: `techtrade yank`."""
    path = path_of(printed.words)
    if not path or len(path) != len(printed.words):
        return False
    try:
        parse(printed.words)
    except click.UsageError as e:
        return isinstance(e, click.MissingParameter) or not e.message.startswith("No such")
    return False


# What ends a command within a message.
ENDS = re.compile(r'[,;:.)`"]+$')
PROSE = {"from", "and", "is", "data"}  # after the name of the product


def in_text(text: str) -> list[Printed]:
    """The commands that a message names: up to the punctuation mark, the bracket or the line's end after each.

    Raises:
        ValueError: the name of the product is followed by a word that is neither a command nor known prose.
    """
    from flows.cli import cli

    found = []
    for begin in re.finditer(r"((?:[A-Z_]+=\S+ )*)(?:\.venv/bin/)?techtrade ((?:--debug )?[a-z-]+)", text):
        if begin[2].removeprefix("--debug ") not in {*cli.commands, "--help", "--version"}:
            if begin[2] not in PROSE:
                around = text[max(0, begin.start() - 60) : begin.end() + 60]
                raise ValueError(f"techtrade {begin[2]}: no such command, in: ... {around} ...")
            continue
        words: list[str] = []
        for word in text[begin.start(2) :].partition("\n")[0].split(" "):
            if not word or word == "&&" or word[0] in "(#":
                break
            words.append(ENDS.sub("", word))
            if ENDS.search(word):
                break
        variables = dict(pair.split("=", 1) for pair in begin[1].split())
        found.append(Printed("a message", "techtrade", tuple(shlex.split(" ".join(words))), variables))
    return found
