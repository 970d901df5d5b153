"""True events of the other datasets."""
# ruff: noqa: E501 - an event a line

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from benchmarks.quality_mutations.cases_ip import DEU, LAST, NEW, PAYMENTS, RECEIPTS, USA, WLD, YEAR
from benchmarks.quality_mutations.cases_named import in_list_of_economies
from benchmarks.quality_mutations.event import Event
from benchmarks.quality_mutations.grounds import ip_trade_live, products
from benchmarks.quality_mutations.grounds.bank import world_follows
from benchmarks.quality_mutations.grounds.ground import ANNUAL, IP, PARTNERS, PRODUCTS, QUARTERLY, Ground, Tables
from benchmarks.quality_mutations.operations import Corruption, as_it_is, copied, put, renamed, scaled, without

CODE = pl.col("economy_code")
IRL = CODE == "IRL"
LOST, CARRIED = CODE == "BTN", CODE == "JAM"


def _bank(what: str, size: str, happen: Corruption, named: bool = False) -> Event:
    return Event(IP, what, size, happen, of="named" if named else "ours")


def revised(factor: float, where: pl.Expr) -> Corruption:
    """Figures of some economies, and the world that follows."""
    return lambda figures: world_follows(scaled(factor, where)(figures), figures)


def one_more(code: str, name: str, like: str) -> tuple[Corruption, Callable[[Tables], Tables]]:
    """A new entry, with the figures and the mark of another, in the table and in the publisher's list."""

    def less(frame: pl.DataFrame) -> dict[str, pl.Expr]:
        receipts, payments = pl.col("receipts_usd") * 0.93, pl.col("payments_usd") * 0.93
        if "receipts_usd" not in frame.columns:
            return {}
        return {"receipts_usd": receipts, "payments_usd": payments, "balance_usd": receipts - payments}

    told = {"economy_code": pl.lit(code), "economy_name": pl.lit(name)}

    def added(frame: pl.DataFrame) -> pl.DataFrame:
        return pl.concat([frame, frame.filter(like == CODE).with_columns(**told, **less(frame))])

    return added, in_list_of_economies(added)


def corrected() -> Ground:
    """The same vintage again, with one figure other than before."""
    ground = ip_trade_live()
    was = put(DEU & (YEAR == 2018), receipts_usd=pl.col("receipts_usd") * 0.98)(ground.data)
    before = was.with_columns(balance_usd=pl.col("receipts_usd") - pl.col("payments_usd"))
    return replace(ground, parent=before, parent_vintage=ground.vintage)


def renaming(frame: pl.DataFrame) -> pl.DataFrame:
    names = {
        "Turkiye": "Türkiye",
        "Turkey": "Türkiye",
        "Czechia": "Czech Republic",
        "Czech Republic": "Czechia",
        "Vietnam": "Viet Nam",
    }
    return frame.with_columns(pl.col("economy_name").replace(names))


MNX, listed_mnx = one_more("MNX", "Middle East, North Africa, Afghanistan and Pakistan", "MEA")
BANK = (
    _bank("rebasing", "the whole table 10 % higher", scaled(1.1), True),
    Event(IP, "economies are renamed", "three of them", renaming, "table", in_list_of_economies(renaming), "named"),
    _bank("the world of the newest year is not yet whole", "25 % short", scaled(0.75, WLD & (YEAR == NEW)), True),
    _bank("all zeros are withdrawn", "a quarter of all observations", without(pl.col("value_usd") == 0), True),
    Event(IP, "a new aggregate", "MNX, the World Bank's of 2025", MNX, "table", listed_mnx, "named"),
    _bank("an economy is emptied", "a small one", without(LOST), True),
    Event(IP, "an economy is no longer listed", "a small one", without(LOST), "table", in_list_of_economies(without(LOST)), "named"),
    _bank("an estimate is carried from the year before", "a small economy", copied("year", LAST, NEW, CARRIED), True),
    Event(IP, "one figure is corrected without a new date", "Germany 2018, 2 %", without(pl.lit(False)), of="named", ground=corrected),
    _bank("the United States are revised", "receipts of 2021 to 2023 +9 to 11 % (2025-01-28 to 2025-10)", revised(1.1, USA & RECEIPTS & YEAR.is_between(2021, 2023))),
    _bank("Ireland is revised", "payments since 2019 a quarter higher", revised(1.25, IRL & PAYMENTS & (YEAR >= 2019))),
    _bank("Germany is revised", "receipts of four years +12 %", revised(1.12, DEU & RECEIPTS & (YEAR >= 2020))),
    _bank("a newest year of the United States", "receipts +14 % (2024)", revised(1.1, USA & RECEIPTS & (YEAR == NEW))),
    _bank("refunds exceed charges", "a small economy negative, as Guinea in 2013", put(CARRIED & RECEIPTS & (YEAR == NEW), value_usd=pl.lit(-2.0e6))),
)  # fmt: skip
TOTALS = pl.col("year").is_between(2020, 2023)
BEA = (
    Event(ANNUAL, "the benchmark survey of 2022", "2020 to 2023 revised by +9 %", scaled(1.09, TOTALS)),
    Event(ANNUAL, "a record year", "the newest year +14 %, as receipts of 2024", scaled(1.14, YEAR == NEW)),
    Event(QUARTERLY, "the pandemic", "the newest quarter -12 %", scaled(0.88, pl.col("period") == pl.col("period").max())),
    Event(QUARTERLY, "the annual revision", "three years +2 %", scaled(1.02, pl.col("period").dt.year() >= 2023)),
)  # fmt: skip


CODES = (
    Event(PRODUCTS, "the Harmonized System of 2022", "exports: 155 codes in, 68 out of 407; imports: 163 in, 75 out of 556", as_it_is, ground=products),
    Event(PARTNERS, "a partner is renamed", "NAURU is NAOERO", renamed(pl.col("partner_id") == "NRU", partner_name="Naoero"), "table"),
)  # fmt: skip

EVENTS = (*BANK, *BEA, *CODES)
