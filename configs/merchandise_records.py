"""The Census Bureau's records behind ``atp_detail_monthly``, and the field of theirs behind each measure.

The contract states the fields (``publisher_name: EXP_DETL all_val_mo; IMP_DETL gen_val_mo``), and nothing else does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from configs.contracts import load_contract

DATASET = "atp_detail_monthly"
RECORDS = {"exports": "EXP_DETL", "imports": "IMP_DETL"}


@cache
def fields(record: str) -> Mapping[str, str]:
    """Return the publisher's field of each measure that a kind of record has."""
    named = re.compile(rf"\b{record} (\w+)")
    return {c.name: found[1] for c in load_contract(DATASET).measures if (found := named.search(c.publisher_name))}
