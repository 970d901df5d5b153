"""When a step of a run is retried later."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from configs.contracts import load_contract
from configs.errors import BlockedError, LockedOutError, SourceLayoutError, SourceUnavailableError
from flows.prefect_setup.run_steps import PrefectSteps
from tasks.build.request import Request
from tasks.storage.local import LocalStore


@pytest.mark.parametrize("deployed", [True, False])
def test_a_shut_out_run_is_retried_an_hour_later(
    deployed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if deployed:
        monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "d")
    steps = PrefectSteps(Request(load_contract("atp_world_monthly"), "live"), LocalStore(tmp_path))
    extract = steps._retries["extract"]
    assert (extract["retries"], extract["retry_delay_seconds"]) == (1, 3600)

    def again(error: Exception) -> bool:
        state = SimpleNamespace(result=lambda raise_on_failure: error)
        return bool(extract["retry_condition_fn"](cast(Any, None), cast(Any, None), cast(Any, state)))

    assert again(LockedOutError("x", "m", 1.0))
    assert again(BlockedError("x", "m")) == deployed, "nobody waits an hour in a terminal for a block of days"
    assert not again(SourceUnavailableError("x", "m")) and not again(SourceLayoutError("x", "m"))
