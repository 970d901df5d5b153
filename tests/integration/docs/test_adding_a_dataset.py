"""docs/adding-a-dataset.md, followed step by step in a copy of the project that does not have the dataset yet."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from configs import CONFIGS
from tests.paths import ROOT

NAME = "high_tech_exports_annual"
PAGE = ROOT / "docs" / "adding-a-dataset.md"
BLOCK = re.compile(r"^```(bash|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", "warehouse", "*.egg-info")


def merged(base: Any, change: Any) -> Any:
    """A contract with parts of it changed: keys by name, columns by theirs."""
    if isinstance(base, dict) and isinstance(change, dict):
        return base | {key: merged(base.get(key), value) for key, value in change.items()}
    if isinstance(base, list) and change and isinstance(change[0], dict) and "name" in change[0]:
        known = {entry["name"]: entry for entry in change}
        return [merged(entry, known.get(entry["name"], {})) for entry in base]
    return change


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project as it was before the dataset."""
    copy = tmp_path / "checkout"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    _with_environment(copy)
    for path in sorted(copy.rglob(f"*{NAME}*")):
        if path.exists():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    listed = copy / "configs" / "derived" / "revision_profile.yaml"
    listed.write_text("".join(line for line in listed.open() if NAME not in line))
    return copy


def _with_environment(copy: Path) -> None:
    """The packages of this environment, which `make` takes for its own."""
    (copy / ".venv").mkdir()
    for part in (ROOT / ".venv").iterdir():
        (copy / ".venv" / part.name).symlink_to(part)
    of = "cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1"
    ran = subprocess.run(["sh", "-c", of], cwd=copy, capture_output=True, text=True, check=True)
    (copy / ".venv" / f".installed-{ran.stdout.strip()}").touch()


@pytest.fixture
def environment(checkout: Path, tmp_path: Path, prefect_api: str) -> dict[str, str]:
    return os.environ | {
        "PATH": f"{checkout}/.venv/bin:{os.environ['PATH']}",
        "PYTHONPATH": str(checkout),
        "PREFECT_API_URL": prefect_api,
        "TECHTRADE_STORE": str(tmp_path / "warehouse"),
        "TECHTRADE_FOLLOW": "true",
        "FIGURES": str(CONFIGS / "snapshot" / NAME),
    }


def steps() -> Iterator[tuple[str, str]]:
    yield from BLOCK.findall(PAGE.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_page_leads_to_a_published_version(checkout: Path, environment: dict[str, str]) -> None:
    def run(command: str) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            ["bash", "-euc", command], cwd=checkout, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
        return ran

    run("make generate freeze")
    before = {p for p in checkout.rglob("*") if p.is_file() and ".venv" not in p.parts and "__pycache__" not in p.parts}
    assert not any(NAME in p.read_text("utf-8", "replace") for p in before if p.parent.name in ("deploy", "stages"))
    for kind, text in steps():
        if kind == "bash":
            run(text)
            continue
        contract = checkout / text.partition("\n")[0].removeprefix("# ")
        changed = merged(yaml.safe_load(contract.read_text(encoding="utf-8")), yaml.safe_load(text))
        contract.write_text(yaml.safe_dump(changed, sort_keys=False, width=120), encoding="utf-8")
    (versions,) = (json.loads(run(f"techtrade versions {NAME} --json").stdout),)
    assert [v["vintage"] for v in versions] == ["2021-09-15", "2024-11-13"]
    assert {NAME, f"{NAME}_history", "revision_profile"} <= {
        d["dataset"] for d in json.loads(run("techtrade datasets --json").stdout) if d["version"]
    }
    run("python -m deploy.generate --check")
