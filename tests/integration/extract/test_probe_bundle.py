"""The bundle of a round of probes: no key and nothing of this machine in it, and replayed it is the publishers again."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import quote

import pytest

from benchmarks.synthetic.bea_api import KEY as BEA_KEY
from benchmarks.synthetic.memory import Memory
from configs.errors import UsageError
from configs.settings import from_environment
from tasks.extract.probe import bundle
from tasks.extract.probe import publishers as probes
from tasks.extract.registry import load_source
from tasks.extract.source import Extraction, FetchRequest
from tests.doubles import first_day
from tests.doubles.census_api import KEY as CENSUS_KEY
from tests.doubles.first_day import NOW, Publishers, Sent, answer
from tests.doubles.replay import Replay
from tests.paths import ROOT
from tests.support.plain import Run, plain

FILTER = (
    b"<html><body>Blocked. Your IP: 203.0.113.77 and 2001:db8:0:0:1:2:3:4, key " + BEA_KEY.encode() + b"</body></html>"
)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return plain(monkeypatch, capfd)


def written(to: Path, *names: str) -> Path:
    found = probes.probe(names, NOW)
    bundle.write(to, bundle.files(found, from_environment))
    return to


def extracted(dataset: str, source: str) -> Extraction:
    module = load_source(source)
    documents = module.fetch(FetchRequest(dataset, now=NOW), Memory())
    return module.parse(dataset, documents, None)


# ------------------------------------------------------------------------------------------------ what is in it


def _echoing(path: str, sent: Sent) -> Sent:
    headers = {
        "Set-Cookie": "session=abcdef",
        "ETag": f'"{BEA_KEY.lower()}"',
        "Location": f"https://bea.example/?UserID={BEA_KEY}",
    }
    return Sent(sent.body, sent.content_type, sent.status, {**sent.headers, **headers})


def test_no_key_is_in_a_bundle(given: Publishers, tmp_path: Path) -> None:
    given["bea"].alter = _echoing
    given["census_hitech"].alter = answer("imports/hitech?", status=400, body=CENSUS_KEY.encode())
    given["census_balance"].alter = answer(body=f"another's {BEA_KEY}".encode())
    written(tmp_path / "probe.zip")
    content = bundle.read(tmp_path / "probe.zip")
    assert len(content) > 50
    for name, body in content.items():
        for key in (BEA_KEY, CENSUS_KEY, "session=abcdef"):
            for form in (key, quote(key, safe="")):
                assert form.lower().encode() not in body.lower(), name
    asked = [x for x in bundle.exchanges(content) if x.source == "bea" and x.status == 200]
    assert all("set-cookie" in x.others and "REDACTED" in x.headers["etag"] for x in asked)


def test_nothing_of_this_machine_is_in_a_bundle(given: Publishers, tmp_path: Path) -> None:
    given["census_balance"].alter = answer(status=403, body=FILTER)
    content = bundle.read(written(tmp_path / "probe.zip"))
    ours = [str(ROOT), str(tmp_path), str(Path.home()) + "/", "_raw/", "memory/", "203.0.113.77", "2001:db8"]
    assert [(n, o) for n, body in content.items() for o in ours if o.encode() in body] == []


def test_every_answer_is_kept_as_it_came(given: Publishers, tmp_path: Path) -> None:
    content = bundle.read(written(tmp_path / "probe", "census_balance"))
    first = next(bundle.exchanges(content))
    assert (first.status, first.method, first.whole) == (200, "GET", True)
    assert first.body == given["census_balance"].document("/country.xlsx")[0]
    assert json.loads(content["exchanges/0001.meta.json"])["sha256"] == first.sha256


def test_a_folder_and_a_zip_hold_the_same(given: Publishers, tmp_path: Path) -> None:
    content = bundle.files(probes.probe(("world_bank_archives",), NOW), from_environment)
    bundle.write(tmp_path / "folder", content)
    bundle.write(tmp_path / "file.zip", content)
    assert bundle.read(tmp_path / "folder") == bundle.read(tmp_path / "file.zip") == content


def test_the_report_names_findings_and_requests(given: Publishers, tmp_path: Path) -> None:
    given["bea"].areas = ("Atlantis",)
    content = bundle.read(written(tmp_path / "probe.zip", "bea"))
    told, plain_report = json.loads(content["report.json"]), content["report.md"].decode()
    assert [f["severity"] for f in told["findings"]] == ["look at"]
    assert not told["as_believed"] and told["sources"]["bea"]["requests"] == 6
    assert "## Look at" in plain_report and "Atlantis" in plain_report
    assert "| 0001 | GET " in plain_report


@pytest.mark.parametrize("name", ["probe.zip", "probe"])
def test_nothing_is_overwritten(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        bundle.write(tmp_path / name, {"report.md": b""})
    assert (tmp_path / name).read_text() == "mine"


# ------------------------------------------------------------------------------------------------ the command


def test_the_command_writes_a_bundle(given: Publishers, tmp_path: Path, run: Run) -> None:
    ran = run("sources", "probe", "bea", "world_bank", "--out", str(tmp_path / "probe.zip"))
    assert (ran.code, ran.err.count("Traceback")) == (0, 0), ran.out + ran.err
    assert "bea: 6 probes (6 as believed), 6 requests" in ran.out
    with zipfile.ZipFile(io.BytesIO((tmp_path / "probe.zip").read_bytes())) as archive:
        assert {"report.md", "report.json", "exchanges/0001.meta.json", "exchanges/0001.json"} <= {*archive.namelist()}


def test_the_command_ends_with_1_on_differences(given: Publishers, tmp_path: Path, run: Run) -> None:
    given["bea"].areas = ("Atlantis",)
    ran = run("sources", "probe", "bea", "--out", str(tmp_path / "probe"), "--json")
    assert ran.code == 1
    assert [f["text"] for f in json.loads(ran.out)["findings"]] == [
        "It has 1 area that our tables do not have: Atlantis."
    ]
    assert (tmp_path / "probe" / "report.md").exists()


@pytest.mark.parametrize(("name", "out", "words"), [
    ("world_banc", "probe.zip", "did you mean world_bank"),
    ("bea", "missing/probe.zip", "does not exist"),
])  # fmt: skip
def test_a_wrong_command_asks_nobody(
    name: str, out: str, words: str, given: Publishers, tmp_path: Path, run: Run
) -> None:
    ran = run("sources", "probe", name, "--out", str(tmp_path / out))
    assert ran.code == 2 and words in ran.err
    assert given["bea"].requests == []


# ------------------------------------------------------------------------------------------------ replayed


@pytest.fixture
def replayed(
    given: Publishers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[probes.Probed, Replay]]:
    """The findings of a round with differences, and a double that replays it."""
    given["bea"].areas = ("Atlantis",)
    given["census_bulk"].last = date(2025, 1, 1)
    given["world_bank"].alter = first_day.body(lambda b: b.replace(b'"unit": ""', b'"unit": "EUR"', 1), "ROYL")
    found = probes.probe((), NOW)
    bundle.write(tmp_path / "probe.zip", bundle.files(found, from_environment))
    with Replay(tmp_path / "probe.zip") as double:
        for name, value in double.variables.items():
            monkeypatch.setenv(name, value)
        yield found, double


def test_a_replay_gives_the_same_findings(replayed: tuple[probes.Probed, Replay]) -> None:
    found, _ = replayed
    again = probes.probe((), NOW)
    assert [(f.source, f.probe, f.severity) for f in again.findings] == [
        (f.source, f.probe, f.severity) for f in found.findings
    ]
    assert len(found.findings) >= 4
    was, now = ({(v.source, o.probe): (o.state, o.read) for v in p.visits for o in v.outcomes} for p in (found, again))
    assert now == was


@pytest.mark.parametrize(("dataset", "sources"), [
    ("atp_world_monthly", ("census_balance", "census_ft900")),
    ("ip_trade_annual", ("world_bank",)),
    ("high_tech_exports_annual", ("world_bank",)),
    ("atp_products", ("census_atp_lists",)),
])  # fmt: skip
def test_an_extraction_of_a_replay_is_the_original(
    dataset: str, sources: tuple[str, ...], given: Publishers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = extracted(dataset, sources[0])
    written(tmp_path / "probe.zip", *sources)
    for double in given.doubles.values():
        double.requests.clear()
    with Replay(tmp_path / "probe.zip") as double:
        for name, value in double.variables.items():
            monkeypatch.setenv(name, value)
        again = extracted(dataset, sources[0])
        assert double.requests
    assert all(d.requests == [] for d in given.doubles.values()), "the replay was asked, and nobody else"
    assert again.vintage == original.vintage
    assert [d.sha256 for d in again.documents] == [d.sha256 for d in original.documents]
    for name, frame in original.tables.items():
        assert again.tables[name].collect().equals(frame.collect(), null_equal=True)


def test_a_replay_answers_404_beyond_the_bundle(replayed: tuple[probes.Probed, Replay]) -> None:
    from tasks.extract.http.responses import StatusError

    with pytest.raises(StatusError, match="the bundle has no answer"):
        extracted("us_ip_trade_annual", "bea")
