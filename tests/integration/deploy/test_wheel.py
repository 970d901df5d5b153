"""The wheel, built from the files in git, has all of them, and publishes where there is no checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.paths import ROOT

PACKAGES = ("configs", "expectations", "flows", "tasks")
# Of deploy, what commands read: declarations with their stages, templates of work pools, runbooks.
READ = (
    "deploy/__init__.py",
    "deploy/prefect.yaml",
    "deploy/stages/*.yaml",
    "deploy/*/base-job-template.json",
    "deploy/runbooks/*.md",
)
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the files of git are compared with, and this is no clone"),
]


def tracked(*patterns: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, check=True)
    return set(listed.stdout.decode().split("\0")) - {""}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git has: as offline and without isolation as the editable install."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    _run([sys.executable, "-c", BUILD, str(built)], cwd=source)
    return next(built.glob("*.whl"))


@dataclass(frozen=True)
class Elsewhere:
    """An environment with the wheel in it, and an empty folder to work in."""

    python: Path
    folder: Path

    def __call__(self, *arguments: str, code: int = 0) -> str:
        ran = _run([str(self.python.with_name("techtrade")), *arguments], cwd=self.folder, code=code)
        return ran.stdout + ran.stderr


def _run(command: Sequence[str], cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    ours = ("PYTHON", "TECHTRADE_", "PREFECT_", "VIRTUAL_ENV")
    given = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    home = {"PREFECT_HOME": str(cwd / ".prefect"), "XDG_STATE_HOME": str(cwd / ".state")}
    ran = subprocess.run(command, cwd=cwd, env=given | home, capture_output=True, text=True)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran


def _environment(folder: Path, *wanted: str) -> Elsewhere:
    """An environment of this Python with ``wanted``, from uv's cache, which ``make`` filled: no network is asked."""
    uv = [sys.executable, "-m", "uv"]
    _run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder / "environment")], cwd=folder)
    python = folder / "environment" / "bin" / "python"
    versions = folder / "versions.txt"
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    versions.write_text("\n".join(line.removesuffix(" \\") for line in lines if line[:1].isalnum()))
    install = ["pip", "install", "--quiet", "--offline", "--python", str(python), "--constraint", str(versions)]
    try:
        _run([*uv, *install, *wanted], cwd=folder)
    except AssertionError as e:
        if "because the network was disabled" not in " ".join(str(e).split()).lower():
            raise
        pytest.skip("uv has not the packages in its cache: pip has built the environment")
    work = folder / "work"
    work.mkdir()
    return Elsewhere(python, work)


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    return _environment(tmp_path_factory.mktemp("elsewhere"), f"techtrade[publish] @ {wheel.as_uri()}")


def test_the_wheel_has_every_file_of_the_packages(wheel: Path) -> None:
    with ZipFile(wheel) as opened:
        packed = {name for name in opened.namelist() if ".dist-info/" not in name}
    assert packed == tracked(*PACKAGES, *READ)


def test_the_main_job_runs_from_the_wheel(elsewhere: Elsewhere) -> None:
    said = elsewhere("publish", "atp_world_monthly", "--source", "snapshot", "--store", "store")
    assert "published: vintage 2025-02, 434 rows" in said
    assert elsewhere("read", "atp_world_monthly", "--format", "csv", "--store", "store").count("\n") >= 434
    assert "atp_world_monthly" in elsewhere("verify", "atp_world_monthly", "--store", "store")


def test_no_checkout_is_imported(elsewhere: Elsewhere) -> None:
    code = "import sys, configs, deploy, flows, tasks; print(*sys.path, *(m.__file__ for m in (configs, deploy, flows, tasks)))"
    found = _run([str(elsewhere.python), "-c", code], cwd=elsewhere.folder).stdout.split()
    assert not [path for path in found if Path(path).is_relative_to(ROOT) or path.endswith("/source")]
    assert [path for path in found if "site-packages/flows/" in path]


def test_files_of_deploy_are_read_from_the_wheel(elsewhere: Elsewhere) -> None:
    assert elsewhere("alerts", "runbook", "stale").startswith("# ")
    code = "from flows.prefect_setup.declaration import load_declaration; print(load_declaration('local').stage)"
    assert _run([str(elsewhere.python), "-c", code], cwd=elsewhere.folder).stdout == "local\n"


def test_without_the_extra_the_command_says_what_to_install(wheel: Path, tmp_path: Path) -> None:
    said = _environment(tmp_path, str(wheel))("--help", code=2)
    assert said == "error: commands need packages that are not installed: pip install 'techtrade[publish]'\n"
