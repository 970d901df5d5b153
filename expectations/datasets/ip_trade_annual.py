"""Checks of ``ip_trade_annual``: those of every table by economy and year, the balance, and BEA's figures beside it.

Negative receipts and payments are legal: refunds and corrections of earlier years can exceed the charges of a year
(Guinea 2013, Yemen 2007 to 2009, Bhutan 2024). Their size is bounded by the contract's range.
"""

from __future__ import annotations

import polars as pl

from expectations.check import Check, GateInput, none_of
from expectations.rules.cross_source import same_us_total_as_bea
from expectations.rules.economies import checks_of_economies
from expectations.rules.economy_observations import KEY, measures
from expectations.rules.economy_revisions import against_parent


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    complete, *others = checks_of_economies(gate)
    return [complete, _balance(gate), *others, same_us_total_as_bea(gate), *against_parent(gate)]


def _balance(gate: GateInput) -> Check:
    receipts, payments, balance = pl.col("receipts_usd"), pl.col("payments_usd"), pl.col("balance_usd")
    off = gate.data.filter((receipts - payments).ne_missing(balance)).select(*KEY, *measures(gate), "balance_usd")
    # A row of one flow and no balance says nothing on whether balances are right.
    judged = gate.data.filter((receipts.is_not_null() & payments.is_not_null()) | balance.is_not_null())
    title = "receipts less payments is the balance, null unless both are known"
    return none_of(gate, "balance", title, "always", off, over=judged)
