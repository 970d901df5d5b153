"""``techtrade held``, and how the other commands name a candidate that waits until it is confirmed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.publish.promote import promote as promote_
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import holds, layout
from tests.support import holding, sealing
from tests.support.drill import contract
from tests.support.holding import CELLS, SINCE, WHY, days_ago, held
from tests.support.plain import Run, error_line, nothing_published, plain
from tests.support.sealing import TRADE, WORLD

GOOD, STRANGE = {0: 100, 1: 110}, {0: 100, 1: 110, 2: 900}


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def techtrade(store: ObjectStore, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return plain(monkeypatch, capfd, store.url)


@pytest.fixture
def published(store: ObjectStore) -> str:
    nothing_published(store)
    return sealing.seal(store, WORLD, sealing.world(GOOD), "2025-02")


def test_held_says_since_when_why_and_what_to_do(techtrade: Run, store: ObjectStore, published: str) -> None:
    version = held(store, STRANGE, since=days_ago(3.2))
    ran = techtrade("held")
    assert ran.code == 0
    shown = " ".join(ran.out.split())
    for part in (
        f"{WORLD}@{version}, vintage 2025-03: held until confirmed",
        "(3 days)",
        WHY,
        "it can be confirmed by atp_trade_monthly or ft900, or by a person",
        f"readers get {WORLD}@{published}",
        "imports, 2025-03",
        "102,300,000,000 73,600,000,000 in_season",
        "confirmed by: none yet (atp_trade_monthly has no month 2025-03",
        f"techtrade promote {WORLD}@{version} --reason REASON --by PERSON --store {store.url}",
    ):
        assert part in shown, part
    assert techtrade("held", WORLD).out == ran.out
    other = techtrade("held", TRADE)
    assert (other.code, other.out) == (0, "nothing is held\n")


def test_held_fits_80_columns(
    techtrade: Run, store: ObjectStore, published: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(store, STRANGE)
    monkeypatch.setenv("COLUMNS", "80")
    lines = techtrade("held").out.splitlines()
    assert max(len(line) for line in lines if "techtrade " not in line) <= 80


def test_held_gives_json(techtrade: Run, store: ObjectStore, published: str) -> None:
    version = held(store, STRANGE)
    (found,) = json.loads(techtrade("held", "--json").out)
    assert (found["dataset"], found["version"], found["state"]) == (WORLD, version, "held")
    assert (found["since"], found["why"], found["readers_get"]) == (SINCE, WHY, published)
    assert found["figures"][0]["value_usd"] == 102_300_000_000 and found["promote"].startswith("techtrade promote ")


def test_held_gives_json_of_a_figure_that_is_gone(techtrade: Run, store: ObjectStore, published: str) -> None:
    held(store, STRANGE, cells=[CELLS[0] | {"value_usd": float("nan")}])

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    (found,) = json.loads(techtrade("held", "--json").out, parse_constant=refuse)
    assert found["figures"][0]["value_usd"] is None


def test_held_copes_without_its_figures(techtrade: Run, store: ObjectStore, published: str) -> None:
    version = held(store, STRANGE, cells=None)
    ran = techtrade("held")
    assert ran.code == 0 and f"{WORLD}@{version}" in ran.out and "expected" not in ran.out
    store.delete(layout.manifest(WORLD, version))
    ran = techtrade("held")
    assert ran.code == 0 and "its figures cannot be shown" in ran.out


def test_closed_hold_is_listed_only_with_all(techtrade: Run, store: ObjectStore, published: str) -> None:
    version = held(store, STRANGE)
    holds.close(store, WORLD, "confirmed", SINCE, "2026-11-30.0009", "atp_trade_monthly")
    assert techtrade("held").out == "nothing is held\n"
    shown = techtrade("held", "--all").out
    assert f"{WORLD}@{version}, vintage 2025-03: held, then confirmed as 2026-11-30.0009" in shown
    assert "confirmed by atp_trade_monthly" in shown and "techtrade promote" not in shown
    assert json.loads(techtrade("held", "--json", "--all").out)[0]["state"] == "no longer held"


def test_damaged_holds_are_an_error_not_none(techtrade: Run, store: ObjectStore, published: str) -> None:
    store.create(layout.held(WORLD), b"{")
    ran = techtrade("held")
    assert (ran.code, ran.out) == (1, "") and layout.held(WORLD) in error_line(ran)


def test_every_command_calls_it_held(techtrade: Run, store: ObjectStore, published: str) -> None:
    version = held(store, STRANGE)
    name = f"{WORLD}@{version}"
    listed = {v["version"]: v for v in json.loads(techtrade("versions", WORLD, "--json").out)}
    assert listed[version]["state"] == "held" and listed[version]["hold"]["why"] == WHY
    assert f"since 2026-11-01 07:50 UTC, because {WHY}" in techtrade("versions", WORLD).out
    shown = techtrade("show", name).out
    assert f"{name}: HELD until confirmed, not published" in shown and "1 held" in shown
    assert "it can be confirmed by atp_trade_monthly or ft900" in shown and "REJECTED" not in shown
    assert json.loads(techtrade("quality", name, "--json").out)["state"] == "held"
    judged = techtrade("quality", name).out
    assert f"{name} (held)" in judged and "Held until confirmed: 1 check failed" in judged
    assert "HOLD: failed: no month is out of season" in judged
    assert f"held: {version}, vintage 2025-03, held until confirmed" in techtrade("diff", name).out
    assert f"techtrade held {WORLD}" in techtrade("quality", WORLD).err


def test_every_command_says_how_the_hold_ended(techtrade: Run, store: ObjectStore, published: str) -> None:
    version = held(store, STRANGE)
    name = f"{WORLD}@{version}"
    holds.close(store, WORLD, "superseded", SINCE, "2026-11-30.0009")
    words = "held, then superseded by 2026-11-30.0009"
    (found,) = (v for v in json.loads(techtrade("versions", WORLD, "--json").out) if v["version"] == version)
    assert found["state"] == "no longer held" and words in techtrade("versions", WORLD).out
    for command in (("show", name), ("diff", name)):
        assert words in techtrade(*command).out, command
    assert f"{words[0].upper()}{words[1:]}." in techtrade("quality", name).out


def test_promoted_hold_is_not_called_rejected(techtrade: Run, store: ObjectStore, published: str) -> None:
    version = held(store, STRANGE)
    promote_(store, contract(), version, "the ministry confirmed it", "A. Owner")
    assert f"PROMOTED from {version}, which the quality gate held, by A. Owner" in techtrade("show", WORLD).out
    assert "was held by the quality gate and promoted by A. Owner" in techtrade("read", WORLD).err
    assert f"although held as {version}, by A. Owner" in techtrade("quality", WORLD).out


@pytest.mark.parametrize("command", ["read", "quality", "show"])
@pytest.mark.parametrize("fate", ["held", "rejected"])
def test_first_candidate_that_was_stopped_is_named(fate: str, command: str, techtrade: Run, store: ObjectStore) -> None:
    """It used to say "start with: techtrade publish", to who had just done so."""
    nothing_published(store)
    if fate == "held":
        version, see = (
            held(store, GOOD),
            f"is held until confirmed since 2026-11-01 07:50 UTC; see: techtrade held {WORLD}",
        )
    else:
        version = sealing.seal(store, WORLD, sealing.world(GOOD), "2025-02", "rejected")
        see = f"was rejected by the quality gate; see: techtrade quality {WORLD}@{version}"
    ran = techtrade(command, WORLD)
    said = " ".join((ran.out + ran.err).split())
    assert f"the first candidate, {WORLD}@{version}, {see}" in said and "start with" not in said
    assert ran.code == (0 if command == "show" else 1)


def test_candidate_sealed_by_a_killed_run_is_held(store: ObjectStore, published: str, techtrade: Run) -> None:
    """Killed between the seal and ``held.json``: the next run repairs it; until then nothing else may be said of it."""
    found = holding.report()
    files = {"quality.parquet": found.frame()}
    version = sealing.seal(store, WORLD, sealing.world(STRANGE), "2025-03", "rejected", files, held=(holding.CHECK,))
    listed = {v["version"]: v["state"] for v in json.loads(techtrade("versions", WORLD, "--json").out)}
    assert listed == {published: "latest", version: "held"}
    newer = sealing.seal(store, WORLD, sealing.world({0: 100, 1: 111}), "2025-04")
    listed = {v["version"]: v["state"] for v in json.loads(techtrade("versions", WORLD, "--json").out)}
    assert listed[version] == "no longer held" and listed[newer] == "latest"
