"""Subscribers to news, for a test of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from configs import subscribers as config


@pytest.fixture
def subscribed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Enters subscribers in a file of the test's own: id and address, or id, address and a dataset."""

    def enter(**addresses: str | tuple[str, str]) -> None:
        lines = ["attempts: 3", "backoff: 0.01", "budget: 5", "subscribers:"]
        for name, told in addresses.items():
            address, dataset = (told, "") if isinstance(told, str) else told
            monkeypatch.setenv(f"HOOK_{name.upper()}", address)
            lines += [f"  - id: {name}", f"    address_variable: HOOK_{name.upper()}"]
            lines += [f"    datasets: [{dataset}]"] if dataset else []
        (tmp_path / "subscribers.yaml").write_text("\n".join(lines))
        monkeypatch.setattr(config, "SUBSCRIBERS", tmp_path / "subscribers.yaml")

    return enter
