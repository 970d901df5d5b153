"""The Census Bureau's lists of advanced technology products in their published form."""

from __future__ import annotations

from benchmarks.synthetic.memory import Memory
from tasks.extract.bundled import atp_lists
from tasks.extract.census import atp_list_parse
from tasks.extract.source import FetchRequest

# 300 codes of ten groups, and all chapters.
CODES = {f"{8400000000 + n * 10}": f"{n % 10 + 1:02d}" for n in range(300)}


def atp_list(codes: dict[str, str], width: int = 164, end: str = "\n") -> bytes:
    lines = [f"{group} {code} {'NUCLEAR REACTORS Ö ' + code:150}".ljust(width) for code, group in codes.items()]
    return "".join(line + end for line in lines).encode("latin-1")


def all_codes(codes: dict[str, str], flow: str = "exports") -> bytes:
    """All codes of a flow (Schedule B, or the HTS), with their group."""
    other = {f"{chapter}00000000": "00" for chapter in atp_list_parse.CHAPTERS[flow]}
    lines = [code + " " * 266 + group for code, group in sorted((other | codes).items())]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


def bundled_as_published(role: str) -> bytes:
    """A bundled list in the publisher's form."""
    (document,) = (d for d in atp_lists.fetch(FetchRequest("atp_products"), Memory()) if d.role == role)
    codes = dict(line.split(",") for line in document.body.decode().splitlines()[1:])
    return atp_list(codes, 165)
