"""Settings of alerts whose one channel is a real web hook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mail_server import Hook, web_hook

ALERTS = """
owners:
  techtrade data team:
    channels: [TEST_CHAT, TEST_MAIL]
fallback: [TEST_SPARE]
grouping_seconds: 0
attempts: 2
backoff_seconds: 0
"""


def titles(hook: Hook) -> list[str]:
    return [str(p["title"]) for p in hook.posts]


@pytest.fixture(name="hook")
def operators_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    settings = tmp_path / "alerts.yaml"
    settings.write_text(f"operator: techtrade data team\n{ALERTS}")
    monkeypatch.setenv("TECHTRADE_ALERTS", str(settings))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with web_hook() as found:
        monkeypatch.setenv("TEST_CHAT", found.url)
        yield found
