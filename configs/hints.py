"""Commands that messages tell a person to run: whole, so that they can be copied as they are printed.

Only the standard library is imported here: the command line sets the store before anything heavy is loaded.
"""

from __future__ import annotations

import os
import shlex
from contextvars import ContextVar

from configs.addresses import has_login

DEFAULT_STORE = "warehouse"
# The store that --store named, for messages of code that is not given a store.
named_store: ContextVar[str | None] = ContextVar("named_store", default=None)


def command(*words: str, store: str | None = None, environment: str = "") -> str:
    """Return ``techtrade`` with these words as a line for the shell.

    The line carries ``--store`` unless the store is the default one, because it may be read in a mail or in another
    shell than the one that set TECHTRADE_STORE.

    Args:
        words: the command, its arguments and options, one word each.
        store: the address of the store; None for the one that the running command uses.
        environment: variables to set for the command, as in ``TECHTRADE_FOLLOW=true``.
    """
    line = shlex.join(["techtrade", *words, *_store_option(store)])
    return f"{environment} {line}" if environment else line


def _store_option(store: str | None) -> list[str]:
    set_ = os.environ.get("TECHTRADE_STORE") or DEFAULT_STORE
    url = store or named_store.get() or set_
    # A store with a login is refused, and must not be printed.
    return [] if url == set_ == DEFAULT_STORE or has_login(url) else ["--store", url]
