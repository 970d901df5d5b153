"""What README and the docs say can be done, can be done."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT
from tests.support.plain import Ran

PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "deploy" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.s3
def test_the_python_of_the_readme_runs_as_it_stands_on_disk_and_on_s3(
    techtrade: Callable[..., Ran], s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = s3.place()
    local = str(tmp_path / "warehouse")
    assert techtrade("publish", "atp_world_monthly", "--source", "snapshot", "--store", local).code == 0
    assert techtrade("publish", "ip_trade_annual", "--source", "snapshot", "--store", place.url).code == 0
    monkeypatch.chdir(tmp_path)
    on_disk, on_s3 = blocks("python")
    found: dict[str, Any] = {}
    exec(on_disk, found)
    assert found["atp"].collect().height == 434
    exec(on_s3.replace("my-bucket/techtrade", place.url.removeprefix("s3://")), found)
    assert found["ip"].height == 8573


def test_every_link_and_every_test_that_the_docs_name_exists() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
        for named in re.findall(r"`((?:tests|tasks|configs|expectations|flows|benchmarks)/[\w./*]+)`", text):
            assert list(ROOT.glob(named)), f"{page.name}: {named}"
