"""Lines on standard error for the person at the terminal, apart from the answer of a command and from the log."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO, cast

from configs.words import as_line
from flows.prefect_setup import json_logs


def remark(text: str) -> None:
    """Say a line that is not part of the answer; as a JSON line where logs are."""
    if json_logs.as_json():
        json_logs.say(text, logging.ERROR if text.startswith("error: ") else logging.INFO)
    else:
        indent = text[: len(text) - len(text.lstrip(" "))]
        print(indent + as_line(text), file=sys.stderr)


def is_animated() -> bool:
    """Return whether progress is one line that changes, instead of a line for each step."""
    dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")  # such a terminal cannot go back in a line
    return sys.stderr.isatty() and not dumb and not json_logs.as_json()


def unguarded(stream: TextIO) -> TextIO:
    """Return the stream behind one on which text cannot act, for what moves the cursor or sets colours on purpose."""
    return cast(TextIO, getattr(stream, "unguarded", stream))


def restore_terminal() -> None:
    """Undo what an animated progress line does to a terminal, for a process that ends in the middle of it."""
    if is_animated():
        print("\r\x1b[2K\x1b[?25h", end="", file=unguarded(sys.stderr), flush=True)
