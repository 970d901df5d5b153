"""Reads one bomb after the other in a process with little memory; ``python -m tests.faults.containers_child [old]``.

A line of JSON in: reader, kind. A line out: the error (empty: none), whether it is one of ours, the memory that it took
in MB, whether the bytes were archived as they came. ``old``: workbooks are opened as they were without a guard.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import zipfile
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fastexcel

from benchmarks.synthetic.memory import Memory
from configs.errors import SourceError
from tasks.extract import workbook
from tasks.extract.census import balance_workbook, ft900
from tasks.extract.census.merchandise.month import read_month
from tasks.extract.drift import metadata
from tasks.extract.http.session import Session
from tasks.extract.source import FetchRequest
from tasks.raw.documents import RawDocument
from tests.doubles import ft900_workbook, publishers
from tests.faults import bombs
from tests.support.merchandise import concord, detail, zipped

GB = 2**30


@cache
def good(reader: str) -> bytes:
    if "month" in reader:
        with TemporaryDirectory() as folder:
            files = {"EXP_DETL.TXT": detail("8471300100") * 200, "CONCORD.TXT": concord()}
            return zipped(Path(folder), files).read_bytes()
    if "ft900" in reader:
        heads = ft900_workbook.head(ft900_workbook.TITLE)
        return ft900_workbook.workbook(heads)
    return publishers.workbook()


def _balance(file: Path, archive: Memory) -> None:
    os.environ["TECHTRADE_SOURCES__CENSUS_BALANCE__URL"] = file.as_uri()
    documents = balance_workbook.fetch(FetchRequest("atp_world_monthly"), archive)
    balance_workbook.parse("atp_world_monthly", documents, None)


def _ft900(file: Path, archive: Memory) -> None:
    os.environ["TECHTRADE_SOURCES__CENSUS_FT900__URL"] = file.as_uri()
    with Session("census_ft900", FetchRequest("atp_trade_monthly"), archive) as session:
        ft900.fetch(session, date(2021, 8, 1))


def _drift(read: Callable[[RawDocument, str], object], file: Path) -> object:
    return read(RawDocument.of("probe", file.as_uri(), file.read_bytes()), "census_balance")


READERS: Mapping[str, Callable[[Path, Memory], object]] = {
    "balance workbook": _balance,
    "ft900 workbook": _ft900,
    "balance drift": lambda file, _: _drift(metadata.balance_workbook, file),
    "ft900 drift": lambda file, _: _drift(metadata.ft900_exhibits, file),
    "month": lambda file, _: read_month(file, "exports", "2025-03", "EXDB2503.ZIP"),
    "month drift": lambda file, _: _drift(metadata.bulk_members, file),
}


def kinds(reader: str) -> Mapping[str, Callable[[], bytes]]:
    of = {"month": bombs.of_month, "month drift": bombs.of_directory}
    return of.get(reader, bombs.of_workbook)(good(reader))


def _peak_mb() -> int:
    told = Path("/proc/self/status").read_text()
    return int(told.split("VmHWM:")[1].split()[0]) // 1024


def _try(reader: str, kind: str, folder: Path) -> dict[str, Any]:
    file = folder / "EXDB2503.ZIP"
    file.write_bytes(kinds(reader)[kind]())
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _peak_mb()
    archive = Memory()
    told: dict[str, Any] = {"error": "", "ours": False}
    try:
        READERS[reader](file, archive)
    except SourceError as e:
        told = {"error": str(e), "ours": True}
    except BaseException as e:  # noqa: BLE001 - whatever comes is what is asked
        told["error"] = f"{type(e).__name__}: {e}"[:300]
    told["kept"] = "workbook" not in reader or file.read_bytes() in archive.kept.values()
    return told | {"mb": _peak_mb() - before}


def _without_guard() -> None:
    def opened(source: str, document: RawDocument) -> workbook.Workbook:
        with zipfile.ZipFile(BytesIO(document.body)) as archive:
            archive.testzip()
        origin = workbook.Origin(source, document.url, (document.raw_key,))
        return workbook.Workbook(fastexcel.read_excel(document.body), origin)

    for module in (balance_workbook, ft900, metadata):
        module.open_workbook = opened  # type: ignore[attr-defined]


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_AS, (6 * GB, 6 * GB))
    if "old" in sys.argv:
        _without_guard()
    with TemporaryDirectory(prefix="techtrade-bombs-") as folder:
        for line in sys.stdin:
            print(json.dumps(_try(*json.loads(line), Path(folder))), file=answers)


if __name__ == "__main__":
    main()
