"""Runs one command after the other, each with its own environment and output file: the imports of a process each would
take longer than the commands. An argument names a bug to put in: ``addresses`` are written down as they are; ``text``
is printed as it is.

A line of JSON in: file, environment (null: unset), arguments. A line out: the exit code.
"""

from __future__ import annotations

import json
import os
import sys
import traceback

from flows.cli import main


def _write_addresses_down() -> None:
    from tasks.extract.http import client

    client.without_secrets = lambda url, ours=None: url
    client.redacted_log.__code__ = (lambda record: True).__code__


def _print_as_it_is() -> None:
    from flows import cli
    from flows.cli import output, tables

    output.visible = tables.visible = output.escaped = str
    cli.refuse_other_bytes = lambda arguments: None


def serve() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    if "addresses" in sys.argv:
        _write_addresses_down()
    if "text" in sys.argv:
        _print_as_it_is()
    before = dict(os.environ)
    for line in sys.stdin:
        file, changed, arguments = json.loads(line)
        os.environ.clear()
        os.environ.update(before | {k: v for k, v in changed.items() if v is not None})
        said = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(said, 1), os.dup2(said, 2), os.close(said)
        sys.argv, code = ["techtrade", *arguments], 0
        try:
            main()
        except SystemExit as e:
            code = e.code if isinstance(e.code, int) else 1
        except BaseException:  # noqa: BLE001 - as the interpreter does
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        print(code, file=answers)


if __name__ == "__main__":
    serve()
