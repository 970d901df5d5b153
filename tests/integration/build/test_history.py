"""The history of a dataset: whatever is published, revised and yanked, it gives back what stood, and when, and why.

Real figures: the Census workbook in its two vintages, and the World Bank's vintages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.contracts import load_contract
from configs.errors import UsageError
from configs.history_contract import kept, series_of
from flows.cli import diff, show
from flows.cli import history as history_commands
from flows.cli import read as read_commands
from tasks.build import parquet
from tasks.build.history import build, timeline
from tasks.build.recipe import Recipe
from tasks.build.recipes import recipe_for
from tasks.compare import diff as comparison
from tasks.publish import steps as pipeline
from tasks.publish.dependents import refresh
from tasks.publish.staged import parquet_bytes
from tasks.raw.archive import RawArchive
from tasks.read.rows import of_vintage
from tasks.read.version_diff import difference, sides
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, protocol, reader, yank
from tasks.warehouse.records import Manifest
from tests.support.published import publish
from tests.support.row_groups import bytes_of_series

WORLD, IP = "atp_world_monthly", "ip_trade_annual"
BASE = load_contract(WORLD)


def of(store: ObjectStore, dataset: str) -> pl.DataFrame:
    return reader.scan(store, reader.resolve(store, f"{dataset}_history").manifest).collect()


def cells(frame: pl.DataFrame, dataset: str = WORLD) -> pl.DataFrame:
    """Key, measure and value of the rows of a version."""
    contract = load_contract(dataset)
    names = [m.name for m in kept(contract)]
    return frame.unpivot(names, index=list(contract.primary_key), variable_name="measure", value_name="value").sort(
        pl.all()
    )


def told(rows: pl.DataFrame, dataset: str = WORLD) -> pl.DataFrame:
    return rows.select(*load_contract(dataset).primary_key, "measure", "value").sort(pl.all())


# ------------------------------------------------------------------------ any log


class Log:
    """A store in which versions of a small dataset are published and yanked, with what stood after each."""

    def __init__(self, root: Path) -> None:
        self.store = LocalStore(root)
        self.stood: list[tuple[str, str, str, pl.DataFrame]] = []  # moment, version, vintage, rows
        self.rows: dict[str, pl.DataFrame] = {}

    def publish(self, months: dict[int, int], vintage: str) -> None:
        frame = pl.DataFrame(
            [
                {
                    "period": date(2000 + m // 12, m % 12 + 1, 1),
                    "exports_usd": v,
                    "imports_usd": 2 * v,
                    "balance_usd": -v,
                    "reported_precision_usd": 1,
                }
                for m, v in months.items()
            ],
            schema=BASE.polars_schema,
        )
        head = protocol.read_head(self.store, WORLD)
        with TemporaryDirectory() as folder:
            built = parquet.build(frame.lazy(), BASE, Path(folder))
            draft = protocol.stage_data(self.store, protocol.claim(self.store, head), built)
        before = self.rows[head.manifest.version].lazy() if head.manifest else None
        found = comparison.diff(frame.lazy(), before, BASE)
        draft = protocol.stage_bytes(self.store, draft, "changes.parquet", parquet_bytes(found.frame))
        manifest = Manifest(
            dataset=WORLD,
            version=draft.version,
            parent=head.manifest.version if head.manifest else None,
            status="passed",
            token=draft.claim.token,
            files=draft.files,
            rows=built.rows,
            content_sha256=built.content_sha256,
            contract_sha256=BASE.sha256,
            inputs_sha256=draft.version,
            vintage=vintage,
            created_at=draft.claim.claimed_at,
        )
        protocol.swap(self.store, protocol.seal(self.store, draft, manifest))
        self.rows[draft.version] = frame
        self._note(vintage)

    def yank(self) -> None:
        latest, _ = protocol.read_latest(self.store, WORLD)
        assert latest is not None
        if len({e.version for e in latest.published} - latest.yanked) > 1:
            yank.yank(self.store, WORLD, latest.version, "wrong", None)
            self._note("")

    def _note(self, vintage: str) -> None:
        latest, _ = protocol.read_latest(self.store, WORLD)
        assert latest is not None
        self.stood.append((latest.log[-1].at, latest.version, vintage, self.rows[latest.version]))


months = st.dictionaries(st.integers(0, 20), st.integers(1, 3), min_size=1, max_size=6)
steps = st.lists(st.one_of(st.none(), st.tuples(months, st.booleans(), st.booleans())), min_size=1, max_size=7)


@given(steps)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_it_gives_back_what_stood_and_appending_is_making_it_anew(
    taken: list[tuple[dict[int, int], bool, bool] | None],
) -> None:
    with TemporaryDirectory() as place:
        log, vintage = Log(Path(place)), 202001
        log.publish({0: 1}, str(vintage))
        refresh(log.store, f"{WORLD}_history")
        for step in taken:
            if step is None:
                log.yank()
                follows = True
            else:
                rows, newer, follows = step
                vintage += newer
                log.publish(rows, str(vintage))
            if follows:  # a history that did not follow for a while has it all the next time
                refresh(log.store, f"{WORLD}_history")
        refresh(log.store, f"{WORLD}_history")
        have = of(log.store, WORLD)

        for at, version, _, stood in log.stood:
            given_then = have.filter(
                pl.col("given_from") <= at, pl.col("given_until").is_null() | (pl.col("given_until") > at)
            )
            assert told(given_then).equals(cells(stood)), (at, version)
        # Of each vintage the last state that was not withdrawn, in the end.
        reached, last = "", dict[str, pl.DataFrame]()
        for _, _, of_vintage, stood in log.stood:
            reached = max(reached, of_vintage)
            last[reached] = stood
        for of_vintage, stood in last.items():
            then = have.filter(
                pl.col("vintage_from") <= of_vintage,
                pl.col("vintage_until").is_null() | (pl.col("vintage_until") > of_vintage),
            )
            assert told(then).equals(cells(stood)), of_vintage
        _same_from_nothing(log.store)


def _same_from_nothing(store: ObjectStore, dataset: str = WORLD) -> None:
    contract = load_contract(f"{dataset}_history")
    manifest = reader.resolve(store, contract.name).manifest
    given_ = timeline.inputs(RawArchive(store), contract, {})
    with TemporaryDirectory() as folder:
        built = build.build_history(store, contract, given_, None, Path(folder))
    assert built.content_sha256 == manifest.content_sha256


# ------------------------------------------------------------------------ real figures


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStore]:
    store = LocalStore(tmp_path_factory.mktemp("store"))
    for vintage in ("2023-01", "2025-02"):
        publish(store, WORLD, vintage)
        refresh(store, f"{WORLD}_history")
    yield store


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStore]:
    """Published from the newest vintage on: the older ones are the publisher's alone."""
    store = LocalStore(tmp_path_factory.mktemp("store"))
    publish(store, IP)
    refresh(store, f"{IP}_history")
    yield store


