"""Records of the Census Bureau's monthly files."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from tasks.extract.census.merchandise.fixed_width import layouts

CODES = {"8471300100": "04", "8802400040": "08", "0101210000": "00"}


def record(kind: str, **given: str | int) -> bytes:
    fields = layouts()[kind].fields
    assert set(given) <= {f.name for f in fields}
    parts = (
        f"{given.get(f.name, 0):>{f.width}}" if f.is_number else f"{given.get(f.name, ''):<{f.width}}" for f in fields
    )
    return "".join(parts).encode("latin-1") + b"\r\n"


def detail(code: str, **given: str | int) -> bytes:
    told = {"df": 1, "commodity": code, "cty_code": "5700", "district": "01", "year": "2025", "month": "03"}
    return record("EXP_DETL", **(told | given))


def concord(codes: Mapping[str, str] = CODES) -> bytes:
    return b"".join(
        record("CONCORD", commodity=c, descriptn="caf\xe9", unit_qy1="NO", hitech=g) for c, g in codes.items()
    )


def zipped(folder: Path, files: Mapping[str, bytes]) -> Path:
    file = folder / "EXDB2503.ZIP"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, body in files.items():
            out.writestr(name, body)
    return file
