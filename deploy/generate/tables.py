"""Tables of the documentation that list datasets: in the README, ``docs/sources.md`` and ``docs/deploying.md``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import fill

from configs.contract import Contract
from configs.errors import ConfigError
from configs.operations import Listing
from configs.settings import SourceSettings
from deploy.generate.deployments import deployment_names, operations_of

HISTORY = (
    "a figure of a dataset and a span of time in which it stood: from which vintage and version, until which, and why "
    "it changed"
)
# Sources that are files of this project, without an address and so without settings.
OWN = {
    "atp_lists_bundled": "bundled lists",
    "partner_reference": "[a table of our own](../configs/reference/README.md)",
    "snapshot": "bundled figures",
}


def datasets(published: Sequence[Contract], marts: Sequence[Contract], settings: dict[str, SourceSettings]) -> str:
    """Return the README's two tables and the sentence on what is bundled."""
    rows = [
        (
            f"`{c.name}`",
            _listing(c).row,
            f"{_listing(c).source} ({_key(settings.get(c.sources.live))})",
            _listing(c).since,
        )
        for c in published
    ]
    made = [("`<dataset>_history`", HISTORY), *((f"`{c.name}`", _listing(c).row) for c in marts)]
    *some, last = [f"`{c.name}`" for c in published if c.sources.snapshot]
    names = f"{', '.join(some)} and {last}"
    bundled = f"Figures of {names} are bundled in several vintages, so `make run` needs neither network nor key."
    return f"""\
{_table(("dataset", "one row is", "source", "from"), rows)}

Made from these, and brought up in the same run (`TECHTRADE_FOLLOW=false` switches it off):

{_table(("dataset", "one row is"), made)}

{fill(bundled, 120, break_long_words=False, break_on_hyphens=False)}"""


def sources(published: Sequence[Contract], settings: dict[str, SourceSettings]) -> str:
    """Return the table of sources, with the datasets that each gives and the key that it asks for."""
    rows = []
    for source in sorted({*settings, *OWN}):
        names = [f"`{c.name}`" for c in published if source in (c.sources.live, c.sources.snapshot)]
        title = settings[source].title if source in settings else OWN[source]
        found = settings.get(source)
        key = f"`{found.key.variable}`, from {found.key.signup}" if found and found.key else "no"
        rows.append((f"`{source}`", title, ", ".join(names) or "-", key))
    return _table(("source", "what", "datasets", "key"), rows)


def schedules(published: Sequence[Contract]) -> str:
    """Return the table of the datasets' deployments."""
    rows = []
    for contract in published:
        operations = operations_of(contract)
        turns = [f"`{s.cron}`{' UTC' if s.timezone == 'UTC' else ''}" for s in operations.schedules]
        publishing, *backfill = deployment_names(contract)
        minutes = str(operations.run_seconds // 60)
        rows.append((f"`{publishing}`", "; ".join(turns), minutes, operations.reason))
        by_hand = "months asked for again, by hand, or `techtrade backfill`"
        rows += [(f"`{name}`", "", minutes, by_hand) for name in backfill]
    return _table(("deployment", "schedules", "ended after (min)", "what for"), rows)


def _key(settings: SourceSettings | None) -> str:
    return "free key" if settings and settings.key else "no key"


def _listing(contract: Contract) -> Listing:
    if contract.listing is None:
        raise ConfigError(f"configs: the contract of {contract.name} has no listing; what is a row of it?")
    return contract.listing


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    titles, *lines = (f"| {' | '.join(cells)} |" for cells in (head, *rows))
    return "\n".join([titles, "|---" * len(head) + "|", *lines])