def test_the_workbook_was_revised_for_37_months_and_went_on_for_25(world: LocalStore) -> None:
    have = of(world, WORLD).filter(pl.col("measure") == "exports_usd")
    counts = dict(have.group_by("cause").len().iter_rows())
    assert counts == {"first": 409, "source_revision": 37, "new_period": 25}
    assert have.filter(cause="source_revision")["period"].min() == date(2020, 1, 1)


def test_receipts_of_the_united_states_moved_from_vintage_to_vintage(bank: LocalStore) -> None:
    have = of(bank, IP).filter(economy_code="USA", measure="receipts_usd").sort("vintage_from")

    def spans(year: int) -> list[tuple[float, str, str | None, str, bool]]:
        return [
            (
                round(r["value"] / 1e9, 3),
                r["vintage_from"],
                r["vintage_until"],
                r["cause"],
                r["version_from"] is not None,
            )
            for r in have.filter(year=year).iter_rows(named=True)
        ]

    assert spans(2020) == [
        (114.045, "2021-09-15", "2022-12-22", "first", False),
        (115.557, "2022-12-22", "2024-11-13", "source_revision", False),
        (115.935, "2024-11-13", "2025-10-07", "source_revision", False),
        (123.642, "2025-10-07", None, "source_revision", True),
    ]
    assert spans(2021) == [
        (124.614, "2022-12-22", "2024-11-13", "new_period", False),
        (131.079, "2024-11-13", "2025-10-07", "source_revision", False),
        (142.803, "2025-10-07", None, "source_revision", True),
    ]
    assert [(s[0], s[3]) for s in spans(2023)] == [(134.441, "new_period"), (148.205, "source_revision")]


