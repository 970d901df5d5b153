"""What a server can do to a client below and within HTTP, byte by byte; every double can show each of them.

A script yields bytes to send, and seconds to wait. ``dripped``: a byte now and then, for ever. ``endless``: as fast as
they are taken. ``right`` is what a client may make of it: ``error``; ``body``: the same, but the head is fine, so that
HEAD may give a value; ``value``: it is harmless, and the answer is ``BODY``; ``any``: either.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

BODY = b'{"whole": "answer"}' * 50
FLOOD = 96_000_000  # bytes after which a double stops: no client with a bound takes so many
PAUSE = 0.04  # seconds between two bytes that drip
Part = bytes | float


@dataclass(frozen=True)
class Asked:
    """A request. ``number``: which one it is, from 1 on."""

    method: str
    range: str
    number: int


@dataclass(frozen=True)
class Misbehaviour:
    script: Callable[[Asked], Iterable[Part]]
    right: Literal["error", "body", "value", "any"]


def _head(asked: Asked, *headers: str | bytes, status: str = "") -> bytes:
    said = status or ("206 Partial Content" if asked.range else "200 OK")
    lines = [f"HTTP/1.1 {said}", "Content-Type: application/json", *headers]
    if asked.range and not status:
        lines.append(f"Content-Range: bytes 0-{len(BODY) - 1}/{len(BODY)}")
    return b"\r\n".join(h if isinstance(h, bytes) else h.encode() for h in lines) + b"\r\n\r\n"


def _sized(asked: Asked, body: bytes = BODY, *headers: str | bytes, status: str = "") -> list[Part]:
    return [_head(asked, f"Content-Length: {len(body)}", *headers, status=status), body]


def _dripped(first: bytes, rest: bytes) -> Iterator[Part]:
    """The second part byte by byte, again and again."""
    yield first
    for byte in itertools.cycle(rest):
        yield bytes([byte])
        yield PAUSE


def _endless(first: bytes, rest: bytes) -> Iterator[Part]:
    yield first
    yield from itertools.repeat(rest * (65_536 // len(rest)))


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(body) + packer.flush()


def _bomb() -> bytes:
    """About 100 KB that unpack to 100 MB."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()


_NO_COMPRESSIONS = ("UTF-8", "none", "binary", "identity", "identity, utf-8", "\xb2")
_STATUS = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = "Transfer-Encoding: chunked"
_NOTHING = _gzip(b"")[:10] + b"\0\0\0\xff\xff"  # a header of gzip, and a block that holds nothing
_EMPTY = b"\0\0\0\xff\xff" * 100
_LONG = 10**9


