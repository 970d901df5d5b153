"""Parsing without a network: order and paging must not matter, secrets must not show."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.synthetic.memory import Memory
from configs import source_series
from configs.contracts import dataset_names, load_contract
from configs.errors import ConfigError, IncompleteResponseError, SourceError, VintageUnavailableError
from configs.operations import Series
from configs.settings import has_settings, source_settings
from configs.source_series import series_of_dataset, series_of_source
from tasks.common.redact import Redactor, without_secrets
from tasks.extract.bundled import snapshot
from tasks.extract.http.client import Client
from tasks.extract.registry import load_source
from tasks.extract.source import FetchRequest, Meter
from tasks.extract.world_bank import indicators
from tasks.raw.documents import RawDocument

SNAPSHOT = [name for name in dataset_names() if load_contract(name).sources.snapshot == "snapshot"]


def page(role: str, head: dict[str, Any], rows: list[dict[str, Any]]) -> RawDocument:
    return Memory().keep("world_bank", role, f"https://example/{role}", json.dumps([head, rows]).encode(), ".json")


ECONOMIES = [
    {"id": "USA", "iso2Code": "US", "name": "United States", "region": {"value": "North America"}},
    {"id": "WLD", "iso2Code": "1W", "name": "World", "region": {"value": "Aggregates"}},
]


def observation(series: str, code: str, year: int, value: float | None) -> dict[str, Any]:
    iso2 = {"USA": "US", "WLD": "1W"}[code]
    return {
        "indicator": {"id": series},
        "country": {"id": iso2},
        "countryiso3code": code,
        "date": str(year),
        "value": value,
    }


def documents(rows: dict[str, list[dict[str, Any]]], per_page: int) -> tuple[RawDocument, ...]:
    made = [page("country/1", {"page": 1, "pages": 1, "per_page": "50", "total": "2"}, ECONOMIES)]
    for name, series in rows.items():
        pages = -(-len(series) // per_page)
        for number in range(1, pages + 1):
            head = {
                "page": number,
                "pages": pages,
                "per_page": per_page,
                "total": len(series),
                "lastupdated": "2025-01-28",
            }
            made.append(page(f"{name}/{number}", head, series[(number - 1) * per_page : number * per_page]))
    return tuple(made)


def both(values: list[float | None]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [observation(series.code, code, 1960 + i, v) for i, v in enumerate(values) for code in ("USA", "WLD")]
        for name, series in series_of_dataset("ip_trade_annual").items()
    }


@settings(max_examples=40)
@given(
    st.lists(st.one_of(st.none(), st.floats(-1e9, 1e12)), min_size=1, max_size=20),
    st.integers(1, 60),
    st.integers(0, 2**20),
)
def test_the_size_of_pages_and_the_order_of_rows_do_not_matter(
    values: list[float | None], per_page: int, seed: int
) -> None:
    rows = both(values)
    whole = indicators.parse("ip_trade_annual", documents(rows, 10_000), None)
    for series in rows.values():
        random.Random(seed).shuffle(series)
    split = indicators.parse("ip_trade_annual", documents(rows, per_page), None)
    key = ["economy_code", "indicator", "year"]
    one, other = (e.tables["observations"].sort(key).collect() for e in (whole, split))
    assert one.equals(other)
    assert one.height == 4 * sum(v is not None for v in values), "a cell without a value is no observation"
    assert whole.vintage == split.vintage == "2025-01-28"


@given(st.lists(st.floats(0, 1e12), min_size=8, max_size=20), st.integers(1, 7), st.data())
def test_a_page_that_is_missing_never_goes_unseen(values: list[float], per_page: int, data: st.DataObject) -> None:
    given_ = documents(both(list(values)), per_page)
    lost = data.draw(st.integers(1, len(given_) - 1))
    with pytest.raises(IncompleteResponseError):
        indicators.parse("ip_trade_annual", given_[:lost] + given_[lost + 1 :], None)


def test_an_empty_iso3_code_is_found_by_the_iso2_code() -> None:
    rows = both([1.0])
    rows["receipts"][0]["countryiso3code"] = ""
    extraction = indicators.parse("ip_trade_annual", documents(rows, 50), None)
    assert set(extraction.tables["observations"].collect()["economy_code"]) == {"USA", "WLD"}


def test_another_vintage_than_asked_for_is_unavailable() -> None:
    with pytest.raises(VintageUnavailableError, match="2025-01-28"):
        indicators.parse("ip_trade_annual", documents(both([1.0]), 50), "2024-01-01")


@pytest.mark.parametrize("dataset", SNAPSHOT)
def test_a_bundled_vintage_does_not_change_when_a_later_one_is_added(dataset: str) -> None:
    have = snapshot.vintages(dataset)
    assert list(have) == sorted(have)
    for vintage in have:
        roles = [d.role for d in snapshot.fetch(FetchRequest(dataset, vintage), Memory())]
        assert all(r.removeprefix("vintage/") <= vintage for r in roles if r.startswith("vintage/"))


@pytest.mark.parametrize("dataset", SNAPSHOT)
def test_parsing_archived_bytes_again_gives_the_same(dataset: str) -> None:
    kept = snapshot.fetch(FetchRequest(dataset, None), Memory())
    one, other = (snapshot.parse(dataset, kept, None) for _ in range(2))
    assert one.vintage == other.vintage == snapshot.vintages(dataset)[-1]
    for name in one.tables:
        assert one.tables[name].collect().equals(other.tables[name].collect())


def test_a_vintage_without_a_date_says_so_in_its_citation() -> None:
    def citation(vintage: str) -> str:
        kept = snapshot.fetch(FetchRequest("ip_trade_annual", vintage), Memory())
        return snapshot.parse("ip_trade_annual", kept, vintage).citation

    assert citation("2025-01-28") == load_contract("ip_trade_annual").citation
    assert "58 values of Japan equal those that the World Bank dated 2025-10-07" in citation("2025-10-07")


@pytest.mark.parametrize(
    ("economy", "year", "indicator", "billions"),
    [
        ("USA", 2020, "receipts", 123.642), ("USA", 2021, "receipts", 142.803), ("USA", 2022, "receipts", 152.710),
        ("USA", 2023, "receipts", 148.205), ("USA", 2024, "receipts", 169.520), ("DEU", 2023, "receipts", 48.110),
        ("CHN", 2023, "receipts", 10.913), ("CHN", 2023, "payments", 42.728),
    ],
)  # fmt: skip
def test_the_newest_bundled_figures_are_the_known_ones(
    economy: str, year: int, indicator: str, billions: float
) -> None:
    kept = snapshot.fetch(FetchRequest("ip_trade_annual", "2025-10-07"), Memory())
    observed = snapshot.parse("ip_trade_annual", kept, None).tables["observations"]
    found = observed.filter(economy_code=economy, year=year, indicator=indicator).collect()
    assert found["source_vintage"].item() == "2025-10-07"
    assert round(found["value_usd"].item() / 1e9, 3) == billions


@pytest.mark.parametrize(
    "garbled", [b"", b"a,b\n1,2\n", b"month,exports_musd,imports_musd\n1989-01,much,little\n", b"\x00\xff"]
)
def test_a_garbled_bundled_file_is_a_named_error(garbled: bytes) -> None:
    document = Memory().keep("snapshot", "vintage/2025-02", "configs/snapshot/x.csv", garbled, ".csv")
    with pytest.raises(SourceError, match=r"x\.csv") as e:
        snapshot.parse("atp_world_monthly", (document,), None)
    assert document.raw_key in str(e.value)


def test_one_name_is_one_series_of_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    assert series_of_source("world_bank")["receipts"].code == "BX.GSR.ROYL.CD"
    other = load_contract("ip_trade_annual").model_copy(update={"series": {"receipts": Series(code="A.B", title="x")}})
    monkeypatch.setattr(source_series, "dataset_names", lambda: ["another", "ip_trade_annual"])
    monkeypatch.setattr(source_series, "load_contract", lambda n: other if n == "another" else load_contract(n))
    series_of_source.cache_clear()
    with pytest.raises(ConfigError, match=r"series\.receipts is BX\.GSR\.ROYL\.CD, and another dataset .* to A\.B"):
        series_of_source("world_bank")
    series_of_source.cache_clear()


def test_a_dataset_of_the_world_bank_without_series_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"partners\.yaml: series is missing; name the series"):
        series_of_dataset("partners")


@pytest.mark.parametrize("name", dataset_names())
def test_every_source_of_every_contract_exists(name: str) -> None:
    sources = load_contract(name).sources
    for source in filter(None, (sources.live, sources.snapshot)):
        assert callable(load_source(source).fetch)
    if has_settings(sources.live):
        assert source_settings(sources.live).url.startswith("https://")


@pytest.mark.parametrize("name", ["key", "KEY", "UserID", "api_key", "token"])
def test_secrets_in_an_address_are_not_shown(name: str) -> None:
    ours = {"get": "A", name: "s3cret", "time": "2024"}
    shown = without_secrets(f"https://example.org/data?get=A&{name}=s3cret&time=2024", ours)
    assert shown == f"https://example.org/data?get=A&{name}=REDACTED&time=2024"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://mirror.example.org/country.xlsx", "https://mirror.example.org/country.xlsx"),
        ("https://u:s3cret@example.org/x?a=1&sig=s3cret#s3cret", "https://example.org/x?a=1&REDACTED"),
        ("https://example.org/x?s3cret", "https://example.org/x?REDACTED"),
        ("/moved?sig=s3cret", "/moved?REDACTED"),
        ("//u:s3cret@example.org/x", "//example.org/x"),
        ("https://u:s3cret@example.org:nowhere/x?s3cret", "https://example.org:nowhere/x?REDACTED"),
    ],
)
def test_only_our_parameters_of_an_address_are_kept(url: str, shown: str) -> None:
    assert without_secrets(url, {"a": "1"}) == shown


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789-+/=", min_size=8, max_size=40), st.text(max_size=30))
def test_a_key_in_use_is_blanked_wherever_it_stands(key: str, around: str) -> None:
    scrub = Redactor([key])
    for form in (key, key.upper(), quote(key, safe="")):
        assert key.lower() not in scrub.text(f"{around} {form}.{around}").lower().replace(around.lower(), "")
        assert form.encode() not in scrub.bytes(b'{"UserID":"' + form.encode() + b'"}')
    assert scrub.text("nothing of it") == "nothing of it"


@pytest.mark.parametrize("url", ["http://example.org/x", "ftp://127.0.0.1/x", "gopher://x", "/etc/hosts"])
def test_only_https_loopback_and_files_are_asked(url: str) -> None:
    with pytest.raises(ConfigError):
        Client("census_balance", source_settings("census_balance"), None, Meter()).get(url, None, lambda a: a)


def test_a_setting_that_cannot_be_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__ATTEMPTS", "many")
    with pytest.raises(ConfigError, match="census_balance: attempts"):
        source_settings("census_balance")
