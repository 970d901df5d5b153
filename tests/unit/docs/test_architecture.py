"""The page on the architecture says what the code is."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.paths import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`((?:configs|expectations|tasks|flows|tests|deploy)/[\w/.]+)`", PAGE)))


def floors_of_linter() -> list[set[str]]:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = {c["name"]: c["layers"] for c in linter["contracts"] if c["type"] == "layers"}
    whole, within = (
        layers["Flows run tasks, tasks use expectations, all read configs"],
        layers["Each floor of tasks imports only the floors below it"],
    )
    tasks = [set(floor.replace(" ", "").split("|")) for floor in within]
    return [floor for name in whole for floor in (tasks if name == "tasks" else [{name}])]


def floors_of_diagram() -> list[set[str]]:
    titles = dict(re.findall(r'^ +(\w+)\["<b>(?:tasks\.)?(\w+)</b>', PAGE, re.M))
    chains = [re.split(r" --> ", line.strip()) for line in re.findall(r"^ +\w+ --> .*$", PAGE, re.M)]
    assert chains[0][-1] == chains[1][0]
    return [{titles[name] for name in floor.split(" & ")} for floor in (*chains[0], *chains[1][1:])]


def test_diagram_has_the_floors_of_the_linter() -> None:
    assert floors_of_diagram() == floors_of_linter()


@pytest.mark.parametrize("path", PATHS)
def test_a_named_file_or_folder_is_there(path: str) -> None:
    assert (ROOT / path).exists()
