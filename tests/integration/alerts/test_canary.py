"""Addresses of channels with passwords that can be recognised go in; nothing that is written has them: no store, no
log with every level down, no output, no traceback, not Prefect's database. The web hook says its own path back in each
refusal, and one of the mail server's passwords is wrong, so that what goes wrong is written of as well."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.doubles.publishers import closed_port
from tests.support.alerting import ALERTS
from tests.support.mail_server import PASSWORD, TOKEN, mail_server, web_hook
from tests.support.processes import run

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning", "ignore:'imghdr':DeprecationWarning")
WRONG = "canary-wr0ng-password"
HIDDEN = "canary-b10ck-token"
CANARIES = (PASSWORD, TOKEN, WRONG, HIDDEN)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_command_writes_an_address_of_a_channel_anywhere(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    settings = tmp_path / "alerts.yaml"
    settings.write_text(ALERTS)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "TECHTRADE_", "TEST_"))}
    with mail_server() as box, web_hook() as hook, closed_port() as nowhere:
        environment |= {
            "HOME": str(tmp_path / "home"),
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "PREFECT_LOGGING_LEVEL": "DEBUG",
            "PREFECT_LOGGING_ROOT_LEVEL": "DEBUG",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "DEBUG",
            "PREFECT_LOGGING_EXTRA_LOGGERS": "techtrade,apprise,urllib3,urllib3.connectionpool,requests,stamina",
            "TECHTRADE_STORE": str(tmp_path / "store"),
            "TECHTRADE_ALERTS": str(settings),
            "BEA_API_KEY": "01234567-89AB-CDEF-0123-456789ABCDEF",
            "TECHTRADE_SOURCES__BEA__URL": nowhere,
            "TECHTRADE_SOURCES__BEA__ATTEMPTS": "1",
            "TEST_CHAT": hook.url,
            "TEST_MAIL": box.url,
        }
        bea = ("--debug", "publish", "us_ip_trade_annual", "us_ip_trade_quarterly")
        assert run(environment, tmp_path, *bea) == 1
        assert len(hook.posts) == len(box.mails) == 1, "they were sent, or nothing is shown"

        hook.status = 500
        refused = environment | {"TEST_MAIL": box.url.replace(PASSWORD, WRONG), "TEST_SPARE": f"jsno://x/{HIDDEN}"}
        assert run(refused, tmp_path, "--debug", "publish", "partners", "--source", "snapshot", "--vintage", "x") != 0
        for arguments in (["alerts", "test"], ["alerts", "list"], ["alerts", "list", "--json"], ["alerts", "send"]):
            run(refused, tmp_path, "--debug", *arguments)
        settings.write_text(f"owners: {{techtrade data team: {{channels: ['json://u:{HIDDEN}@example.org']}}}}")
        assert run(refused, tmp_path, "--debug", "alerts", "test") == 1
        settings.unlink()

    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert any(p.suffix == ".db" for p in files) and any(p.name == "state.json" for p in files)
    said = b"".join(p.read_bytes() for p in files if p.name.startswith("said-"))
    assert b"DEBUG" in said and b"alert not taken by TEST_CHAT" in said and b"REDACTED" in said
    found = [
        str(p.relative_to(tmp_path))
        for p in files
        for canary in CANARIES
        if any(form in p.read_bytes() for form in (canary.encode(), canary.lower().encode(), canary.upper().encode()))
    ]
    assert found == []
