"""Fixed-width records of the Census Bureau's monthly files, by their layouts. Pure: bytes in, tables out.

A layout is data (``configs/reference/census_bulk/layouts.yaml``). The length of every record is held against it: a file
that is one byte off somewhere would otherwise shift every figure after it into its neighbour's column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

import polars as pl

from configs import CONFIGS, yaml_file
from configs.errors import IncompleteResponseError, SourceLayoutError
from configs.words import plural

SOURCE = "census_bulk"
LAYOUTS = CONFIGS / "reference" / "census_bulk" / "layouts.yaml"
# A whole number, right-aligned in this many characters.
NUMBER = 15


@dataclass(frozen=True)
class Field:
    """``start`` counts from 0."""

    name: str
    start: int
    width: int

    @property
    def is_number(self) -> bool:
        return self.width == NUMBER


@dataclass(frozen=True)
class Layout:
    """One kind of record."""

    record: str
    fields: tuple[Field, ...]

    @property
    def length(self) -> int:
        """Characters of a record, without its line end."""
        return self.fields[-1].start + self.fields[-1].width

    def __getitem__(self, name: str) -> Field:
        return next(f for f in self.fields if f.name == name)

    @property
    def schema(self) -> dict[str, pl.DataType]:
        return {f.name: pl.Int64() if f.is_number else pl.String() for f in self.fields}


@cache
def layouts() -> Mapping[str, Layout]:
    """Every kind of record, by the name of its file without ``.TXT``.

    Raises:
        ConfigError: the layouts cannot be read.
    """
    return {
        record: _layout(record, widths) for record, widths in yaml_file.load(dict[str, dict[str, int]], LAYOUTS).items()
    }


def _layout(record: str, widths: Mapping[str, int]) -> Layout:
    starts = accumulate(widths.values(), initial=0)
    return Layout(record, tuple(Field(name, start, widths[name]) for name, start in zip(widths, starts, strict=False)))


def records(chunks: Iterable[bytes], layout: Layout, told: str) -> Iterator[pl.Series]:
    """The records of a file that comes in chunks, as text, one series a chunk; none of them is cut in two.

    Args:
        chunks: the file's bytes, in order, of any sizes.
        told: what the file is called in an error.

    Raises:
        SourceLayoutError: a record has another length than the layout.
        IncompleteResponseError: the last record is cut short.
    """
    rest, before = b"", 0
    for chunk in chunks:
        whole, rest = _cut(rest, chunk)
        if not whole:
            continue
        found = _split(whole, layout, told, before)
        before += len(found)
        yield found
    rest = rest.rstrip(b"\r\n\x1a")  # some files end with the end-of-file mark of DOS
    if rest:
        if len(rest) < layout.length:
            raise IncompleteResponseError(
                SOURCE, f"{told} ends in the middle of a record, after {before:,}: {rest[:40].decode('latin-1')!r}"
            )
        yield _split(rest, layout, told, before)


def _cut(rest: bytes, chunk: bytes) -> tuple[bytes, bytes]:
    """What ends with a record, and what is left. A chunk that begins and ends with one is not copied."""
    cut = chunk.rfind(b"\n") + 1
    if cut == len(chunk):
        return (rest + chunk if rest else chunk), b""
    return (rest + chunk[:cut], chunk[cut:]) if cut else (b"", rest + chunk)


def _split(body: bytes, layout: Layout, told: str, before: int) -> pl.Series:
    # Latin-1, which is one character a byte; only a file with names in it has any beyond ASCII.
    ascii_only = body.isascii()
    text = body if ascii_only else body.decode("latin-1").encode()
    try:
        # Of one column: a reader of CSV cuts lines six times as fast as a split of the text.
        read = pl.read_csv(text, has_header=False, schema={"line": pl.String}, separator="\x01", quote_char=None)
    except pl.exceptions.PolarsError as e:
        raise SourceLayoutError(SOURCE, f"{told}: after {plural(before, 'record')} comes what is no text ({e})") from e
    # An empty line comes as null.
    lines = read["line"].fill_null("") if read["line"].null_count() else read["line"]
    lengths = lines.str.len_bytes() if ascii_only else lines.str.len_chars()
    wrong = (lengths != layout.length).arg_true()
    if len(wrong):
        at = int(wrong[0])
        raise SourceLayoutError(
            SOURCE,
            f"{told}: record {before + at + 1:,} has {lengths[at]} characters, those of {layout.record} have "
            f"{layout.length}: {str(lines[at])[:60]!r}; if the layout has changed, {LAYOUTS.name} has to follow",
        )
    return lines


def table(lines: pl.Series, layout: Layout, told: str, names: Sequence[str] | None = None) -> pl.DataFrame:
    """Records as columns (of ``names``, or all): text without the blanks at its end, numbers as ``Int64``.

    Raises:
        SourceLayoutError: a number is none.
    """
    wanted = layout.fields if names is None else [layout[n] for n in names]
    frame = lines.alias("line").to_frame().select(_text(f) for f in wanted)
    numbers = [f.name for f in wanted if f.is_number]
    read = frame.with_columns(pl.col(numbers).str.strip_chars(" ").cast(pl.Int64, strict=False))
    for name in numbers:
        if read[name].null_count():
            bad = frame.filter(read[name].is_null())
            raise SourceLayoutError(
                SOURCE, f"{told}: {name} is not a number in {plural(bad.height, 'record')}: {bad.row(0, named=True)}"
            )
    return read


def field(layout: Layout, name: str) -> pl.Expr:
    """One field of a series of records called ``line``, as text."""
    return _text(layout[name])


def _text(f: Field) -> pl.Expr:
    sliced = pl.col("line").str.slice(f.start, f.width)
    return (sliced if f.is_number else sliced.str.strip_chars_end(" ")).alias(f.name)
