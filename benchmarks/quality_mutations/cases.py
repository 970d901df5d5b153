"""All corruptions that are tried: data, in one file a kind of source.

``FIXED`` is the list over which the score is counted; it may only grow (``fixed.txt``, and a test that compares the
two). ``OURS`` are counted apart: adding easy corruptions would raise the score.
"""

from __future__ import annotations

from benchmarks.quality_mutations import cases_atp, cases_codes, cases_ip, cases_named, cases_ours_atp, cases_ours_ip
from benchmarks.quality_mutations.case import Case

FIXED: tuple[Case, ...] = (*cases_atp.CASES, *cases_ip.CASES, *cases_codes.CASES, *cases_named.CASES)
OURS: tuple[Case, ...] = (*cases_ours_atp.CASES, *cases_ours_ip.CASES)
CASES: tuple[Case, ...] = (*FIXED, *OURS)

__all__ = ["CASES", "FIXED", "OURS", "Case"]
