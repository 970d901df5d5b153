"""Small containers that would unpack to much, or are not what they say, each made from a good one."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable, Mapping

MB = 2**20
Parts = Mapping[str, bytes]


def packed(parts: Parts, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    return out.getvalue()


def _plain(parts: Parts) -> bytes:
    """Not compressed: a ratio of 1 is no bomb to see."""
    return packed(parts, zipfile.ZIP_STORED)


def unpacked(good: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def main_part(parts: Parts) -> str:
    """The part that the reader of the container certainly reads: the largest."""
    return max(parts, key=lambda name: len(parts[name]))


def _patched(body: bytes, name: str, change: Callable[[bytearray, int], None]) -> bytes:
    """``change`` gets the bytes, and where the entry of ``name`` in the directory begins."""
    out, begin = bytearray(body), 0
    while (begin := out.find(b"PK\1\2", begin)) >= 0:
        if out[begin + 46 :].startswith(name.encode()):
            change(out, begin)
            return bytes(out)
        begin += 4
    raise AssertionError(f"no entry {name}")


def _field(at: int, form: str, value: int) -> Callable[[bytearray, int], None]:
    return lambda body, begin: struct.pack_into(form, body, begin + at, value)


def _renamed(good: bytes, to: str) -> bytes:
    return packed({**unpacked(good), to: b"x"})


def _twice(good: bytes) -> bytes:
    parts = unpacked(good)
    name = main_part(parts)
    body = packed({**parts, "@" * len(name): parts[name]})
    return body.replace(b"@" * len(name), name.encode())


def _shared(good: bytes) -> bytes:
    """Many entries of one member, as of a ZIP that unpacks to petabytes (Fifield, 2019)."""
    parts = unpacked(good)
    body = packed({**parts, **{f"{n:05}.xml": b"" for n in range(50)}})
    at = struct.unpack_from("<I", body, body.find(b"PK\1\2") + 42)[0]
    for n in range(50):
        body = _patched(body, f"{n:05}.xml", _field(42, "<I", at))
    return body


def _prefixed(good: bytes, size: int) -> bytes:
    parts = unpacked(good)
    name = main_part(parts)
    return packed({**parts, name: parts[name] + b" " * size})


def _of_any(good: bytes) -> Mapping[str, Callable[[], bytes]]:
    """Kinds for every reader that unpacks."""
    parts = unpacked(good)
    name = main_part(parts)
    size = len(parts[name])
    return {
        "ratio": lambda: _prefixed(good, 50 * MB),
        "size told too low": lambda: _patched(_prefixed(good, 60 * MB), name, _field(24, "<I", size)),
        "packed size told too high": lambda: _patched(_prefixed(good, 60 * MB), name, _field(20, "<I", 2**31)),
        "a ZIP within": lambda: packed({**parts, name: good}),
        "gzip within": lambda: packed({**parts, name: b"\x1f\x8b\x08" + bytes(100)}),
        "wrong checksum": lambda: _patched(good, name, _field(16, "<I", 1)),
    }


def of_directory(good: bytes) -> Mapping[str, Callable[[], bytes]]:
    """Kinds that the directory shows."""
    parts = unpacked(good)
    name = main_part(parts)
    return {
        "many members": lambda: packed({**parts, **{f"{n}": b"" for n in range(1_100)}}),
        "long directory": lambda: packed({**parts, **{f"{n:0200}": b"" for n in range(20_000)}}, zipfile.ZIP_STORED),
        "total": lambda: packed({**parts, **{f"{n}.xml": bytes(MB) for n in range(150)}}),
        "two of a name": lambda: _twice(good),
        "two of a name in other case": lambda: packed({**parts, name.swapcase(): b"x"}),
        "shared bytes": lambda: _shared(good),
        "encrypted": lambda: _patched(good, name, _field(8, "<H", 1)),
        "bzip2": lambda: packed(parts, zipfile.ZIP_BZIP2),
        "lzma": lambda: packed(parts, zipfile.ZIP_LZMA),
        "unknown method": lambda: _patched(good, name, _field(10, "<H", 99)),
        "absolute name": lambda: _renamed(good, "/etc/x.xml"),
        "name upwards": lambda: _renamed(good, "a/../../x.xml"),
        "name of a drive": lambda: _renamed(good, "C:\\x.xml"),
        "name with an escape": lambda: _renamed(good, "a\x1b[2Jb.xml"),
        "name with NUL": lambda: _renamed(good, "xx@xx.xml").replace(b"xx@xx", b"xx\0xx"),
        "no directory": lambda: good[:-30],
        "half": lambda: good[: len(good) // 2],
        "nothing": lambda: b"PK\5\6" + bytes(18),
    }


def of_month(good: bytes) -> Mapping[str, Callable[[], bytes]]:
    kinds = {**of_directory(good), **_of_any(good)}
    # 16 GiB of records cannot be told in 4 bytes each; members of a month may be large.
    del kinds["total"]
    return kinds


def of_workbook(good: bytes) -> Mapping[str, Callable[[], bytes]]:
    parts = unpacked(good)
    sheet = next(n for n in sorted(parts) if n.startswith("xl/worksheets/sheet"))

    def with_rows(rows: str) -> bytes:
        head = parts[sheet].partition(b"<sheetData>")[0]
        return _plain({**parts, sheet: head + f"<sheetData>{rows}</sheetData></worksheet>".encode()})

    def with_strings(strings: str, rows: str) -> bytes:
        sst = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">' + strings + "</sst>"
        return _plain({**unpacked(with_rows(rows)), "xl/sharedStrings.xml": sst.encode()})

    def with_doctype() -> bytes:
        laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
        doctype = f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>'.encode()
        return packed({**parts, sheet: doctype + re.sub(rb"^<\?xml.*?\?>", b"", parts[sheet])})

    def with_sheets() -> bytes:
        book = parts["xl/workbook.xml"]
        one = re.search(rb"<sheet [^>]*/>", book)
        assert one is not None
        more = b"".join(re.sub(rb'name="[^"]*"', b'name="s%d"' % n, one[0]) for n in range(20_000))
        return packed({**parts, "xl/workbook.xml": book.replace(one[0], one[0] + more)})

    cell = '<c r="{}"><v>1</v></c>'
    text = '<c t="s"><v>0</v></c>'
    return {
        **of_directory(good),
        **_of_any(good),
        "cells far apart": lambda: with_rows(
            f'<row r="1">{cell.format("A1")}</row><row r="1048576">{cell.format("XFD1048576")}</row>'
        ),
        "cells some way apart": lambda: with_rows(
            f'<row r="1">{cell.format("A1")}</row><row r="90000">{cell.format("ZZ90000")}</row>'
        ),
        "cells that are not named": lambda: with_rows(
            f'<row>{"<c/>" * 30_000}<c><v>1</v></c></row><row r="9000">{cell.format("A9000")}</row>'
        ),
        "cells that others seem to name": lambda: with_rows(
            f'<row r="1">{"<c/>" * 30_000}<c><v>1</v></c></row>'
            + '<x r="A1"/>' * 40_000
            + f'<row r="9000">{cell.format("A9000")}</row>'
        ),
        "cells with a prefix": lambda: with_rows(
            '<x:row r="1"><x:c r="A1"><x:v>1</x:v></x:c></x:row><x:row r="90000"><x:c r = "ZZ90000"><x:v>1</x:v></x:c>'
            "</x:row>"
        ),
        "a column beyond any": lambda: with_rows(
            f'<row r="1">{cell.format("A1")}</row><row r="2">{cell.format("ZZZZZZZ2")}</row>'
        ),
        "a row beyond any": lambda: with_rows(f'<row r="99999999999999999999">{cell.format("A1")}</row>'),
        "rows backwards": lambda: with_rows(
            f'<row r="90000">{cell.format("A90000")}</row><row r="1">{cell.format("ZZ1")}</row>'
        ),
        "many cells": lambda: with_rows("".join(f"<row>{'<c/>' * 100}</row>" for _ in range(45_000))),
        "one text in many cells": lambda: with_strings(
            f"<si><t>{'0123456789' * 100_000}</t></si>", "".join(f"<row>{text * 100}</row>" for _ in range(40))
        ),
        "many texts": lambda: with_strings("<si/>" * 2_100_000, f"<row>{text}</row>"),
        "entities": with_doctype,
        "many sheets": with_sheets,
    }
