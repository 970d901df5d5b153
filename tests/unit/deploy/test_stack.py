"""What a stack on one machine keeps, and whom PostgreSQL could be run as."""

from __future__ import annotations

import json
import os
import shlex
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deploy.stack import doubles, stack
from deploy.stack.postgres import open_to_all
from deploy.stack.processes import StackError, environment
from deploy.stack.state import PORTS, load, write_environment


def test_a_second_start_finds_ports_and_passwords_of_the_first(tmp_path: Path) -> None:
    first = load(tmp_path / "stack")
    assert load(tmp_path / "stack") == first
    assert set(first.ports) == set(PORTS) and len(set(first.ports.values())) == len(PORTS)
    assert (tmp_path / "stack" / "state.json").stat().st_mode & 0o077 == 0
    assert first.database_password not in repr(first) and first.s3_secret not in repr(first)


def test_ports_that_others_have_taken_are_changed_and_passwords_kept(tmp_path: Path) -> None:
    first = load(tmp_path / "stack")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first.ports["prefect"]))
        taken.listen()
        second = load(tmp_path / "stack")
    assert second.ports["prefect"] != first.ports["prefect"]
    assert (second.mark, second.s3_secret) == (first.mark, first.s3_secret)


@pytest.mark.parametrize("content", ["", "{}", '{"mark": 1', json.dumps({"unknown": 1})])
def test_a_state_that_is_none_is_told_in_a_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    with pytest.raises(StackError, match="cannot be used as the folder of a stack"):
        load(tmp_path)


def test_a_part_is_not_given_settings_of_another_server_or_store(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", "TECHTRADE_STORE", "AWS_ACCESS_KEY_ID", "CENSUS_API_KEY"):
        monkeypatch.setenv(name, "somebody's")
    monkeypatch.setenv("TECHTRADE_ALERT_CHAT", "json://127.0.0.1")
    given = environment("mark", AWS_REGION="here")
    assert {k: v for k, v in given.items() if v == "somebody's"} == {}
    assert (given["TECHTRADE_STACK"], given["AWS_REGION"]) == ("mark", "here")
    assert given["TECHTRADE_ALERT_CHAT"] == "json://127.0.0.1"


def test_the_environment_for_a_shell_is_private(tmp_path: Path) -> None:
    path = write_environment(load(tmp_path / "stack"), {"A": "b 'c"})
    assert shlex.split(path.read_text()) == ["export", "A=b 'c"]
    assert path.stat().st_mode & 0o077 == 0


def test_the_doubles_addresses_are_read_from_what_they_say(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("# paste this\nexport A='http://127.0.0.1:1/x'\nnoise\nexport B='k'\n# serving until Ctrl-C\n")
    assert doubles.variables(log) == {"A": "http://127.0.0.1:1/x", "B": "k"}


def test_the_doubles_are_not_up_because_an_earlier_start_said_so(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("# serving until Ctrl-C\n")
    program = doubles.program(load(tmp_path / "stack"), "serve", log)
    log.touch()  # as a part does when it starts
    assert not program.is_up()


def test_a_part_that_cannot_be_ended_keeps_no_other_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ended: list[str] = []

    def stop(name: str, deadline: float) -> None:
        ended.append(name)
        if name == "second":
            raise StackError("it does not end")

    monkeypatch.setattr(stack, "end_marked", lambda _: ended.append("what is left"))
    found = stack.Stack(load(tmp_path / "stack"), stack.Wishes(), lambda _: None)
    found.parts = cast(
        Any,
        {
            n: SimpleNamespace(stop=lambda d, n=n: stop(n, d), ask_to_end=lambda n=n: asked.append(n))
            for n in ("first", "second", "third")
        },
    )
    with pytest.raises(StackError, match="it does not end"):
        found.stop_all()
    assert asked == ["third", "second", "first"]
    assert ended == ["third", "second", "first", "what is left"]


def test_who_may_enter_is_decided_by_every_folder_on_the_way(tmp_path: Path) -> None:
    assert open_to_all(Path("/"))
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "outer").chmod(0o700)
    assert not open_to_all(inner)
    assert os.access(inner, os.X_OK)