def test_the_balances_that_are_known_come_out_of_the_history(world: LocalStore) -> None:
    """Millions of US dollars in the vintage 2025-02, as ../shared/figures names them; and what the one before had."""
    have = of(world, WORLD).filter(measure="balance_usd")

    def balance(vintage: str) -> dict[int, float]:
        then = have.filter(
            pl.col("vintage_from") <= vintage, pl.col("vintage_until").is_null() | (pl.col("vintage_until") > vintage)
        )
        years = then.group_by(pl.col("period").dt.year().alias("year")).agg((pl.col("value").sum() / 1e6).round(1))
        return dict(years.iter_rows())

    known = {1989: 27630.4, 1995: 13694.4, 2001: 4451.0, 2002: -16584.0, 2017: -110674.5}
    now = balance("2025-02")
    assert {y: now[y] for y in known} == known
    assert (now[2022], now[2023], now[2024]) == (-241632.7, -218292.0, -298948.2)
    before = balance("2023-01")
    assert {y: before[y] for y in known} == known and before[2022] != now[2022] and 2024 not in before


def test_every_vintage_of_the_publisher_can_be_had(bank: LocalStore) -> None:
    """By one expression over the history, and by ``read --vintage``: the same as if it had been published then."""
    have = of(bank, IP)
    contract = load_contract(IP)
    for vintage in ("2021-09-15", "2024-09-19", "2025-01-28", "2025-10-07"):
        with TemporaryDirectory() as place:
            store = LocalStore(Path(place))
            publish(store, IP, vintage)
            manifest = reader.resolve(store, IP).manifest
            expected = cells(reader.scan(store, manifest).collect(), IP)
            archived = of_vintage(bank, IP, vintage)
            if archived.rows is not None:
                content = parquet.build(archived.rows.lazy(), contract, Path(place)).content_sha256
            else:
                assert archived.found is not None
                content = archived.found.manifest.content_sha256
            assert content == manifest.content_sha256, vintage
        then = have.filter(
            pl.col("vintage_from") <= vintage, pl.col("vintage_until").is_null() | (pl.col("vintage_until") > vintage)
        )
        assert told(then, IP).equals(expected), vintage


def test_read_selects_from_histories_marts_and_old_vintages(bank: LocalStore, tmp_path: Path) -> None:
    refresh(bank, "ip_position_annual")

    def read(target: str, *where: str, **wanted: str) -> list[tuple[object, ...]]:
        file = tmp_path / "out.parquet"
        asked = read_commands.Wanted(target, where=where, **wanted)  # type: ignore[arg-type]
        read_commands.export(asked, None, str(file), bank.url)
        return pl.read_parquet(file).rows()

    moved = read(
        f"{IP}_history", "economy_code=USA", "year=2020", "measure=receipts_usd", columns="value,vintage_from,cause"
    )
    assert [(v, c) for _, v, c in moved] == [
        ("2021-09-15", "first"), ("2022-12-22", "source_revision"), ("2024-11-13", "source_revision"),
        ("2025-10-07", "source_revision"),
    ]  # fmt: skip
    usa = {"columns": "economy_code,receipts_usd", "sort": "-receipts_usd"}
    assert read("ip_position_annual", "year=2020", "economy_code=USA,CHN", **usa)[0] == ("USA", 123_642e6)
    assert read(IP, "year=2020", "economy_code=CHN,USA", vintage="2022-12-22", **usa)[0] == ("USA", 115_557e6)


