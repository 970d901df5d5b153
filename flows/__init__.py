"""Flows, their set-up, and the command line.

Prefect reads its variables when it is first imported, so its defaults are set here, before any module of ours imports
it. A stop in the first moments of a command, while its imports go on, is one line too: ``flows.prefect_setup.stopping``
is not there yet.
"""

import os
import signal
import sys
from types import FrameType

from flows.prefect_setup.defaults import prepare


def _stop(signum: int, frame: FrameType | None) -> None:
    try:
        os.write(2, b"stopped\n")
    finally:
        os._exit(128 + signum)


# As a command: by its script, or by `python -m flows...`, whose first argument is this while packages are imported.
if sys.argv[0].rpartition("/")[2] in ("techtrade", "-m"):
    for _signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(_signum) != signal.SIG_IGN:
            signal.signal(_signum, _stop)

prepare()
