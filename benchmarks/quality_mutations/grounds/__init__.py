"""Good candidates of each dataset to corrupt, with their source tables, the version before, and the other datasets.

``figures`` is the dataset as one long table (key columns and ``value_usd``). ``rebuilt`` makes of corrupted figures the
candidate *and* the source's own tables, as a publisher would give them who made the mistake himself: sums, balances and
year-to-date figures follow the mistake, so that no comparison with the source can tell. Corruptions of the finished
table (``Case.level`` "table") stand for mistakes of ours: the source's tables stay as they were.

Two grounds a dataset. ``single``: a table of one vintage after an older state of it. ``live``: the publisher's next
update, which dates every row anew and brings new periods. Where every version is such an update (BEA), or a table has
no periods (the tables of codes), the two are one.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.quality_mutations.grounds.bank import ip_trade, ip_trade_live, ip_trade_single
from benchmarks.quality_mutations.grounds.bea import us_annual, us_quarterly
from benchmarks.quality_mutations.grounds.codes import partners, products, products_of
from benchmarks.quality_mutations.grounds.ground import (
    ANNUAL,
    ATP,
    IP,
    PARTNERS,
    PRODUCTS,
    QUARTERLY,
    TRADE,
    Ground,
    Of,
    Stance,
    Tables,
    bundled,
    partners_table,
    without_second,
)
from benchmarks.quality_mutations.grounds.trade import hitech, hitech_live
from benchmarks.quality_mutations.grounds.workbook import atp_world, atp_world_live

# The bundled figures, as they are published.
GROUNDS: dict[str, Callable[[], Ground]] = {
    ATP: atp_world,
    TRADE: hitech,
    IP: ip_trade,
    ANNUAL: us_annual,
    QUARTERLY: us_quarterly,
    PRODUCTS: products,
    PARTNERS: partners,
}
SINGLE: dict[str, Callable[[], Ground]] = {**GROUNDS, IP: ip_trade_single}
LIVE: dict[str, Callable[[], Ground]] = {ATP: atp_world_live, TRADE: hitech_live, IP: ip_trade_live}


def grounds(dataset: str) -> dict[Of, Callable[[], Ground]]:
    """The grounds of a dataset by what they are."""
    found: dict[Of, Callable[[], Ground]] = {"single": SINGLE[dataset]}
    return {**found, "live": LIVE[dataset]} if dataset in LIVE else found


__all__ = [
    "ANNUAL", "ATP", "GROUNDS", "IP", "LIVE", "PARTNERS", "PRODUCTS", "QUARTERLY", "SINGLE", "TRADE", "Ground", "Of",
    "Stance", "Tables", "atp_world", "bundled", "grounds", "hitech", "hitech_live", "ip_trade", "ip_trade_live",
    "partners_table", "products", "products_of", "us_annual", "us_quarterly", "without_second",
]  # fmt: skip
