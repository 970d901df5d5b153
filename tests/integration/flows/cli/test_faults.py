"""What the command line says of faults that are not the person's: in the store, in Prefect, in ourselves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.storage.local import LocalStore
from tasks.warehouse import layout, protocol
from tests.doubles.publishers import closed_port
from tests.support.cases import quick
from tests.support.plain import Run, error_line
from tests.support.two_versions import opened_store, published_vintages  # noqa: F401 - a fixture

ATP, IP = "atp_world_monthly", "ip_trade_annual"


class Failing(LocalStore):
    """A store with a fault of ours in it: it raises what nobody foresees."""

    def create(self, key: str, body: bytes) -> str:
        if ATP in key and key.endswith("claim.json"):
            raise ZeroDivisionError("nobody foresaw this")
        return super().create(key, body)


def test_an_error_that_nobody_foresaw_is_of_one_dataset_alone(
    techtrade: Run, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.publish.open_store", lambda url, attempts=None: Failing(Path(url)))
    monkeypatch.setenv("CENSUS_API_KEY", "0123456789abcdef0123456789abcdef01234567")
    ran = techtrade("publish", ATP, IP, "--source", "snapshot", "--json")
    assert ran.code == 1
    failed, published = json.loads(ran.out)
    assert (failed["outcome"], failed["kind"]) == ("failed", "ZeroDivisionError")
    assert "nobody foresaw this" in failed["error"] and f"techtrade versions {ATP}" in failed["error"]
    assert published["outcome"] == "published"
    assert "Traceback" not in ran.err
    assert json.loads(store.get(layout.status(ATP)).body)["outcome"] == "failed"
    assert store.size(layout.latest(ATP)) is None
    debug = techtrade("publish", ATP, "--source", "snapshot", "--debug")
    assert debug.code == 1 and "Traceback" in debug.err and "raise ZeroDivisionError" in debug.err


@pytest.mark.parametrize(
    "command",
    quick([("flows.cli", "publish", ATP, IP, "--source", "snapshot"), ("flows.cli.demo",)], 1),
    ids=["publish", "run"],
)
def test_a_prefect_server_that_does_not_answer_is_one_line(
    environment: dict[str, str], store: Any, command: tuple[str, ...]
) -> None:
    with closed_port() as url:
        env = environment | {"PREFECT_API_URL": f"{url}/api"}
        ran = subprocess.run([sys.executable, "-m", *command], env=env, capture_output=True, text=True, timeout=240)
    assert ran.returncode == 1
    errors = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == (2 if "publish" in command else 1)
    assert all("Prefect server does not answer" in e and "unset PREFECT_API_URL" in e for e in errors)
    assert "Traceback" not in ran.stderr
    (status, *_) = [e.key for e in store.entries("") if e.key.endswith("status.json")]
    assert json.loads(store.get(status).body)["outcome"] == "failed"


def test_one_damaged_manifest_hides_no_other_version(techtrade: Run, store: Any, two_versions: list[str]) -> None:
    one, two = two_versions
    key = layout.manifest(ATP, one)
    store.replace(key, b"{", store.get(key).etag)
    listed = json.loads(techtrade("versions", ATP, "--json").out)
    assert [(v["version"], v["state"], v["vintage"]) for v in listed] == [
        (one, "corrupt", "2023-01"),
        (two, "latest", "2025-02"),
    ]
    assert "manifest.json" in listed[0]["problem"]
    shown = techtrade("versions", ATP)
    assert "corrupt" in shown.out and two in shown.out and "manifest.json" in error_line(shown)
    ran = techtrade("verify", "--json")
    assert ran.code == 1
    assert [(v["version"], v["ok"]) for v in json.loads(ran.out)] == [(one, False), (two, True)]
    human = techtrade("verify")
    assert human.code == 1 and f"{ATP}@{two}: " in human.out and one in error_line(human)


@pytest.mark.parametrize("damaged", ["manifest", "log"])
def test_a_damaged_dataset_hides_no_other_dataset(
    techtrade: Run, store: Any, two_versions: list[str], damaged: str
) -> None:
    assert techtrade("publish", IP, "--source", "snapshot", "--vintage", "2021-09-15").code == 0
    key = layout.manifest(ATP, two_versions[1]) if damaged == "manifest" else layout.latest(ATP)
    store.replace(key, b"{", store.get(key).etag)
    ran = techtrade("datasets", "--json")
    listed = {d["dataset"]: d for d in json.loads(ran.out)}
    assert (listed[ATP]["state"], listed[IP]["state"], listed[IP]["rows"]) == ("corrupt", "published", 8555)
    assert listed[ATP]["version"] == (two_versions[1] if damaged == "manifest" else None)
    human = techtrade("datasets")
    assert "corrupt" in human.out and "8,555" in human.out and ".json" in error_line(human)
    verified = techtrade("verify", "--json")
    assert verified.code == 1
    ok = {(v["dataset"], v["version"]): v["ok"] for v in json.loads(verified.out)}
    assert not all(ok.values())
    assert [good for (name, _), good in ok.items() if name == IP] == [True]


def raw_of(store: Any, version: str) -> str:
    return str(protocol.read_manifest(store, ATP, version).sources[0].raw_key)


def test_verify_holds_raw_inputs_against_their_hashes(techtrade: Run, store: Any, two_versions: list[str]) -> None:
    assert "1 raw document, all checksums hold" in techtrade("verify", f"{ATP}@{two_versions[0]}").out
    key = raw_of(store, two_versions[0])
    store.replace(key, b"month,exports", store.get(key).etag)
    ran = techtrade("verify", "--json")
    assert ran.code == 1
    bad, good = json.loads(ran.out)
    assert (bad["ok"], good["ok"]) == (False, True)
    assert key in bad["problems"][0] and "its figures are whole" in error_line(ran)


def test_a_raw_input_that_is_gone_is_a_problem_unless_it_was_taken_down(
    techtrade: Run, store: Any, two_versions: list[str]
) -> None:
    key = raw_of(store, two_versions[0])
    store.delete(key)
    ran = techtrade("verify", "--json")
    assert ran.code == 1
    assert "is gone" in json.loads(ran.out)[0]["problems"][0]
    store.create(layout.taken_down("snapshot"), b'{"source": "snapshot", "events": []}')
    ran = techtrade("verify", "--json")
    assert ran.code == 0
    assert key in json.loads(ran.out)[0]["raw_gone"][0]
    assert "taken down" in techtrade("verify").err


def test_a_raw_input_of_a_yanked_version_may_be_gone(techtrade: Run, store: Any, two_versions: list[str]) -> None:
    assert techtrade("yank", f"{ATP}@{two_versions[0]}", "--reason", "x").code == 0
    store.delete(raw_of(store, two_versions[0]))
    assert techtrade("verify").code == 0