def test_a_vintage_from_before_our_first_version_is_compared_as_if_it_had_been_published(bank: LocalStore) -> None:
    newer, older = "2025-10-07", "2022-12-22"
    found = difference(bank, *sides(bank, IP, newer, older), IP)
    assert (found.older.state, found.newer.state) == ("official", "latest")
    # As between the versions of these vintages, where both were published.
    assert [found.counts.rows[k] for k in ("new", "revised", "removed")] == [67, 147, 51]
    assert found.counts.causes == {"new_period": 201, "source_revision": 387} and found.gone == {"source_revision": 153}
    first, second = sides(bank, IP, "2021-09-15", older)
    assert {s.state for s in (first, second)} == {"official"} and (first.name, second.name) == ("2021-09-15", older)
    assert difference(bank, first, second, IP).counts.rows["revised"] == 4


def test_show_names_the_series_and_its_own_revisions(bank: LocalStore, capfd: pytest.CaptureFixture[str]) -> None:
    show.show(IP, bank.url, as_json=False)
    told = capfd.readouterr().out.partition("newest figures, in US dollars:\n")[2]
    assert told.startswith("  United States 2024: 169,520,000,000 receipts\n")
    # One figure of 2020 a vintage, and so on: of the United States alone there are few.
    (line,) = (r.split() for r in told.splitlines() if r.startswith("United States receipts "))
    assert line == ["United", "States", "receipts", "03-11", "1", "100%", "+8.42%", "8.42%", "100%"]


def test_conditions_of_a_history_are_those_of_read(bank: LocalStore, capfd: pytest.CaptureFixture[str]) -> None:
    where = ("economy_code=USA,CHN", "year>=2019", "year<2021", "measure=receipts_usd", "cause!=first")
    history_commands.spans(IP, where, bank.url, as_json=True)
    found = json.loads(capfd.readouterr().out)
    assert {(r["economy_code"], r["year"]) for r in found} >= {("USA", 2019), ("USA", 2020)}
    assert {r["cause"] for r in found} == {"source_revision"} and {r["measure"] for r in found} == {"receipts_usd"}
    for wrong, told in (
        ("yaer=2019", "did you mean year"),
        ("cause=firts", "did you mean first"),
        ("cause>a", "= or !="),
    ):
        with pytest.raises(UsageError, match=told):
            history_commands.spans(IP, (wrong,), bank.url, as_json=True)


def test_a_history_that_is_made_anew_is_the_same(bank: LocalStore, world: LocalStore) -> None:
    _same_from_nothing(bank, IP)
    _same_from_nothing(world, WORLD)


def test_one_expression_in_duckdb_gives_what_was_given(world: LocalStore) -> None:
    manifest = reader.resolve(world, f"{WORLD}_history").manifest
    first = reader.list_versions(world, WORLD)[0]
    assert first.event is not None and first.manifest is not None
    files = [
        str(world.root / layout.version(manifest.dataset, manifest.version, f.path)) for f in manifest.files if f.rows
    ]
    given_then = duckdb.sql(
        f"""PIVOT (SELECT period, measure, value FROM read_parquet({files!r})
             WHERE given_from <= '{first.event.at}' AND (given_until IS NULL OR given_until > '{first.event.at}'))
            ON measure USING first(value) GROUP BY period ORDER BY period"""
    ).pl()
    expected = reader.scan(world, first.manifest).collect()
    assert given_then.select("period", "exports_usd", "imports_usd", "balance_usd").equals(
        expected.select("period", "exports_usd", "imports_usd", "balance_usd")
    )


def test_a_series_that_a_later_vintage_is_the_first_to_tell_of_did_not_begin_then(bank: LocalStore) -> None:
    """The bundled vintages tell of some economies only: of the others nothing is known before."""
    have = of(bank, IP)
    told = have.sort("vintage_from").group_by("economy_code", "measure").agg(pl.col("cause").first())
    assert set(told["cause"]) == {"first"}
    assert "unattributed" not in set(have["cause"])


def test_a_null_of_a_row_that_came_has_the_cause_of_the_row(local_store: LocalStore) -> None:
    for vintage in ("2018-01", "2019-01"):
        publish(local_store, "atp_products", vintage)
    refresh(local_store, "atp_products_history")
    causes = of(local_store, "atp_products").group_by("measure", "cause").len()
    found = {(r["measure"], r["cause"]) for r in causes.iter_rows(named=True)}
    assert ("technology_group", "new_period") in found and "unattributed" not in {c for _, c in found}


