"""Keys from Secret blocks of a real Prefect server: changed there, used by the next run, written nowhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from configs.errors import KeyStoreError
from configs.settings import secret_block
from flows.prefect_setup import secrets
from tasks.extract.drift import check
from tests.doubles import bea as bea_double
from tests.doubles.bea import BeaDouble
from tests.doubles.publishers import closed_port
from tests.support.mail_server import web_hook
from tests.support.plain import Ran

Run = Callable[..., Ran]
DATASET, VARIABLE, BLOCK = "us_ip_trade_quarterly", "BEA_API_KEY", "techtrade-bea-api-key"
OLD = bea_double.KEY
NEW = "0DDBA115-1234-4BEA-8BEA-C0FFEEC0FFEE"


@pytest.fixture
def bea(monkeypatch: pytest.MonkeyPatch) -> Iterator[BeaDouble]:
    with BeaDouble() as double:
        monkeypatch.delenv(VARIABLE, raising=False)
        monkeypatch.setenv("TECHTRADE_SOURCES__BEA__URL", double.url + "/api/data")
        monkeypatch.setenv("TECHTRADE_SOURCES__BEA__REQUESTS_PER_MINUTE", "1000000")
        monkeypatch.setenv("TECHTRADE_SOURCES__BEA__BACKOFF", "0.01")
        yield double


@pytest.fixture
def no_block(prefect_api: str) -> Iterator[None]:
    """No block is left on the server of the tests."""
    yield
    _forget(BLOCK)


def _keep(value: str, block: str = BLOCK) -> None:
    from prefect.blocks.system import Secret

    Secret(value=value).save(block, overwrite=True)  # type: ignore[call-arg]


def _forget(block: str) -> None:
    from prefect.blocks.system import Secret

    Secret.delete(block)


def said_to_prefect() -> str:
    """What the server has of the last log lines."""

    async def ask() -> str:
        from prefect.client.orchestration import get_client

        async with get_client() as client:
            return " ".join(log.message for log in await client.read_logs(limit=200))

    return asyncio.run(ask())


@pytest.mark.slow
def test_a_key_that_is_changed_in_its_block_is_used_by_the_next_run(
    techtrade: Run, bea: BeaDouble, no_block: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Ran] = []

    def publish() -> dict[str, Any]:
        said.append(techtrade("publish", DATASET, "--refresh", "all", "--json"))
        (told,) = json.loads(said[-1].out)
        return dict(told)

    told = publish()
    assert told["kind"] == "MissingKeyError" and VARIABLE in told["error"] and BLOCK in told["error"]

    _keep(OLD)
    assert publish()["outcome"] == "published"
    bea.key = NEW  # the publisher has issued a new one
    assert publish()["kind"] == "CredentialError"
    _keep(NEW)
    before = len(bea.requests)
    assert publish()["outcome"] == "unchanged"
    assert all(NEW in request and OLD not in request for request in bea.requests[before:])
    assert bea.requests[before:]

    # The environment wins over the block.
    bea.key = OLD
    monkeypatch.setenv(VARIABLE, OLD)
    assert publish()["outcome"] == "unchanged"
    monkeypatch.delenv(VARIABLE)
    assert publish()["kind"] == "CredentialError"

    written = [p.read_bytes().decode(errors="replace") for p in tmp_path.rglob("*") if p.is_file()]
    assert any("CredentialError" in ran.out for ran in said) and len(written) > 10
    for text in (*written, *(ran.out + ran.err for ran in said), said_to_prefect()):
        assert OLD.lower() not in text.lower() and NEW.lower() not in text.lower()


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")
def test_a_channel_of_alerts_that_is_changed_in_its_block_is_used_by_the_next_alert(
    techtrade: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "alerts.yaml"
    settings.write_text("owners: {techtrade data team: {channels: ['prefect-block:test-keys-chat']}}\n")
    monkeypatch.setenv("TECHTRADE_ALERTS", str(settings))
    with web_hook() as first, web_hook() as second:
        for hook in (first, second):
            _keep(hook.url, "test-keys-chat")
            assert techtrade("alerts", "test").code == 0
        assert len(first.posts) == len(second.posts) == 1
    _forget("test-keys-chat")


def test_no_server_is_asked_where_none_is_configured(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    monkeypatch.delenv(VARIABLE, raising=False)
    with temporary_settings({PREFECT_API_URL: None}):
        assert secrets.secret_value(VARIABLE) is None
    assert secrets.secret_value(VARIABLE) is None, "a server, and no such block"
    # An error is no answer: a server that is down does not mean that there is no key.
    with closed_port() as nobody, temporary_settings({PREFECT_API_URL: nobody + "/api", PREFECT_CLIENT_MAX_RETRIES: 0}):
        with pytest.raises(KeyStoreError, match="BEA_API_KEY is not set, and the Prefect server could not be asked"):
            secrets.secret_value(VARIABLE)
        found = check.check("bea", datetime.now(UTC), secrets.secret_value)
        assert found.state == "wrong setting", "one source does not hide the others"
        monkeypatch.setenv(VARIABLE, f" {OLD} ")
        assert secrets.secret_value(VARIABLE) == OLD


def test_a_login_of_the_server_or_of_the_store_is_in_nothing_that_is_said(
    techtrade: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from prefect.exceptions import PrefectHTTPStatusError
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    with closed_port() as nobody:
        url = nobody.replace("://", "://user:canary%21pass@") + "/api"
        monkeypatch.setenv("PREFECT_API_URL", url)
        with temporary_settings({PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: 0}):
            ran = techtrade("publish", "partners", "--source", "snapshot")
    assert ran.code == 1 and f"the Prefect server does not answer ({nobody}/api" in ran.err
    written = [p.read_bytes().decode(errors="replace") for p in tmp_path.rglob("*") if p.is_file()]
    assert any("does not answer" in text for text in written), "it is written down why"
    assert not any("canary" in text for text in (ran.out, ran.err, *written))

    for name, value in zip(secrets.LOGINS, ("canary-1", "user:canary-2", "canary-3", "canary-4"), strict=True):
        monkeypatch.setenv(name, value)
    request = httpx.Request("GET", f"{url}/health?a=canary-1&b=canary-2&c=canary-3&d=canary-4")
    refused = PrefectHTTPStatusError(
        f"refused: {request.url} canary!pass", request=request, response=httpx.Response(401)
    )
    assert "canary" in str(refused) and "canary" not in secrets.describe_safely(refused)
    assert secrets.describe_safely(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://canary%21token@127.0.0.1:4200/api", "asked http://canary%21token@127.0.0.1:4200/api as canary!token"),
        ("http://[::1/api", "asked http://[::1/api"),
        ("http://user:canary!pass@[::1/api", "Invalid IPv6 URL http://user:canary!pass@[::1/api"),
    ],
)
def test_a_login_without_a_user_is_blanked_and_an_address_that_is_none_is_no_further_error(
    monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", url)
    assert "canary" not in secrets.redacted(said)
    assert secrets.redacted("http://127.0.0.1:4200") == "http://127.0.0.1:4200"


def test_blocks_are_named_after_the_variables() -> None:
    assert secret_block("CENSUS_API_KEY") == "techtrade-census-api-key"
    assert secret_block("TECHTRADE_ALERT_MAIL") == "techtrade-alert-mail"
