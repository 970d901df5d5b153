"""``techtrade``: the command line."""

import sys
from importlib.util import find_spec

if find_spec("click") is None:
    print("error: commands need packages that are not installed: pip install 'techtrade[publish]'", file=sys.stderr)
    sys.exit(2)
else:
    from flows.cli.app import main

__all__ = ["main"]
