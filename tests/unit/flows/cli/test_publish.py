"""Which datasets a publish leaves out, for every dataset and every kind of source."""

from __future__ import annotations

import pytest

from configs.contracts import dataset_names, load_contract, published_names
from configs.errors import MissingKeyError, NoAddressError, NotBundledError
from flows.cli.publish import what_is_missing, why_left_out
from tasks.build.request import SourceKind


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CENSUS_API_KEY", "BEA_API_KEY", "TECHTRADE_STORE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", published_names())
@pytest.mark.parametrize("kind", ["live", "snapshot"])
def test_what_a_source_does_not_have_is_an_answer_and_no_error(name: str, kind: SourceKind) -> None:
    missing = what_is_missing(name, kind)
    assert missing is None or isinstance(missing, MissingKeyError | NoAddressError | NotBundledError)
    why = why_left_out(name, kind, missing)
    assert bool(why) or missing is None
    assert "\n" not in why


def test_of_the_snapshot_exactly_the_bundled_datasets_are_published() -> None:
    published = {n for n in dataset_names() if not why_left_out(n, "snapshot", what_is_missing(n, "snapshot"))}
    assert published == {n for n in dataset_names() if load_contract(n).sources.snapshot}


def test_a_dataset_that_is_not_bundled_is_left_out_with_how_to_get_it() -> None:
    why = why_left_out("atp_trade_monthly", "snapshot", what_is_missing("atp_trade_monthly", "snapshot"))
    assert why.startswith(
        "nothing of it is bundled; start with: techtrade publish atp_trade_monthly (needs CENSUS_API_KEY"
    )


def test_a_large_dataset_is_left_out_with_its_size_and_how_to_get_it() -> None:
    why = why_left_out("atp_detail_monthly", "live", what_is_missing("atp_detail_monthly", "live"))
    assert why == "a month is some 300 MB; to get it, name it: techtrade publish atp_detail_monthly"
