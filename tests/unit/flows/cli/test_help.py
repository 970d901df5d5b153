"""The help: commands in groups with an example each, nothing cut, units and defaults; names are completed."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from configs.contracts import published_names
from configs.words import COMMAND, COMMANDS
from flows.cli import cli
from flows.cli.commands import TOPICS
from flows.cli.lazy import LazyCommand
from flows.cli.options import dataset_names
from flows.run_context import CENTURY

WIDTH = 80


def commands(group: click.Group = cli, *path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


ALL = dict(commands())
EXAMPLES = {name: getattr(command, "example", "") for name, command in ALL.items()}


def shown(*arguments: str) -> str:
    ran = CliRunner().invoke(cli, arguments, prog_name="techtrade", terminal_width=WIDTH)
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_every_command_is_recognised_in_texts() -> None:
    assert sorted(COMMANDS) == sorted(cli.commands)
    for name, command in ALL.items():
        if not isinstance(command, click.Group):
            assert COMMAND.fullmatch(f"techtrade {name}" + " bash" * (name == "completion"))


def test_every_command_is_in_one_group_of_the_help() -> None:
    listed = [command.name for topic in TOPICS for command in topic.commands]
    assert sorted(listed) == sorted(cli.commands)
    text = shown("--help")
    titles = ["Publish:", "Read:", "Inspect:", "Operate:", "Deploy:"]
    assert [line for line in text.splitlines() if line in titles] == titles and "Other:" not in text
    for topic in TOPICS:
        assert topic.example in text


OPTIONS = {f"{name} {p.opts[0]}": p for name, command in ALL.items() for p in command.params}
NUMERIC = (click.types.IntParamType, click.types.FloatParamType)


@pytest.mark.parametrize("name", [name for name, p in OPTIONS.items() if isinstance(p.type, NUMERIC)])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300", "-1", "9" * 30])
def test_number_that_cannot_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(click.BadParameter):
        OPTIONS[name].type.convert(value, OPTIONS[name], None)


def test_option_with_a_unit_is_a_number() -> None:
    units = {"N", *CENTURY}
    assert all(isinstance(p.type, NUMERIC) for p in OPTIONS.values() if p.metavar in units)


@pytest.mark.parametrize("name", [name for name in OPTIONS if name.endswith((" --reason", " --by"))])
def test_words_of_a_person_are_kept_as_a_line(name: str) -> None:
    assert OPTIONS[name].type.convert("a\x1b[1m\nb", OPTIONS[name], None).isprintable()


@pytest.mark.parametrize("name", [name for name, c in ALL.items() if isinstance(c, click.Group)] + [""])
def test_no_description_is_cut_nor_wider_than_a_screen(name: str) -> None:
    text = shown(*name.split(), "--help")
    assert "..." not in text.partition("\n")[2]
    assert max(map(len, text.splitlines())) <= WIDTH
    flat = " ".join(text.split())
    group = ALL[name] if name else cli
    assert isinstance(group, click.Group)
    for command in group.commands.values():
        # All of its first sentence, as it is written.
        first = " ".join((command.help or "").split("\n\n")[0].split()).removesuffix(".").partition(". ")[0]
        assert first in flat


@pytest.mark.parametrize("name", list(ALL))
def test_the_help_of_a_command_is_complete(name: str) -> None:
    text, command = shown(*name.split(), "--help"), ALL[name]
    assert max(map(len, text.splitlines())) <= WIDTH
    example = text.partition("Example:\n")[2].strip()
    assert example == EXAMPLES[name] and example.startswith("techtrade ")
    assert command.help and command.help.split()[0].istitle(), "a verb"
    for option in (p for p in command.params if isinstance(p, click.Option)):
        flat = " ".join((option.help or "").split())
        assert flat, f"{name} {option.opts[0]}: no help"
        if option.is_flag or option.required:
            continue
        told = flat + ("[default: x]" if option.show_default else "")
        assert "[default: " in told or "default" in told, f"{name} {option.opts[0]}: no default"
        if not isinstance(option.type, click.Choice):
            assert option.metavar, f"{name} {option.opts[0]}: no unit"
    numbers = [p for p in command.params if isinstance(p, click.Option) and "Range" in type(p.type).__name__]
    for option in numbers:
        assert option.metavar in ("SECONDS", "MINUTES", "HOURS", "DAYS", "N"), f"{name} {option.opts[0]}: no unit"


@pytest.mark.parametrize("name", [name for name, c in ALL.items() if isinstance(c, LazyCommand)])
def test_the_body_of_a_command_takes_what_is_declared(name: str) -> None:
    command = ALL[name]
    assert isinstance(command, LazyCommand)
    given = dict.fromkeys(p.name for p in command.params if p.expose_value)
    inspect.signature(command.load()).bind(**given)


@pytest.mark.parametrize("example", [*EXAMPLES.values(), *(t.example for t in TOPICS)])
def test_every_example_is_understood(example: str) -> None:
    program, *arguments = shlex.split(example)
    assert program == "techtrade"
    words = 2 if " ".join(arguments[:2]) in ALL else 1
    name = " ".join(arguments[:words])
    ALL[name].make_context(name, arguments[words:])  # raises where it is wrong


@pytest.mark.parametrize(
    ("typed", "meant"), [("versoins", "versions"), ("publsh", "publish"), ("qualty", "quality"), ("statsu", "status")]
)
def test_a_misspelt_command_is_recognised(typed: str, meant: str) -> None:
    ran = CliRunner().invoke(cli, [typed])
    assert ran.exit_code == 2 and f"Did you mean '{meant}'?" in ran.output


def test_a_misspelt_option_is_recognised() -> None:
    ran = CliRunner().invoke(cli, ["publish", "--sorce", "live"])
    assert ran.exit_code == 2 and "--source" in ran.output


def test_the_names_that_are_completed_are_those_there_are() -> None:
    assert set(published_names()) <= set(dataset_names(histories=True))
    assert {n for n in dataset_names(histories=True) if n not in published_names()} == {"revision_profile_history"}


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_script_of_a_shell_is_printed(shell: str) -> None:
    text = shown("completion", shell)
    assert re.search(rf"_TECHTRADE_COMPLETE={shell}_complete", text) and "_techtrade_completion" in text