def test_what_a_withdrawal_changes_in_a_mart_was_no_revision(local_store: LocalStore) -> None:
    for vintage in ("2024-11-13", "2025-01-28"):
        publish(local_store, IP, vintage)
        refresh(local_store, "ip_position_annual")
    causes = reader.resolve(local_store, "ip_position_annual").manifest.changes.causes
    assert causes and set(causes) <= {"new_period", "source_revision"}
    yank.yank(local_store, IP, reader.latest_version(local_store, IP), "wrong")
    refresh(local_store, "ip_position_annual")
    assert set(reader.resolve(local_store, "ip_position_annual").manifest.changes.causes) == {"withdrawal"}


def test_code_that_moved_makes_a_history_anew(world: LocalStore, tmp_path: Path) -> None:
    contract = load_contract(f"{WORLD}_history")
    manifest = reader.resolve(world, contract.name).manifest
    other = manifest.model_copy(update={"made_by": manifest.made_by.model_copy(update={"code": "0" * 64})})
    given_ = timeline.inputs(RawArchive(world), contract, {})
    code = recipe_for(contract).fingerprint()
    kept_ = build.build_history(world, contract, given_, manifest, tmp_path, code=code)
    assert all(p.key for p in kept_.parts), "it stands as it is"
    anew = build.build_history(world, contract, given_, other, tmp_path, code=code)
    assert not any(p.key for p in anew.parts) and anew.content_sha256 == manifest.content_sha256


def test_what_is_wrong_with_an_old_input_keeps_nothing_new_from_readers(
    local_store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(local_store, WORLD, "2023-01")
    (source,) = reader.resolve(local_store, WORLD).manifest.sources
    body = local_store.get(source.raw_key)
    local_store.replace(source.raw_key, b"not a workbook", body.etag)
    monkeypatch.setattr(Recipe, "fingerprint", lambda recipe: "another")
    publish(local_store, WORLD, "2025-02")
    assert set(reader.resolve(local_store, WORLD).manifest.changes.causes) == {"new_period", "unattributed"}


def test_a_difference_over_a_yank_is_that_of_the_two(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = Log(tmp_path / "store")
    log.publish({0: 1, 1: 1}, "2001-01")
    log.publish({0: 1000, 1: 1}, "2001-02")
    withdrawn = log.stood[-1][1]
    log.yank()
    log.publish({0: 2, 1: 1}, "2001-02")
    diff.diff(WORLD, withdrawn, log.stood[-1][1], log.store.url, as_json=True)
    told = json.loads(capfd.readouterr().out)
    diff.diff(WORLD, log.stood[0][1], log.stood[-1][1], log.store.url, as_json=False)
    assert f"\nWithdrawn: {withdrawn}, wrong\n" in capfd.readouterr().out, "also where neither of the two was"
    assert {(c["column"], c["old"], c["new"]) for c in told["changes"]} >= {("exports_usd", "1000", "2")}
    assert {c["cause"] for c in told["changes"]} == {"unattributed"}


def test_nothing_new_makes_no_version_and_each_names_what_it_is_made_from(world: LocalStore) -> None:
    name = f"{WORLD}_history"
    before = reader.resolve(world, name).manifest
    assert refresh(world, name).version == before.version
    assert {s.role for s in before.sources} >= {
        "log",
        *(f"version/{v.version}" for v in reader.list_versions(world, WORLD)),
    }
    assert pipeline.served(protocol.read_head(world, name)) == f"{name}@{before.version}"


def test_one_series_of_real_figures_is_read_with_few_bytes(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    publish(store, IP)
    refresh(store, f"{IP}_history")
    manifest = reader.resolve(store, f"{IP}_history").manifest
    (file,) = (Path(uri) for uri in reader.data_uris(store, manifest))
    series = series_of(load_contract(IP))
    rows = of(store, IP)
    assert rows.height > 20_000 and rows.equals(rows.sort(load_contract(manifest.dataset).sort_by))
    found = [bytes_of_series(file, series, key) for key in rows.select(series).unique().rows()]
    assert max(groups for groups, _ in found) == 1 and max(size for _, size in found) <= 100_000
