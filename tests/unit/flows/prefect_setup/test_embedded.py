"""Which Prefect server a command uses: one that is configured anywhere is never passed over for an embedded one."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from flows.prefect_setup import embedded
from flows.prefect_setup.defaults import EMBEDDED, is_embedded

PROFILE = 'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "http://127.0.0.1:4200/api"\n'


@pytest.fixture(autouse=True)
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    for name in ("PREFECT_API_URL", "PREFECT_PROFILES_PATH", EMBEDDED):
        monkeypatch.delenv(name, raising=False)


def test_without_files_prefect_need_not_be_asked() -> None:
    assert not embedded._has_files()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("home/profiles.toml", PROFILE),
        ("prefect.toml", "[api]\n"),
        (".env", "PREFECT_API_URL=x\n"),
        ("pyproject.toml", "[tool.prefect.api]\n"),
    ],
)
def test_a_file_of_prefect_is_looked_into(file: str, text: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert embedded._has_files()


def test_a_pyproject_of_something_else_or_a_broken_one_is_none_of_prefect(tmp_path: Path) -> None:
    for text in ("[tool.ruff]\n", "[[["):
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
        assert not embedded._has_files()


def test_only_a_server_that_this_command_started_is_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert embedded.configured_url() == "http://127.0.0.1:1/api" and not is_embedded()
    monkeypatch.setenv(EMBEDDED, "http://127.0.0.1:1/api")
    assert is_embedded()
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:2/api")
    assert not is_embedded(), "a run that was started from it has another"


def test_the_reason_of_a_server_that_does_not_start_is_its_last_line() -> None:
    assert embedded._last_line(BytesIO(b"Traceback\n  boring\nOSError: port taken\n\n")) == "OSError: port taken"
    assert embedded._last_line(BytesIO(b"")) == ""
