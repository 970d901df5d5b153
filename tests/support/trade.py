"""Small states of a trade dataset, as frames and as a strategy."""

from __future__ import annotations

from datetime import date

import polars as pl
from hypothesis import strategies as st

from configs.contracts import load_contract

HITECH = load_contract("atp_trade_monthly")  # an absent row means zero


# group and month: value
State = dict[tuple[str, int], int]


cells = st.dictionaries(
    st.tuples(st.sampled_from(["01", "02", "03"]), st.integers(0, 5)), st.integers(1, 4), max_size=8
)


def hitech(state: State) -> pl.LazyFrame:
    rows = [
        {
            "flow": "imports",
            "technology_group": group,
            "technology_group_name": "x",
            "partner_code": "5700",
            "partner_name": "China",
            "partner_iso3": "CHN",
            "is_aggregate": False,
            "period": date(2024, month + 1, 1),
            "value_usd": value,
            "value_ytd_usd": value * 2,
        }
        for (group, month), value in state.items()
    ]
    return pl.LazyFrame([{k: r.get(k) for k in HITECH.names} for r in rows], schema=HITECH.polars_schema)
