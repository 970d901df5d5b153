"""The publish flow on real parts: bundled figures, a store on disk, a Prefect server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from configs.errors import ConfigError, StoreUnavailableError
from tasks.extract import partners
from tasks.storage.local import LocalStore
from tasks.storage.object_store import StoredObject
from tasks.storage.open import open_store
from tasks.warehouse import layout, protocol, reader
from tasks.warehouse.run_status import read_status
from tests.support.plain import Ran

Run = Callable[..., Ran]


@pytest.fixture
def store(tmp_path: Path) -> Any:
    return open_store(str(tmp_path / "store"))


def frame(store: Any, dataset: str, version: str | None = None) -> pl.DataFrame:
    return reader.scan(store, reader.resolve(store, dataset, version).manifest).collect()


def snapshot(techtrade: Run, dataset: str, vintage: str) -> Ran:
    ran = techtrade("publish", dataset, "--source", "snapshot", "--vintage", vintage)
    assert ran.code == 0, ran.err
    return ran


def test_the_known_balances_come_out(techtrade: Run, store: Any) -> None:
    """Figures of the Census balance workbook, vintage 2025-02, in millions of US dollars."""
    snapshot(techtrade, "atp_world_monthly", "2025-02")
    years = dict(
        frame(store, "atp_world_monthly")
        .group_by(pl.col("period").dt.year().alias("year"))
        .agg(pl.col("balance_usd").sum() / 1e6)
        .iter_rows()
    )
    known = {
        1989: 27_630.4, 1995: 13_694.4, 2001: 4_451.0, 2002: -16_584.0,
        2017: -110_674.5, 2022: -241_632.7, 2023: -218_292.0, 2024: -298_948.2,
    }  # fmt: skip
    assert {y: round(years[y], 1) for y in known} == known


def test_a_later_vintage_revises_37_months_and_none_before_2020(techtrade: Run, store: Any) -> None:
    snapshot(techtrade, "atp_world_monthly", "2023-01")
    snapshot(techtrade, "atp_world_monthly", "2025-02")
    manifest = reader.resolve(store, "atp_world_monthly").manifest
    assert manifest.changes.rows["revised"] == 37
    assert manifest.changes.rows["new"] == 25
    assert manifest.changes.rows["removed"] == 0
    changes = pl.read_parquet(store.get(f"atp_world_monthly/versions/{manifest.version}/changes.parquet").body)
    months = changes.filter(pl.col("kind") == "revised")["period"].unique().sort()
    expected = pl.date_range(pl.date(2020, 1, 1), pl.date(2023, 1, 1), "1mo", eager=True)
    assert months.to_list() == expected.to_list()


def test_us_receipts_move_over_the_vintages(techtrade: Run, store: Any) -> None:
    """World Bank, receipts of the United States: 2020 in three vintages, and 2023."""
    seen = {}
    for vintage in ("2021-09-15", "2022-12-22", "2024-11-13", "2025-01-28"):
        snapshot(techtrade, "ip_trade_annual", vintage)
        usa = frame(store, "ip_trade_annual").filter(pl.col("economy_code") == "USA")
        seen[vintage] = dict(usa.select("year", "receipts_usd").iter_rows())
        assert usa["source_vintage"].unique().to_list() == [vintage]
    assert seen["2021-09-15"][2020] == 114_045_000_000
    assert seen["2022-12-22"][2020] == 115_557_000_000
    assert seen["2024-11-13"][2020] == 115_935_000_000
    assert seen["2025-01-28"][2023] == 134_441_000_000


def test_the_snapshot_holds_each_economys_newest_vintage_up_to_the_one_asked_for(techtrade: Run, store: Any) -> None:
    snapshot(techtrade, "ip_trade_annual", "2024-09-19")
    rows = frame(store, "ip_trade_annual").select("economy_code", "source_vintage").unique()
    by_economy = dict(rows.iter_rows())
    assert len(rows) == len(by_economy), "one vintage an economy"
    assert by_economy["CHN"] == "2024-05-08"
    assert by_economy["IRL"] == "2024-09-19"
    assert by_economy["USA"] == "2022-12-22"
    assert by_economy["DEU"] == "2021-09-15"


def test_the_same_input_publishes_nothing_and_writes_only_the_status(techtrade: Run, store: Any) -> None:
    snapshot(techtrade, "atp_world_monthly", "2025-02")
    before = {e.key: store.get(e.key).etag for e in store.entries("")}
    ran = snapshot(techtrade, "atp_world_monthly", "2025-02")
    assert "nothing new" in ran.out
    after = {e.key: store.get(e.key).etag for e in store.entries("")}
    assert after.keys() == before.keys()
    assert {k for k in after if after[k] != before[k]} == {"atp_world_monthly/status.json"}


def test_an_older_bundled_vintage_is_superseded(techtrade: Run, store: Any) -> None:
    snapshot(techtrade, "atp_world_monthly", "2025-02")
    before, _ = protocol.read_latest(store, "atp_world_monthly")
    ran = techtrade("publish", "atp_world_monthly", "--source", "snapshot", "--vintage", "2023-01", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)[0]["outcome"] == "superseded"
    assert protocol.read_latest(store, "atp_world_monthly")[0] == before
    assert store.folders("atp_world_monthly/versions/") == [before.version]


def test_yanked_figures_are_not_brought_back_by_the_next_run(techtrade: Run, store: Any) -> None:
    snapshot(techtrade, "atp_world_monthly", "2023-01")
    good = protocol.read_latest(store, "atp_world_monthly")[0].version
    snapshot(techtrade, "atp_world_monthly", "2025-02")
    bad = protocol.read_latest(store, "atp_world_monthly")[0].version
    assert techtrade("yank", f"atp_world_monthly@{bad}", "--reason", "wrong unit").code == 0
    ran = techtrade("publish", "atp_world_monthly", "--source", "snapshot", "--vintage", "2025-02")
    assert ran.code == 3
    assert "yanked" in ran.err and "wrong unit" in ran.err
    assert protocol.read_latest(store, "atp_world_monthly")[0].version == good


def test_the_manifest_tells_where_everything_came_from(techtrade: Run, store: Any) -> None:
    snapshot(techtrade, "ip_trade_annual", "2022-09-16")
    manifest = reader.resolve(store, "ip_trade_annual").manifest
    assert {s.url for s in manifest.sources} == {
        "configs/snapshot/ip_trade_annual/2021-09-15.csv",
        "configs/snapshot/ip_trade_annual/2022-09-16.csv",
        "configs/snapshot/ip_trade_annual/economies.csv",
        f"configs/reference/partners/{partners.vintages()[-1]}.csv",
    }
    for source in manifest.sources:
        import hashlib

        assert hashlib.sha256(store.get(source.raw_key).body).hexdigest() == source.sha256
        assert "CC-BY-4.0" in source.licence
    assert {s.source for s in manifest.sources} == {"snapshot", "partner_reference"}
    assert [f.name for f in manifest.schema_] == frame(store, "ip_trade_annual").columns
    assert {f.path for f in manifest.files} == {
        "data/part-0000.parquet", "changes.parquet", "changes.md", "quality.parquet", "quality_gx.json", "notes.parquet",
    }  # fmt: skip


class Cut(LocalStore):
    """A store whose line is cut as ``latest.json`` is written: applied, no reply, and nothing to be read for a while."""

    cuts = 1
    silent = 0

    def replace(self, key: str, body: bytes, etag: str | None) -> str:
        tag = super().replace(key, body, etag)
        if key.endswith("latest.json") and self.cuts:
            self.cuts, self.silent = self.cuts - 1, 1
            raise StoreUnavailableError("the line was cut")
        return tag

    def get(self, key: str) -> StoredObject:
        if self.silent:
            self.silent -= 1
            raise StoreUnavailableError("the line is cut")
        return super().get(key)


def test_who_could_not_read_that_it_won_says_so_at_the_next_attempt(
    techtrade: Run, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = Cut(Path(store.url))
    monkeypatch.setattr("flows.publish.open_store", lambda url, attempts=None: cut)
    ran = techtrade("publish", "atp_world_monthly", "--source", "snapshot", "--vintage", "2025-02", "--json")
    assert (cut.cuts, cut.silent) == (0, 0), "it was cut, and met the silence"
    (told,) = json.loads(ran.out)
    assert (ran.code, told["outcome"], told["rows"]) == (0, "published", 434), ran.err
    latest = protocol.read_latest(store, "atp_world_monthly")[0]
    assert [e.version for e in latest.log] == [told["version"]]
    assert store.folders("atp_world_monthly/versions/") == [told["version"]], "nothing was staged a second time"
    assert json.loads(store.get("atp_world_monthly/status.json").body)["outcome"] == "published"


def test_a_publish_that_happened_is_told_of_though_its_artifact_cannot_be_left(
    techtrade: Run, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("Prefect's server is full")

    monkeypatch.setattr("flows.prefect_setup.artifacts.create_markdown_artifact", refuse)
    ran = techtrade("publish", "atp_world_monthly", "--source", "snapshot", "--vintage", "2025-02")
    assert ran.code == 0, ran.err
    assert "published" in ran.out and "is full" in ran.err
    assert json.loads(store.get("atp_world_monthly/status.json").body)["outcome"] == "published"
    assert json.loads(store.get("catalog.json").body)["datasets"][0]["vintage"] == "2025-02"


def test_a_run_that_asked_for_the_newest_is_named_after_what_it_found(techtrade: Run) -> None:
    async def names() -> list[str]:
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.sorting import FlowRunSort

        async with get_client() as client:
            return [r.name for r in await client.read_flow_runs(limit=200, sort=FlowRunSort.START_TIME_DESC)]

    for outcome in ("published", "nothing new"):
        ran = techtrade("publish", "ip_trade_annual", "--source", "snapshot")
        assert ran.code == 0 and outcome in ran.out
        assert "keeps its name" not in ran.err
        newest, *_ = asyncio.run(names())  # a server gives 200 at the most, and the tests of a session make more
        assert newest == "ip_trade_annual snapshot 2025-10-07"


def test_prefect_has_the_run_by_name_and_an_artifact_of_the_version(techtrade: Run, store: Any) -> None:
    snapshot(techtrade, "atp_world_monthly", "2025-02")
    version = protocol.read_latest(store, "atp_world_monthly")[0].version

    async def ask() -> tuple[list[str], list[str]]:
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort

        async with get_client() as client:
            runs = await client.read_flow_runs(limit=200, sort=FlowRunSort.START_TIME_DESC)
            artifacts = await client.read_artifacts(limit=200, sort=ArtifactSort.CREATED_DESC)
        return [r.name for r in runs], [str(a.data) for a in artifacts if a.key == "atp-world-monthly"]

    names, artifacts = asyncio.run(ask())
    assert "atp_world_monthly snapshot 2025-02" in names
    assert any(version in text and "## Changes" in text and "## Quality" in text for text in artifacts)


def test_of_the_snapshot_what_is_not_bundled_is_refused_only_where_it_is_named(techtrade: Run, store: Any) -> None:
    ran = techtrade("publish", "partners", "atp_trade_monthly", "ip_position_annual", "--source", "snapshot", "--json")
    assert ran.code == 2
    ended = {r["dataset"]: (r["outcome"], r["exit_code"]) for r in json.loads(ran.out)}
    assert ended == {
        "partners": ("published", 0),
        "atp_trade_monthly": ("failed", 2),
        "ip_position_annual": ("failed", 2),
    }
    assert "nothing of atp_trade_monthly is bundled; start with: techtrade publish atp_trade_monthly" in ran.err
    assert "ip_position_annual is made from ip_trade_annual" in ran.err and "--source live" not in ran.err
    assert store.size(layout.status("atp_trade_monthly")) is None, "a wrong command is no failed run"


def test_a_wrong_setting_of_a_source_is_in_the_status(
    prefect_api: str, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker starts the flow itself; the command line refuses such a setting before."""
    from flows.publish import publish

    monkeypatch.setenv("TECHTRADE_SOURCES__WORLD_BANK__RUN_BUDGET", "abc")
    with pytest.raises(ConfigError, match="run_budget"):
        publish(dataset="ip_trade_annual", store=store.url)
    status = read_status(store, "ip_trade_annual")
    assert status is not None and status.outcome == "failed" and "run_budget" in status.detail
