"""``techtrade diff``: any two states of a dataset, in whichever order they are named; text and JSON say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from configs.hints import command
from flows.cli.diff import _page, _plain
from tasks.compare.attribution import CAUSES
from tasks.compare.report import WORDS
from tasks.read.version_diff import difference, sides
from tasks.storage.local import LocalStore
from tasks.warehouse import layout, reader, yank
from tests.support.plain import Run, plain
from tests.support.sealing import TRADE, WORLD, Fate, Months, seal, trade, world

months = st.dictionaries(st.integers(0, 30), st.integers(1, 3), min_size=1, max_size=8)
FATES: tuple[Fate, ...] = ("published", "rejected", "unpublished")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def techtrade(store: LocalStore, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return plain(monkeypatch, capfd, store.url)


def said(text: str) -> dict[str, Any]:
    """The counts that a page of changes says."""

    def counts(line: str) -> dict[str, int]:
        found = re.search(rf"^{line}: (.*)\.$", text, re.MULTILINE)
        told = re.split(r"[;,] (?=\d)", found[1]) if found else []
        pairs = [(int(t.partition(" ")[0]), t.partition(" ")[2]) for t in told]
        causes = {(several, words): c for c in CAUSES for several, words in enumerate(WORDS[c])}
        return {causes[number != 1, words]: number for number, words in pairs}

    gone = re.search(r"^Gone: (\d+) rows? with (\d+) figures?\.$", text, re.MULTILINE)
    return {
        "figures": counts("Figures"),
        "rows": counts("Rows"),
        "gone": (int(gone[1]), int(gone[2])) if gone else (0, 0),
    }


@settings(max_examples=15, phases=(Phase.explicit, Phase.generate))  # shrinking takes minutes: each example is a store
@given(st.lists(st.tuples(months, st.sampled_from(FATES)), min_size=1, max_size=4), months, st.data())
def test_text_and_json_agree_and_the_order_of_the_names_does_not_matter(
    log: list[tuple[Months, Fate]], first: Months, data: st.DataObject
) -> None:
    with TemporaryDirectory() as place:
        store = LocalStore(Path(place))
        names = [seal(store, WORLD, world(first), "2020-01")]
        names += [seal(store, WORLD, world(rows), f"2020-0{n + 2}", fate) for n, (rows, fate) in enumerate(log)]
        a, b = data.draw(st.tuples(st.sampled_from(names), st.sampled_from(names)).filter(lambda p: p[0] != p[1]))
        older, newer = sides(store, WORLD, a, b)
        assert sides(store, WORLD, b, a) == (older, newer)
        rows = dict(zip(names, [first, *(r for r, _ in log)], strict=True))
        found = difference(store, older, newer, WORLD)
        plain_, text = json.loads(json.dumps(_plain(found), default=str)), said(_page(found))
        before, after = rows[older.name], rows[newer.name]
        counts = plain_["counts"]
        came, went = after.keys() - before.keys(), before.keys() - after.keys()
        moved = {m for m in before.keys() & after.keys() if before[m] != after[m]}
        assert [counts["rows"][k] for k in ("new", "removed", "revised")] == [len(came), len(went), len(moved)]
        assert text["figures"] == counts["causes"]
        assert text["gone"] == (counts["rows"]["removed"], counts["cells"]["removed"])
        # What is gone is in neither, and what is there has a cause: a change is counted once or, on a longer way, more.
        assert sum(text["figures"].values()) >= counts["cells"]["new"] + counts["cells"]["revised"]
        assert set(text["figures"]) == set(text["rows"])
        assert sum(counts["causes_of_removed"].values()) >= counts["cells"]["removed"]
        of_kind = [c for c in plain_["changes"] if c["kind"] in ("new", "revised")]
        assert len({(c["key"], c["column"]) for c in of_kind}) == counts["cells"]["new"] + counts["cells"]["revised"]


def test_what_a_rejected_version_would_have_changed(store: LocalStore, techtrade: Run) -> None:
    first = seal(store, WORLD, world({0: 5, 1: 7}), "2020-02")
    bad = seal(store, WORLD, world({0: 5000, 2: 9}), "2020-03", "rejected")
    ran = techtrade("diff", WORLD, bad)
    assert ran.code == 0 and ran.err == ""
    assert ran.out.startswith(f"# {WORLD}: what {bad} would have changed\n")
    assert f"\nreaders get: {first}, vintage 2020-02, published " in ran.out
    assert f"\nrejected: {bad}, vintage 2020-03, rejected by the quality gate, never published\n" in ran.out
    assert said(ran.out) == {
        "figures": {"new_period": 3, "source_revision": 3},
        "rows": {"new_period": 1, "source_revision": 1},
        "gone": (1, 3),
    }
    assert "Revised cells by key:\n- period: 2020-01 revised" in ran.out
    assert "Cells that are gone by key:\n- period: 2020-02 gone" in ran.out
    for named in ((bad,), (bad, first), (first, bad)):
        found = json.loads(techtrade("diff", WORLD, *named, "--json").out)
        assert (found["old"], found["new"]) == (first, bad)
        assert (found["old_state"], found["new_state"]) == ("latest", "rejected")
    assert techtrade("diff", f"{WORLD}@{bad}").out == ran.out, "as alerts name a version"


def test_totals_say_what_they_would_be(store: LocalStore, techtrade: Run) -> None:
    seal(store, WORLD, world(dict.fromkeys(range(12), 5)), "2020-12")
    bad = seal(store, WORLD, world(dict.fromkeys(range(12), 50)), "2020-12", "rejected")
    assert "| headline total | year | is | would be | |" in techtrade("diff", WORLD, bad).out


def test_a_rejected_version_that_readers_have_passed_names_what_it_was_made_after(
    store: LocalStore, techtrade: Run
) -> None:
    first = seal(store, WORLD, world({0: 5}), "2020-01")
    bad = seal(store, WORLD, world({0: 5000}), "2020-01", "rejected")
    second = seal(store, WORLD, world({0: 6}), "2020-02")
    ran = techtrade("diff", WORLD, bad)
    assert f"\nreaders get: {second}," in ran.out
    hint = command("diff", WORLD, first, bad, store=store.url)
    assert f"{bad} was made after {first}: {hint}\n" in ran.out
    assert f"\nolder: {first}," in techtrade(*hint.split()[1:]).out


def test_vintages_are_taken_as_versions_are(store: LocalStore, techtrade: Run) -> None:
    names = [seal(store, WORLD, world({0: n}), f"2020-0{n}") for n in (1, 2, 3)]
    found = json.loads(techtrade("diff", WORLD, "2020-03", "2020-01", "--json").out)
    assert (found["old"], found["new"]) == (names[0], names[2])
    assert (found["old_vintage"], found["new_vintage"]) == ("2020-01", "2020-03")
    assert techtrade("diff", WORLD, "2020-01", names[2]).out == techtrade("diff", WORLD, names[0], "2020-03").out
    # One that readers get is compared with the one before it, any other with what they get.
    assert json.loads(techtrade("diff", WORLD, "2020-03", "--json").out)["old"] == names[1]
    assert json.loads(techtrade("diff", WORLD, "2020-01", "--json").out)["new"] == names[2]
    ran = techtrade("diff", WORLD, "2020-09")
    assert ran.code == 1 and "no vintage '2020-09'" in ran.err


def test_what_cannot_be_compared_is_one_line(store: LocalStore, techtrade: Run) -> None:
    first = seal(store, WORLD, world({0: 5}), "2020-01")
    ran = techtrade("diff", WORLD)
    assert ran.code == 2 and "the first version" in ran.err
    lost = seal(store, WORLD, world({0: 6}), "2020-01", "unpublished")
    assert f"not published: {lost}, vintage 2020-01, sealed, never published" in techtrade("diff", WORLD, lost).out
    for entry in store.entries(layout.version(WORLD, lost, "data/")):
        store.delete(entry.key)
    ran = techtrade("diff", WORLD, lost)
    assert (ran.code, ran.err.count("\n")) == (1, 1) and "its data were deleted since" in ran.err
    ran = techtrade("diff", f"{WORLD}@{first}", first, lost)
    assert ran.code == 2 and "leave out one of" in ran.err


def test_only_partitions_that_differ_are_read_and_new_periods_are_all_told(store: LocalStore, techtrade: Run) -> None:
    first = seal(store, TRADE, trade({0: 1, 12: 1}), "2021-01")
    second = seal(store, TRADE, trade({0: 1, 12: 2, 24: 1}), "2022-01")
    for version in (first, second):
        (same,) = store.entries(layout.version(TRADE, version, "data/part_year=2020/"))
        store.delete(same.key)
    found = json.loads(techtrade("diff", TRADE, "--json").out)
    assert found["counts"]["rows"] | {"relabelled": 0} == {
        "new": 2, "revised": 2, "removed": 0, "representation": 0, "relabelled": 0
    }  # fmt: skip
    assert found["counts"]["causes"] == {"new_period": 4, "source_revision": 4}


def test_rows_of_new_periods_that_a_large_version_does_not_list_are_counted(store: LocalStore, techtrade: Run) -> None:
    seal(store, TRADE, trade({0: 1}), "2020-01")
    second = seal(store, TRADE, trade({0: 2, 1: 1}), "2020-02")
    third = seal(store, TRADE, trade({0: 2, 1: 1, 2: 1}), "2020-03")
    import polars as pl

    for version in (second, third):
        listed = store.root / layout.version(TRADE, version, "changes.parquet")
        pl.read_parquet(listed).filter(pl.col("kind") != "new").write_parquet(listed)
    assert said(techtrade("diff", TRADE).out)["figures"] == {"new_period": 4}
    assert said(techtrade("diff", TRADE, "2020-01", "2020-03").out)["figures"] == {
        "new_period": 8,
        "source_revision": 4,
    }


def test_a_withdrawn_version_is_compared_with_a_warning(store: LocalStore, techtrade: Run) -> None:
    seal(store, WORLD, world({0: 5}), "2020-01")
    second = seal(store, WORLD, world({0: 6}), "2020-02")
    yank.yank(store, WORLD, second, "wrong", None)
    ran = techtrade("diff", WORLD, second)
    assert f"{WORLD}@{second} was yanked: wrong" in ran.err
    assert f"newer: {second}" in ran.out and "what readers get" in ran.out.split("newer:")[0]
    assert reader.latest_version(store, WORLD) != second
