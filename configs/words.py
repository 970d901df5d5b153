"""Words that depend on values: plurals, the name that a misspelt one was meant to be, texts that are too long.

Standard library only, so that anything may import it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

# The commands of the command line; those that have commands of their own first.
COMMANDS = (
    "alerts", "raw", "sources", "completion",
    "backfill", "claims", "datasets", "deploy", "diff", "freshness", "gc", "held", "history", "new-dataset",
    "promote", "publish", "quality", "read", "redate", "replay", "restore", "serve", "show", "status", "verify",
    "versions", "vintages", "watch", "yank",
)  # fmt: skip
# A command as it is printed in texts: its words, options with their values, and names, files and figures.
_ARGUMENT = r"(?: (?:-{1,2}[a-z][\w-]*(?:[ =][^\s;,)]+)?|[^\s;,)]*[_@=/\d][^\s;,)]*|partners|[A-Z][A-Z@\[\]]+))"
_RUNBOOK = r"alerts runbook(?: [a-z][a-z-]+){0,2}"  # its page and its entry
_WORDS = rf"(?:{_RUNBOOK}|(?:{'|'.join(COMMANDS[:4])}) [a-z-]+|(?:{'|'.join(COMMANDS[4:])})\b)"
COMMAND = re.compile(rf"\btechtrade {_WORDS}{_ARGUMENT}*")

# What acts on a terminal, on the direction of a line or on a parser, instead of being shown: controls but for tab and
# line feed, marks of direction, line separators, halves of characters.
_ACTS = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ufffe\\uffff\\ud800-\\udfff]"
)

_BREAKS = re.compile(r"\s*[\r\n]+\s*")


def visible(text: str) -> str:
    """Return a text in which characters that would act are shown: an escape as ``\\x1b``, a byte that is not UTF-8 as
    ``\\xff``."""
    return _ACTS.sub(lambda found: _shown(ord(found.group())), text)


def as_line(text: str) -> str:
    """Return ``visible`` text of one line: what a person typed must not look like a line of ours."""
    return visible(_BREAKS.sub(r"\\n", text.strip()))


def escaped(text: str) -> str:
    """Return a JSON document in which the same characters are escaped as JSON does it."""
    return _ACTS.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _shown(code: int) -> str:
    # How Python holds a byte of an argument that is not UTF-8.
    code = code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def plural(count: int, noun: str, several: str = "") -> str:
    """Return a count with its noun: ``1 row``, ``2,345 rows``.

    Args:
        count: how many there are.
        noun: the singular; an adjective before it is fine (``new row``).
        several: the plural, where it is not the singular with an s (``series``, ``histories``).
    """
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"


def few(names: Sequence[str], most: int = 3, separator: str = ", ") -> str:
    """Return the first names, and how many there are besides: ``a, b and 5 more``."""
    shown = separator.join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name that a misspelt one is most like, whatever the case; None if none is close.

    The start of a name counts as much as a likeness of the whole: ``atp_world`` means ``atp_world_monthly``.
    """
    names = {name.casefold(): name for name in reversed(list(known))}
    typed = word.casefold()
    close = get_close_matches(typed, names, n=1, cutoff=0.6)
    begun = [name for name in reversed(names) if len(typed) >= 3 and name.startswith(typed)]
    # A name with the same length cut off: "apt_world" is close to the start of "atp_world_monthly".
    starts = {name[: len(typed)]: name for name in names} if len(typed) >= 4 else {}
    cut = [starts[start] for start in get_close_matches(typed, starts, n=1, cutoff=0.8)]
    found = close or begun or cut
    return names[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean X?)`` for the ``closest`` known name, else an empty string."""
    near = closest(word, known)
    return f" (did you mean {near}?)" if near else ""


def shortened(text: str, most: int) -> str:
    """Return a text of about ``most`` characters: cut between words, with an ellipsis, the commands in it whole.

    A command that would be cut off is kept behind the ellipsis, because a reader copies it.
    """
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    commands = [found.span() for found in COMMAND.finditer(text)]
    end = text.rfind(" ", 0, most)
    end = next((stop for start, stop in commands if start < end < stop), max(end, 0))
    after = [text[start:stop] for start, stop in commands if start >= end]
    return f"{text[:end].rstrip(' ;,:')} …{f' {after[0]}' if after else ''}"
