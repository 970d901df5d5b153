"""``make demo-sources``: the publishers' doubles, so that the whole thing can be tried without a key or a network.

Prints the variables that point ``techtrade`` at them and serves until it is stopped. The figures are made up, but for the
totals; the shapes and the adding up are the publishers'.
"""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import ExitStack

from benchmarks.synthetic.trade import world
from tests.doubles import bea as bea_double
from tests.doubles import census_api
from tests.doubles.bea import BeaDouble
from tests.doubles.census_api import CensusApi
from tests.doubles.publishers import CensusDouble, WorldBankDouble


def main() -> int:
    """Returns the exit code."""
    print("making up the world's trade ...", file=sys.stderr)
    world(small=False)
    stop = threading.Event()
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, lambda *_: stop.set())
    with ExitStack() as doubles:
        workbook = doubles.enter_context(CensusDouble())
        hitech = doubles.enter_context(CensusApi(small=False))
        bank = doubles.enter_context(WorldBankDouble())
        bea = doubles.enter_context(BeaDouble("full"))
        print("# paste this into another terminal, then: .venv/bin/techtrade publish --store /tmp/techtrade-demo")
        for name, value in {
            "CENSUS_API_KEY": census_api.KEY,
            "BEA_API_KEY": bea_double.KEY,
            "TECHTRADE_SOURCES__CENSUS_BALANCE__URL": f"{workbook.url}/country.xlsx",
            "TECHTRADE_SOURCES__CENSUS_HITECH__URL": hitech.url,
            "TECHTRADE_SOURCES__CENSUS_FT900__URL": hitech.ft900,
            "TECHTRADE_SOURCES__WORLD_BANK__URL": bank.url,
            "TECHTRADE_SOURCES__BEA__URL": f"{bea.url}/api/data",
            # The real one allows 100 MB a minute, which takes two; its double bears more.
            "TECHTRADE_SOURCES__BEA__MEGABYTES_PER_MINUTE": "100000",
            "TECHTRADE_SOURCES__BEA__REQUESTS_PER_MINUTE": "100000",
            "TECHTRADE_SOURCES__CENSUS_HITECH__REQUESTS_PER_MINUTE": "100000",
        }.items():
            print(f"export {name}='{value}'")
        print("# serving until Ctrl-C", flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
