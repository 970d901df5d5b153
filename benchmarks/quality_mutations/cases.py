"""All corruptions that are tried: data, in one file a kind of source."""

from __future__ import annotations

from benchmarks.quality_mutations import cases_atp, cases_codes, cases_ip
from benchmarks.quality_mutations.case import Case

CASES: tuple[Case, ...] = (*cases_atp.CASES, *cases_ip.CASES, *cases_codes.CASES)

__all__ = ["CASES", "Case"]
