"""Completion in a real bash, with the script that ``techtrade completion bash`` prints."""

from __future__ import annotations

import subprocess
import sys

import pytest

from configs.contracts import dataset_names
from tests.paths import ROOT

# What readline does at a Tab, and what it is then offered.
ASK = """
source <(techtrade completion bash)
complete -p techtrade >/dev/null || exit 9
COMP_WORDS=({words}); COMP_CWORD={last}
_techtrade_completion techtrade
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with techtrade on it, as of this checkout."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "techtrade"
    command.write_text(f"#!{sys.executable}\nfrom flows.cli import main\nmain()\n", encoding="utf-8")
    command.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def offered(path: str, *words: str) -> list[str]:
    script = ASK.format(words=" ".join(f"'{w}'" for w in ("techtrade", *words)), last=len(words))
    environment = {"PATH": path, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    return [word for word in ran.stdout.splitlines() if word]


def test_bash_completes_commands_options_and_choices(path: str) -> None:
    assert offered(path, "ver") == ["verify", "versions"]
    assert "--refresh" in offered(path, "publish", "--re")
    assert offered(path, "publish", "--source", "s") == ["snapshot"]
    assert offered(path, "raw", "t") == ["take-down"]
    assert offered(path, "completion", "") == ["bash", "zsh"]


@pytest.mark.parametrize(
    "command", ["show", "read", "versions", "diff", "status", "publish", "history", "quality", "verify"]
)
def test_bash_completes_names_of_datasets(path: str, command: str) -> None:
    assert {*offered(path, command, "atp_w")} == {"atp_world_monthly", "atp_world_monthly_history"}
    if command == "show":
        assert set(dataset_names()) <= {*offered(path, command, "")}


def test_completing_a_name_imports_nothing_heavy(path: str) -> None:
    code = (
        "import os, sys; sys.argv=['techtrade']\n"
        "os.environ |= {'_TECHTRADE_COMPLETE': 'bash_complete', 'COMP_WORDS': 'techtrade show atp_w', 'COMP_CWORD': '2'}\n"
        "from flows.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('HEAVY', [m for m in ('prefect', 'polars', 'pydantic', 'yaml', 'rich', 's3fs') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "plain,atp_world_monthly" in ran.stdout and ran.stdout.splitlines()[-1] == "HEAVY []"
