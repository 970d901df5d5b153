"""``techtrade freshness``: whether readers get what is due, and if not, whose doing it is. Looks, and tells nobody."""

from __future__ import annotations

from configs.contracts import dataset_names, load_contract
from flows.cli.output import print_json, say
from flows.cli.versions import open_at
from tasks.common.clock import utc_now
from tasks.monitor.freshness import BAD, watch


def freshness(names: tuple[str, ...], url: str | None, as_json: bool) -> int:
    """Prints a verdict on each dataset (on all, if none is named).

    Returns:
        The exit code: 1 if one is late at us or cannot be judged, else 0. A late publisher is no failure of ours.
    """
    chosen = [load_contract(name).name for name in names] or dataset_names()
    found = watch(open_at(url), chosen, utc_now())
    if as_json:
        print_json([vars(f) for f in found])
    else:
        for f in found:
            print(f"{f.dataset}: {f.state}")
            say(f.words, first="    ")
    return 1 if any(f.state in BAD for f in found) else 0
