"""``techtrade``: the command line."""

import sys
from importlib.util import find_spec

if find_spec("click") is None:
    print(
        "error: techtrade is installed without what its commands need: pip install 'techtrade[publish]'",
        file=sys.stderr,
    )
    sys.exit(2)
else:
    from flows.cli.command_line import cli, main

__all__ = ["cli", "main"]
