"""Official vintages without a network: order and paging must not matter, and no lack goes unseen."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.contracts import dataset_names, load_contract
from configs.errors import SourceError, SourceLayoutError
from tasks.extract.world_bank import archives, archives_parse
from tasks.extract.world_bank.archive_download import wanted
from tasks.extract.world_bank.archive_inventory import ArchivedSeries, Inventory, SeriesState
from tasks.extract.world_bank.archives_parse import LEGACY, absent, series, versions
from tasks.raw.documents import RawDocument

CODES = ("USA", "WLD", "ZAR", "ROM", "TMP", "AND")


def cell(code: str, year: int, value: float | None, vintage: str = "201407", indicator: str = "receipts") -> Any:
    of = {"Country": code, "Series": series()[indicator].code, "Time": f"YR{year}", "Version": vintage}
    return {"variable": [{"concept": c, "id": i, "value": i} for c, i in of.items()], "value": value}


def document(role: str, rows: list[Any], number: int, size: int, total: int) -> RawDocument:
    head = {"page": number, "pages": -(-total // size), "per_page": size, "total": total}
    body = head | {"source": {"id": "57", "name": "WDI Database Archives", "data": rows}}
    return RawDocument.of(role, f"https://example/{role}", json.dumps(body).encode())


def documents(rows: list[Any], size: int, name: str = "201407/receipts") -> list[RawDocument]:
    return [
        document(f"{name}/{n}", rows[(n - 1) * size : n * size], n, size, len(rows))
        for n in range(1, -(-len(rows) // size) + 1)
    ]


def cells(values: list[float | None]) -> list[Any]:
    return [cell(code, 1990 + i, v) for i, v in enumerate(values) for code in CODES]


VALUES = st.lists(st.one_of(st.none(), st.floats(-1e9, 1e12)), min_size=1, max_size=20)


@settings(max_examples=40)
@given(VALUES, st.integers(1, 60), st.integers(0, 2**20))
def test_size_of_pages_order_of_cells_and_order_of_concepts_do_not_matter(
    values: list[float | None], size: int, seed: int
) -> None:
    rows = cells(values)
    whole = archives.parse(documents(rows, 10_000))
    chance = random.Random(seed)
    chance.shuffle(rows)
    for row in rows:
        chance.shuffle(row["variable"])
    shuffled = documents(rows, size)
    chance.shuffle(shuffled)
    assert archives.parse(shuffled).equals(whole)
    assert whole.height == len(CODES) * sum(v is not None for v in values), "a cell without a value is no observation"
    assert not set(LEGACY) & set(whole["economy_code"])


@given(VALUES, st.integers(1, 7), st.data())
def test_a_page_that_is_missing_or_short_never_goes_unseen(
    values: list[float | None], size: int, data: st.DataObject
) -> None:
    rows = cells(values)
    given_ = documents(rows, size)
    which = data.draw(st.integers(0, len(given_) - 1))
    if len(given_) > 1:
        with pytest.raises(SourceError):
            archives.parse(given_[:which] + given_[which + 1 :])
        with pytest.raises(SourceError):
            archives.parse([*given_, given_[which]])
    short = document(given_[which].role, rows[which * size : (which + 1) * size][1:], which + 1, size, len(rows))
    with pytest.raises(SourceError):
        archives.parse([*given_[:which], short, *given_[which + 1 :]])


def test_vintages_and_series_are_kept_apart() -> None:
    other = [cell("USA", 1990, 2.0, "202001", "payments")]
    both = documents(cells([1.0]), 50) + documents(other, 50, "202001/payments")
    table = archives.parse(both)
    assert table.select("vintage", "indicator").unique().sort("vintage").rows() == [
        ("201407", "receipts"),
        ("202001", "payments"),
    ]


@pytest.mark.parametrize(("old", "new"), LEGACY.items())
@pytest.mark.parametrize(("first", "second", "found"), [(1.0, None, 1.0), (None, 2.0, 2.0), (3.0, 3.0, 3.0)])
def test_an_old_code_gives_way_to_the_present_one(
    old: str, new: str, first: float | None, second: float | None, found: float
) -> None:
    table = archives.parse(documents([cell(old, 2000, first), cell(new, 2000, second)], 50))
    assert table.select("economy_code", "value_usd").rows() == [(new, found)]


def test_two_figures_of_one_economy_are_not_chosen_between() -> None:
    with pytest.raises(SourceLayoutError, match="under ZAR and under COD, which are one economy"):
        archives.parse(documents([cell("ZAR", 2000, 1.0), cell("COD", 2000, 2.0)], 50))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            b'<wb:error><wb:message id="160" key="Data not found.">Not valid.</wb:message></wb:error>',
            "160 Data not found.",
        ),
        (b'[{"message":[{"id":"160","key":"Data not found.","value":"x"}]}]', "160 Data not found.: x"),
        (b'{"page":1,"pages":0,"per_page":50,"total":0,"source":{"data":[]}}', "total 0"),
        (b'{"page":1,"pages":0,"per_page":50,"total":"0","source":null}', "total 0"),
        (b'<wb:error><wb:message id="120" key="Invalid value">x</wb:message></wb:error>', None),
        (b'[{"message":[{"id":"105","key":"Service currently unavailable","value":"x"}]}]', None),
        (b'{"page":1,"pages":1,"per_page":50,"total":0,"source":{"data":[{}]}}', None),
        (b"<html>not found, 160</html>", None),
        (b"", None),
    ],
)
def test_only_an_answer_that_says_so_means_that_there_is_no_data(body: bytes, reason: str | None) -> None:
    found = absent(RawDocument.of("201407/receipts/1", "https://example/x", body))
    assert (found or "").startswith(reason or "") and (found is None) == (reason is None)


@pytest.mark.parametrize("concept", ["Version", "version"])
def test_versions_are_listed_oldest_first(concept: str) -> None:
    variable = [{"id": v, "value": v} for v in ("202001", "198904", "201407")]
    listed = {
        "source": [{"id": "57", "name": "x", "concept": [{"id": concept, "name": concept, "variable": variable}]}]
    }
    body = {"page": "1", "pages": "1", "per_page": "300", "total": "3"} | listed
    found = versions([RawDocument.of("versions/1", "https://example/x", json.dumps(body).encode())])
    assert found == ("198904", "201407", "202001")


def archived(vintage: str, indicator: str, state: SeriesState) -> ArchivedSeries:
    return ArchivedSeries(
        vintage=vintage,
        indicator=indicator,
        series=series()[indicator].code,
        state=state,
        parsed_ok=state != "unreadable",
    )


def test_the_series_of_every_dataset_of_the_world_bank_are_asked_for() -> None:
    contracts = [load_contract(name) for name in dataset_names()]
    named = {s for c in contracts if c.sources.live == "world_bank" for s in c.series}
    assert {"receipts", "payments"} <= named
    assert sorted(wanted(Inventory(), ("200001",), "auto")) == sorted(("200001", name) for name in named)


def test_asked_for_is_what_is_not_there_or_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives_parse, "series", lambda: load_contract("ip_trade_annual").series)
    known = Inventory(
        series=(
            archived("200001", "receipts", "empty"),  # before the first with data: believed
            archived("200002", "receipts", "data"),
            archived("200003", "receipts", "empty"),  # among versions with data: not believed
            archived("200001", "payments", "unreadable"),
            archived("200002", "payments", "empty"),  # nothing has payments: not believed
        )
    )
    listed = ("200001", "200002", "200003")
    assert wanted(known, listed, "auto") == [
        ("200001", "payments"),
        ("200002", "payments"),
        ("200003", "receipts"),
        ("200003", "payments"),
    ]
    assert len(wanted(known, listed, "all")) == 6
