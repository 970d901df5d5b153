"""The body of an answer, decoded in bounded steps: what came and what it unpacks to are both counted.

httpx2 decodes each chunk whole, and hands on nothing while nothing comes out: 64 KiB of gzip can be 64 MB at once, or
nothing for ever. So only gzip is asked for and is unpacked here, a step at a time.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

import httpx2

STEP = 1 << 20  # bytes unpacked at a time
GZIP = {"gzip", "x-gzip"}
# Other words in the header (UTF-8, none, binary) are mistakes about a body that is plain.
PACKED = GZIP | {"deflate", "br", "zstd", "compress", "x-compress", "bzip2", "x-bzip2", "xz", "dcb", "dcz"}


class BrokenBodyError(Exception):  # not an error of ours: asking again can help
    """What came cannot be unpacked, or ends before its end."""


def encoding_of(response: httpx2.Response) -> str:
    """How a body is compressed; empty if it is not."""
    told = response.headers.get("content-encoding", "").lower().split(",")
    return ", ".join("gzip" if word in GZIP else word for word in map(str.strip, told) if word in PACKED)


def unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The content of a gzip stream, of one or more members, in pieces of at most ``STEP`` bytes.

    Raises:
        BrokenBodyError: it is no gzip, or is cut short.
    """
    stream, began = zlib.decompressobj(wbits=31), False
    for chunk in chunks:
        rest = chunk
        while rest:
            if stream.eof:
                stream = zlib.decompressobj(wbits=31)
            began = True
            try:
                piece = stream.decompress(rest, STEP)
            except zlib.error as e:
                raise BrokenBodyError(f"what came is no whole gzip ({e})") from None
            rest = stream.unused_data if stream.eof else stream.unconsumed_tail
            if piece:
                yield piece
    # What fits into the last step exactly can still be held back by the stream.
    if piece := stream.flush():
        yield piece
    if began and not stream.eof:
        raise BrokenBodyError("the gzip that came is cut short")
