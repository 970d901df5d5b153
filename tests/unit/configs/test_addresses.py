"""Settings that take an address: each refuses a user and a password, and says so without them."""

from __future__ import annotations

import json
import traceback

import pytest

from configs import yaml_file
from configs.addresses import has_login, login_of, query_of
from configs.alerts import AlertSettings
from configs.errors import ConfigError
from configs.settings import Settings, SourceSettings, load_settings, source_settings

LOGIN = "https://u:s3cretword@example.org/x"
ADDRESSES = {
    "TECHTRADE_STORE": "s3://u:s3cretword@bucket/x",
    "TECHTRADE_DASK_ADDRESS": "tcp://u:s3cretword@scheduler:8786",
    "TECHTRADE_RUNBOOKS_URL": LOGIN,
    "TECHTRADE_EVIDENCE_URL": LOGIN,
    "TECHTRADE_SOURCES__CENSUS_BALANCE__URL": LOGIN,
    "TECHTRADE_SOURCES__CENSUS_BALANCE__DOCUMENTS": json.dumps({"a": LOGIN}),
}


def test_every_setting_of_an_address_is_known_here() -> None:
    names = ("url", "address", "store", "documents")
    found = {f"TECHTRADE_{f}" for f in Settings.model_fields if any(n in f for n in names)}
    of_sources = {f for f in SourceSettings.model_fields if any(n in f for n in names)}
    found |= {f"TECHTRADE_SOURCES__CENSUS_BALANCE__{f}" for f in of_sources}
    assert {f.upper() for f in found} == set(ADDRESSES)


@pytest.mark.parametrize("variable", ADDRESSES)
def test_login_is_refused_and_not_shown(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, ADDRESSES[variable])
    with pytest.raises(ConfigError, match="does not belong in an address") as error:
        source_settings("census_balance") if "SOURCES" in variable else load_settings()
    assert "s3cretword" not in "".join(traceback.format_exception(error.value))


def test_login_in_the_address_of_runbooks_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not belong") as error:
        yaml_file.parse(AlertSettings, f"owners: {{}}\nrunbooks: {LOGIN}", "alerts.yaml")
    assert "s3cretword" not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize(
    ("url", "login"),
    [
        ("https://u:p@h/x", "u:p"),
        ("https:\\\\u:p@h", "u:p"),
        ("S3:/p@h", "p"),
        ("https://h/x@y?a=b@c", ""),
        ("/srv/a@b", ""),
        ("a@b", ""),
        ("file:///@data/x.xlsx", ""),
        ("file:/@data/x.xlsx", ""),
        ("FILE://u:p@localhost/@data", "u:p"),
    ],
)
def test_login_is_what_comes_before_the_host(url: str, login: str) -> None:
    assert (has_login(url), login_of(url)) == (bool(login), login)


def test_query_includes_the_fragment() -> None:
    assert query_of("https://h/x?a=1#b") == "a=1#b"
    assert query_of("https://h/x#b") == "b"
