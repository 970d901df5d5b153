"""Commands in messages: whole, with the store they are about."""

from __future__ import annotations

import click
import pytest

from configs.hints import command, named_store
from flows.cli.options import STORE


@pytest.mark.parametrize(
    ("variable", "given", "told"),
    [
        (None, None, "techtrade versions partners"),
        (None, "warehouse", "techtrade versions partners"),
        (None, "s3://bucket/x", "techtrade versions partners --store s3://bucket/x"),
        ("/srv/a store", None, "techtrade versions partners --store '/srv/a store'"),
        ("/srv/store", "warehouse", "techtrade versions partners --store warehouse"),
        (None, "s3://key:s3cret@bucket/x", "techtrade versions partners"),
    ],
)
def test_a_command_names_its_store_unless_it_is_the_default(
    variable: str | None, given: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TECHTRADE_STORE", raising=False)
    if variable:
        monkeypatch.setenv("TECHTRADE_STORE", variable)
    assert command("versions", "partners", store=given) == told


def test_the_store_option_is_remembered_while_its_command_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TECHTRADE_STORE", raising=False)

    look = click.Command("look", params=[STORE], callback=lambda url: click.echo(command("status")))

    from click.testing import CliRunner

    assert CliRunner().invoke(look, ["--store", "elsewhere"]).output == "techtrade status --store elsewhere\n"
    assert named_store.get() is None
    assert CliRunner().invoke(look, []).output == "techtrade status\n"


def test_a_variable_is_set_in_front() -> None:
    assert command("status", store="x", environment="A=1") == "A=1 techtrade status --store x"
