"""Which versions keep their data: never what is needed, and what is gone can be told, and made again."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from configs.contracts import load_contract
from configs.errors import CorruptVersionError, NotPublishedError, UsageError, YankRefusedError
from flows.cli import claims as claims_command
from flows.cli import diff
from flows.cli import history as history_commands
from flows.cli import read as read_commands
from flows.cli.read import Wanted
from tasks.build.history import build
from tasks.publish.dependents import refresh
from tasks.raw.archive import RawArchive
from tasks.storage.local import LocalStore
from tasks.warehouse import layout, protocol, reader, yank
from tasks.warehouse.upkeep import retention, verify
from tests.support.published import publish

IP = "ip_trade_annual"
VINTAGES = ("2021-09-15", "2022-12-22", "2024-11-13", "2025-01-28")
SOON = datetime.now(UTC) + timedelta(days=400)


@pytest.fixture(scope="module")
def published_vintages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("published") / "store"
    for vintage in VINTAGES:
        publish(LocalStore(place), IP, vintage)
    return place


@pytest.fixture
def store(published_vintages: Path, tmp_path: Path) -> LocalStore:
    return LocalStore(shutil.copytree(published_vintages, tmp_path / "store"))


def names(store: LocalStore) -> list[str]:
    return [v.version for v in reader.list_versions(store, IP)]


def data(store: LocalStore, version: str) -> list[str]:
    return [e.key for e in store.entries(layout.version(IP, version, "data/"))]


def test_the_newest_stay_and_of_the_others_all_but_the_data(store: LocalStore) -> None:
    refresh(store, f"{IP}_history")
    first, second, third, fourth = names(store)
    assert retention.plan(store, SOON, retention.Policy(2, 500)).superseded == (), "none is so old"
    decided = retention.plan(store, SOON, retention.Policy(2, 30))
    assert [s.version for s in decided.superseded] == [first, second]
    assert retention.execute(store, decided).done == (f"{IP}@{first}", f"{IP}@{second}")
    assert [bool(data(store, v)) for v in (first, second, third, fourth)] == [False, False, True, True]
    assert [v.state for v in reader.list_versions(store, IP)] == ["retired", "retired", "published", "latest"]
    assert verify.verify(store, IP, first).retired is not None and verify.verify(store, IP).retired is None
    again = retention.plan(store, SOON, retention.Policy(2, 30))
    assert again.superseded == () and again.kept == ()
    # The next version keeps the note, and the history goes on.
    before = reader.resolve(store, f"{IP}_history").manifest
    yank.yank(store, IP, fourth, "wrong")
    assert reader.latest_version(store, IP) == third
    assert refresh(store, f"{IP}_history").version != before.version
    with pytest.raises(YankRefusedError, match="only version left"):
        yank.yank(store, IP, third, "wrong as well")


def test_what_is_not_in_the_history_stays(store: LocalStore) -> None:
    decided = retention.plan(store, SOON, retention.Policy(2, 30))
    assert (
        decided.superseded == ()
        and [k.partition(" stays: ")[2] for k in decided.kept] == [f"it is not in {IP}_history yet"] * 2
    )


def test_a_run_that_was_killed_is_ended_by_the_next(store: LocalStore) -> None:
    refresh(store, f"{IP}_history")
    decided = retention.plan(store, SOON, retention.Policy(2, 30))
    first = decided.superseded[0]
    assert retention._retire(store, first, SOON) and data(store, first.version)  # killed before it deleted anything
    retention.execute(store, retention.plan(store, SOON, retention.Policy(2, 30)))
    assert not data(store, first.version)


def test_what_became_latest_meanwhile_is_spared(store: LocalStore) -> None:
    refresh(store, f"{IP}_history")
    decided = retention.plan(store, SOON, retention.Policy(2, 30))
    for version in names(store)[:1:-1]:
        yank.yank(store, IP, version, "wrong")
    assert reader.latest_version(store, IP) == names(store)[1]
    assert retention.execute(store, decided).done == (f"{IP}@{names(store)[0]}",)
    assert data(store, names(store)[1])


def test_a_version_without_data_is_made_again_for_who_asks_for_it(
    store: LocalStore, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    refresh(store, f"{IP}_history")
    first = names(store)[0]
    event = reader.list_versions(store, IP)[0].event
    assert event is not None
    expected = reader.scan(store, reader.resolve(store, IP, first).manifest).collect()
    retention.execute(store, retention.plan(store, SOON, retention.Policy(2, 30)))
    out = tmp_path / "out.csv"
    read_commands.export(Wanted(IP, as_of=event.at.removesuffix("Z") + "+00:00"), "csv", str(out), store.url)
    assert out.read_text() == expected.write_csv()
    assert "made again from its raw inputs" in capfd.readouterr().err
    for source in reader.resolve(store, IP, first).manifest.sources:
        store.delete(source.raw_key)
    with pytest.raises(NotPublishedError, match=rf"cannot be made again.*techtrade history {IP}"):
        read_commands.export(Wanted(f"{IP}@{first}"), "csv", str(out), store.url)


def test_a_history_that_is_made_anew_has_what_versions_had_that_are_let_go(store: LocalStore, tmp_path: Path) -> None:
    refresh(store, f"{IP}_history")
    contract = load_contract(f"{IP}_history")
    published = reader.resolve(store, contract.name).manifest
    known = RawArchive(store).known(published)
    given = tuple(known[s.role] for s in published.sources)
    retention.execute(store, retention.plan(store, SOON, retention.Policy(2, 30)))
    other_rules = published.model_copy(update={"contract_sha256": "0" * 64})
    built = build.build_history(store, contract, given, other_rules, tmp_path)
    assert built.content_sha256 == published.content_sha256
    with pytest.raises(CorruptVersionError, match="there is no history that has it"):
        build.build_history(store, contract, given, None, tmp_path)


def test_a_rebuild_says_what_it_could_not_compare(store: LocalStore, capfd: pytest.CaptureFixture[str]) -> None:
    refresh(store, f"{IP}_history")
    first = reader.resolve(store, IP, names(store)[0]).manifest
    retention.execute(store, retention.plan(store, SOON, retention.Policy(2, 30)))
    for source in first.sources:
        store.delete(source.raw_key)
    assert history_commands.rebuild(IP, store.url, as_json=False) == 0
    told = capfd.readouterr()
    assert f"{IP}@{first.version}: not compared: its data files were let go, and a raw input is not" in told.err
    assert "from the raw archive, the same" in told.out


def test_every_command_tells_of_what_was_let_go(store: LocalStore, capfd: pytest.CaptureFixture[str]) -> None:
    refresh(store, f"{IP}_history")
    first, second, *_ = names(store)
    diff.diff(IP, first, second, store.url, as_json=False)
    before = capfd.readouterr().out
    claims_command.claims(IP, store.url, as_json=True)
    claims = capfd.readouterr().out
    old = reader.resolve(store, f"{IP}_history").manifest.version
    yank.yank(store, IP, names(store)[3], "wrong")
    refresh(store, f"{IP}_history")
    retention.execute(store, retention.plan(store, SOON, retention.Policy(2, 30)))
    assert not data(store, first)
    diff.diff(IP, first, names(store)[1], store.url, as_json=False)
    assert capfd.readouterr().out == before
    claims_command.claims(IP, store.url, as_json=True)
    assert len(capfd.readouterr().out) < len(claims), "the yanked vintage is not among them"
    assert history_commands.replay_version(f"{IP}_history@{old}", store.url, as_json=False) == 0


def test_a_yank_falls_back_to_what_has_its_data_and_the_log_says_to_what(store: LocalStore) -> None:
    refresh(store, f"{IP}_history")
    first, second, third, fourth = names(store)
    latest, etag = protocol.read_latest(store, IP)
    assert latest is not None
    # The second is let go and the first is not, as where a mart was made from it.
    retired = retention.Superseded(IP, second, "a test", tuple(data(store, second)), 1)
    retention.execute(store, retention.RetentionPlan(SOON, (retired,), ()))
    yank.yank(store, IP, fourth, "wrong")
    yank.yank(store, IP, third, "wrong as well")
    assert reader.latest_version(store, IP) == first
    assert reader.as_of(store, IP, datetime.now(UTC)).manifest.version == first
    refresh(store, f"{IP}_history")
    spans = reader.scan(store, reader.resolve(store, f"{IP}_history").manifest).collect()
    given = spans.filter(pl.col("given_until").is_null(), pl.col("version_from").is_not_null(), measure="receipts_usd")
    now = reader.scan(store, reader.resolve(store, IP).manifest).collect()
    assert dict(given.group_by("value").len().iter_rows()) == dict(now.group_by("receipts_usd").len().iter_rows())


def test_a_policy_leaves_something_to_fall_back_to() -> None:
    with pytest.raises(UsageError, match="at least 2 versions"):
        retention.Policy(1, 30)


@pytest.mark.parametrize("days", [float("nan"), float("inf"), 1e300, -1])
def test_days_that_cannot_be_are_refused(days: float) -> None:
    with pytest.raises(UsageError, match="0 to 36,500 days"):
        retention.Policy(2, days)
    with pytest.raises(UsageError, match="0 to 36,500 days"):
        retention.RejectedPolicy(days)
