"""What an alert refers to, so that it can be followed from where it is read: a mail client, a phone, another machine.

An address where a setting gives one, else a whole command: with ``--store``, because its reader's shell knows nothing
of the run's settings. Credentials are in neither: they are not in the address of a store.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable

from tasks.alerts.model import KINDS, FailedCheck, Kind
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore

FOLDER = "deploy/runbooks/"
# A hint in a message: "see: techtrade quality NAME@VERSION; ..."
_HINT = re.compile(r"(?<=: )techtrade [^;,()\n…]+?(?=[;,)\n]|\.?$|\. )")
# Commands that know no store.
_WITHOUT = (
    "techtrade alerts test",
    "techtrade alerts runbook",
    "techtrade deploy",
    "techtrade sources check",
    "techtrade sources probe",
)


def place(store: ObjectStore | None, url: str) -> str:
    """Return the address of a store as any shell understands it: of a folder the whole path."""
    return str(store.root) if isinstance(store, LocalStore) else url


def whole(command: str, store: str) -> str:
    """Return a command of ours with the store that it is about; any other as it is."""
    if not command.startswith("techtrade ") or "--store" in command or command.startswith(_WITHOUT):
        return command
    return f"{command} --store {shlex.quote(store)}"


def with_whole_hints(words: str, store: str) -> str:
    """Return a message whose hints can be pasted."""
    return _HINT.sub(lambda hint: whole(hint[0], store), words)


def evidence_link(base: str, dataset: str, version: str) -> str:
    """Return where the evidence of a version is seen in a browser.

    Args:
        base: with ``{dataset}`` and ``{version}`` anywhere in it, or the address of the store's top folder.
    """
    if "{dataset}" in base or "{version}" in base:
        return base.replace("{dataset}", dataset).replace("{version}", version)
    return f"{base.rstrip('/')}/{dataset}/versions/{version}/quality.parquet"


def is_link(reference: str) -> bool:
    return reference.startswith(("https://", "http://"))


def runbook(kind: Kind, checks: Iterable[FailedCheck], runbooks: str) -> str:
    """Return the address of the runbook, or the command that prints it: of most of the failed checks, else of the kind.

    Args:
        runbooks: the address of the folder, or its path; a path within the project is of no use to who reads a mail.
    """
    named = Counter(c.runbook for c in checks if c.runbook)
    page = (named.most_common(1)[0][0] if named else KINDS[kind].runbook).removeprefix(FOLDER)
    return f"{runbooks.rstrip('/')}/{page}" if is_link(runbooks) or runbooks.startswith("/") else runbook_command(page)


def runbook_command(page: str) -> str:
    """Return the command that prints a page of ``deploy/runbooks``, or the entry of a check's family."""
    name, _, entry = page.removeprefix(FOLDER).partition("#")
    return f"techtrade alerts runbook {name.removesuffix('.md')} {entry}".strip()