def _flows(kind: Callable[[bytes, bytes], Iterator[Part]]) -> dict[str, Misbehaviour]:
    """What goes on and on, in every place of an answer."""
    places: dict[str, tuple[Callable[[Asked], tuple[bytes, bytes]], Literal["error", "body", "any"]]] = {
        "status line": (lambda a: (b"HTTP/1.1 200 ", b"O"), "error"),
        "header": (lambda a: (_STATUS + b"X-Long: ", b"a"), "error"),
        "header list": (lambda a: (_STATUS, b"X-More: a\r\n"), "error"),
        "1xx answers": (lambda a: (b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "error"),
        "early hints": (lambda a: (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), "error"),
        "chunk extension": (lambda a: (_head(a, _CHUNKED) + b"5;", b"x"), "body"),
        "chunks": (lambda a: (_head(a, _CHUNKED), b"1\r\na\r\n"), "body"),
        "chunk of no end": (lambda a: (_head(a, _CHUNKED) + b"fffffffffff\r\n", b"a"), "body"),
        "trailer": (lambda a: (_head(a, _CHUNKED) + b"2\r\n[]\r\n0\r\nX-Trailer: ", b"a"), "body"),
        "trailers": (lambda a: (_head(a, _CHUNKED) + b"2\r\n[]\r\n0\r\n", b"X-Trailer: a\r\n"), "body"),
        "body of a length": (lambda a: (_head(a, f"Content-Length: {_LONG}"), b"a"), "body"),
        "body without a length": (lambda a: (_head(a), b"a"), "body"),
        "gzip of nothing": (lambda a: (_head(a, "Content-Encoding: gzip") + _NOTHING, _EMPTY), "body"),
        "404 body": (lambda a: (_head(a, status="404 Not Found"), b"sorry "), "any"),
        "404 gzip": (lambda a: (_head(a, "Content-Encoding: gzip", status="404 No") + _NOTHING, _EMPTY), "any"),
        "400 chunk extension": (lambda a: (_head(a, _CHUNKED, status="400 Bad") + b"5;", b"x"), "error"),
        "500 body": (lambda a: (_head(a, status="500 Error"), b"sorry "), "error"),
        "302 body": (lambda a: (_head(a, "Location: /x", status="302 Found"), b"sorry "), "error"),
    }
    name = kind.__name__.strip("_")

    def of(place: Callable[[Asked], tuple[bytes, bytes]]) -> Callable[[Asked], Iterable[Part]]:
        return lambda asked: kind(*place(asked))

    return {f"{name} {n}": Misbehaviour(of(place), right) for n, (place, right) in places.items()}


def _with(
    right: Literal["error", "body", "value", "any"], *headers: str | bytes, body: bytes = BODY, status: str = ""
) -> Misbehaviour:
    return Misbehaviour(lambda asked: _sized(asked, body, *headers, status=status), right)


def _raw(right: Literal["error", "body", "value", "any"], answer: bytes) -> Misbehaviour:
    return Misbehaviour(lambda asked: [answer], right)


def _resumed(content_range: str, part: bytes) -> Misbehaviour:
    """A file that is cut off, and a second part that is not what was asked for."""

    def script(asked: Asked) -> Iterator[Part]:
        if asked.number == 1 or not asked.range:
            yield _head(asked, f"Content-Length: {len(BODY)}", "Last-Modified: Mon, 02 Nov 2026 00:00:00 GMT")
            yield BODY[:400]
        else:
            headers = ["Content-Range: " + content_range] if content_range else []
            yield _head(asked, f"Content-Length: {len(part)}", *headers, status="206 Partial Content")
            yield part

    return Misbehaviour(script, "any")


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _lengths(value: bytes) -> Callable[[Asked], Iterable[Part]]:
    return lambda asked: [_head(asked, b"Content-Length: " + value), BODY]


_LOCATIONS: dict[str, str | bytes] = {
    "no address": "http://[",
    "a port beyond": "http://a:99999999/",
    "a port that is none": "http://a:port/",
    "text": "go there, please",
    "not ASCII": "https://ex\xe4mple/\xb2".encode("iso-8859-1"),
    "nothing": "",
    "huge": "https://a/" + "x" * 60_000,
    "a key": "https://elsewhere.example/?key=s3cret",
}
_WAITS: dict[str, str | bytes] = {
    "a superscript": "\xb2".encode(),
    "a superscript in Latin-1": b"\xb2",
    "1e400": "1e400",
    "a huge number": "9" * 5000,
    "negative": "-5",
    "nan": "nan",
    "inf": "inf",
    "an odd date": "Mon, 99 Foo 99999 99:99:99 GMT",
    "a date of year 1": "Mon, 01 Jan 0001 00:00:00 +2359",
    "a date of year 9999": "Fri, 31 Dec 9999 23:59:59 -2359",
    "a zone beyond": "Mon, 02 Nov 2026 00:00:00 +999999999999",
    "empty": "",
}
_LENGTHS: dict[str, bytes] = {
    "a superscript": b"\xb2",
    "negative": b"-1",
    "huge": b"9" * 400,
    "two": b"10\r\nContent-Length: 11",
    "a fraction": b"1.5",
    "empty": b"",
}
TRANSPORT: dict[str, Misbehaviour] = {
    **_flows(_dripped),
    **_flows(_endless),
    "silence": Misbehaviour(lambda asked: itertools.repeat(1.0), "error"),
    "closed at once": _raw("error", b""),
    "a byte and closed": _raw("error", b"H"),
    "not HTTP": _raw("error", b"220 mail.example ESMTP ready\r\n"),
    "HTTP of no version": _raw("error", b"HTTP/9.9.9 200 OK\r\n\r\n"),
    "status of letters": _raw("error", b"HTTP/1.1 abc OK\r\n\r\n"),
    "status 999": _with("error", status="999 What"),
    "status 299": _with("any", status="299 Fine"),
    "switching protocols": _raw("error", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nzzz"),
    "a NUL in a header": _raw("error", b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\n\r\n"),
    "a header without a colon": _raw("error", b"HTTP/1.1 200 OK\r\nX-A\r\n\r\n"),
    "no reason": Misbehaviour(
        lambda a: [_head(a, f"Content-Length: {len(BODY)}").replace(b" OK\r", b"\r", 1), BODY], "value"
    ),
    "a charset that is none": _with("value", "Content-Type: application/json; charset=\xb2;;=\x7f".encode()),
    "headers not in ASCII": _with("value", b"X-A: \xff\xfe\xb2", b"ETag: \xe4", b"Last-Modified: \xb2\xe4"),
    "a chunk size of letters": Misbehaviour(lambda a: [_head(a, _CHUNKED) + b"xyz\r\n"], "body"),
    "a chunk size beyond": Misbehaviour(lambda a: [_head(a, _CHUNKED) + b"f" * 100 + b"\r\n"], "body"),
    "cut in a chunk": Misbehaviour(lambda a: [_head(a, _CHUNKED) + b"ff\r\nabc"], "body"),
    "cut before the last chunk": Misbehaviour(lambda a: [_head(a, _CHUNKED) + b"3\r\nabc\r\n"], "body"),
    "cut in the body": Misbehaviour(lambda a: [_head(a, f"Content-Length: {len(BODY)}"), BODY[:100]], "body"),
    "gzip": Misbehaviour(lambda a: _sized(a, _gzip(BODY), "Content-Encoding: gzip"), "any"),
    "gzip in two members": Misbehaviour(
        lambda a: _sized(a, _gzip(BODY[:99]) + _gzip(BODY[99:]), "Content-Encoding: gzip"), "any"
    ),
    "gzip that is none": _with("body", "Content-Encoding: gzip"),
    "gzip with a wrong sum": Misbehaviour(
        lambda a: _sized(a, _gzip(BODY)[:-8] + bytes(8), "Content-Encoding: gzip"), "body"
    ),
    "gzip cut short": Misbehaviour(lambda a: _sized(a, _gzip(BODY)[:-9], "Content-Encoding: gzip"), "body"),
    "gzip and more": Misbehaviour(lambda a: _sized(a, _gzip(BODY) + b"more", "Content-Encoding: gzip"), "body"),
    "gzip that unpacks to 100 MB": Misbehaviour(lambda a: _sized(a, _bomb(), "Content-Encoding: gzip"), "body"),
    "a compression not asked for": _with("body", "Content-Encoding: br"),
    "two compressions": _with("body", "Content-Encoding: gzip, br"),
    **{f"a compression that is none: {n}": _with("value", b"Content-Encoding: " + _bytes(n)) for n in _NO_COMPRESSIONS},
    "404 of broken gzip": _with("any", "Content-Encoding: gzip", status="404 Not Found"),
    **{f"Location: {n}": _with("error", b"Location: " + _bytes(v), status="302 Found") for n, v in _LOCATIONS.items()},
    **{f"Retry-After: {n}": _with("error", b"Retry-After: " + _bytes(v), status="503 Busy") for n, v in _WAITS.items()},
    **{
        f"Content-Length: {n}": Misbehaviour(_lengths(v), "error" if n != "empty" else "any")
        for n, v in _LENGTHS.items()
    },
    **{
        f"Content-Range: {n}": _resumed(told, part)
        for n, (told, part) in {
            "none": ("", BODY[400:]),
            "another part": (f"bytes 0-99/{len(BODY)}", BODY[:100]),
            "not to the end": (f"bytes 400-499/{len(BODY)}", BODY[400:500]),
            "backwards": (f"bytes 400-100/{len(BODY)}", BODY[400:]),
            "a superscript": ("bytes 400-\u00b2/*", BODY[400:]),
            "huge": (f"bytes 400-{'9' * 400}/{'9' * 401}", BODY[400:]),
            "more than it says": (f"bytes 400-{len(BODY) - 1}/{len(BODY)}", BODY[400:] + BODY),
            "as it should be": (f"bytes 400-{len(BODY) - 1}/{len(BODY)}", BODY[400:]),
        }.items()
    },
}
