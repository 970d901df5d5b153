"""``techtrade new-dataset`` lays out files that load, and says what is wrong with what it is given."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

from configs.contract import parse_contract
from configs.errors import ConfigError, UsageError
from deploy.generate import __main__ as generate
from flows.cli.new_dataset import ROOT, new_dataset

SERIES = ("exports=A.B.CD", "imports=A.C.CD")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "deploy" / "new_dataset", tmp_path / "deploy" / "new_dataset")
    for folder in ("configs/datasets", "tasks/transform", "expectations/datasets"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(("source", "series"), [("world_bank", SERIES), ("world_bank", SERIES[:1]), ("imf", ())])
def test_what_is_laid_out_loads(source: str, series: tuple[str, ...], checkout: Path) -> None:
    new_dataset("goods_annual", source, series, checkout)
    text = (checkout / "configs/datasets/goods_annual.yaml").read_text(encoding="utf-8")
    contract = parse_contract(text, "x")
    assert (contract.name, contract.sources.live) == ("goods_annual", source)
    assert list(contract.series) == [s.partition("=")[0] for s in series]
    assert not re.search(r"\$\{?[a-z]", text), "every name of the template is filled in"
    for path in ("tasks/transform/goods_annual.py", "expectations/datasets/goods_annual.py"):
        assert ast.parse((checkout / path).read_text(encoding="utf-8"))


def test_nothing_is_generated_from_a_contract_with_a_todo(checkout: Path) -> None:
    new_dataset("goods_annual", "world_bank", SERIES, checkout)
    with pytest.raises(ConfigError, match=r"goods_annual\.yaml: a TODO is left on \d+ lines: 2, "):
        generate.generated(checkout)


@pytest.mark.parametrize(
    ("name", "source", "series", "told"),
    [
        ("Goods", "world_bank", SERIES, "Goods is no name of a dataset"),
        ("goods_history", "world_bank", SERIES, "without _history"),
        ("ip_trade_annual", "world_bank", SERIES, "ip_trade_annual is one"),
        ("ip_trade_annual_2", "world_bank", SERIES, "no name may begin with another"),
        ("goods_and_services_annuals", "world_bank", SERIES, "at most 24"),
        ("goods", "world_bank", ("receipts=TX.OTHER.CD",), "receipts is the name of BX.GSR.ROYL.CD already"),
        ("goods", "world_bank", (), "give --series NAME=CODE"),
        ("goods", "bea", SERIES, "and for no other source"),
        ("goods", "world_bank", ("exports",), "exports is no series; write it like receipts=BX.GSR.ROYL.CD"),
        ("goods", "world_bank", ("a b=A.B",), "a b=A.B is no series"),
    ],
)
def test_what_makes_no_dataset_is_refused(
    name: str, source: str, series: tuple[str, ...], told: str, checkout: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        new_dataset(name, source, series, checkout)
    assert not list((checkout / "configs" / "datasets").iterdir())


def test_outside_of_a_checkout_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run this in a checkout"):
        new_dataset("goods", "world_bank", SERIES, tmp_path)
    assert not list(tmp_path.iterdir())
