"""A dataset's modules are found by their files, or by the name that its contract gives."""

from __future__ import annotations

import subprocess
import sys

import pytest

from configs.contracts import dataset_names, derived_names, load_contract
from configs.errors import ConfigError
from expectations.registry import checks_module, load_checks
from tasks.extract.registry import load_source
from tasks.transform.registry import load_transform, transform_module

IP = load_contract("ip_trade_annual")


@pytest.mark.parametrize("name", [*dataset_names(), *derived_names()])
def test_a_dataset_has_the_transform_of_its_name(name: str) -> None:
    assert load_transform(load_contract(name)).__name__.endswith(f".{name}")  # type: ignore[attr-defined]


def test_a_contract_names_the_modules_of_another_dataset() -> None:
    sharing = IP.model_copy(update={"name": "newcomer", "transform": IP.name, "checks": IP.name})
    assert load_transform(sharing) is load_transform(IP)
    assert load_checks(sharing) is load_checks(IP)
    assert sharing.model_copy(update={"name": IP.name}).sha256 == IP.sha256


def test_histories_share_their_checks() -> None:
    histories = ("ip_trade_annual_history", "atp_world_monthly_history")
    assert {checks_module(load_contract(name)) for name in histories} == {"expectations.datasets.any_history"}


def test_a_missing_module_is_named_beside_those_that_exist() -> None:
    newcomer = IP.model_copy(update={"name": "newcomer"})
    with pytest.raises(ConfigError, match=r"no tasks/transform/newcomer\.py.*`transform:`.*ip_trade_annual") as e:
        load_transform(newcomer)
    assert "registry" not in str(e.value)
    with pytest.raises(ConfigError, match=r"no expectations/datasets/newcomer\.py.*`checks:`.*ip_trade_annual") as e:
        load_checks(newcomer)
    assert "_revisions" not in str(e.value)
    with pytest.raises(ConfigError, match=r"no such source.*world_bank"):
        load_source("newcomer")


def test_looking_a_module_up_imports_no_dataset() -> None:
    code = (
        "import sys; from configs.contracts import load_contract;"
        "from tasks.transform.registry import transform_module; from expectations.registry import checks_module;"
        "c = load_contract('partners'); names = transform_module(c), checks_module(c); print(names);"
        "print([m for m in sys.modules if m in names or m.startswith('tasks.transform.atp')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines() == ["('tasks.transform.partners', 'expectations.datasets.partners')", "[]"]
    assert transform_module(load_contract("revision_profile")) == "tasks.transform.marts.revision_profile"
