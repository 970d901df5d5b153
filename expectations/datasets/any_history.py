"""What must hold of every history: spans that follow each other, a present that is what readers get, a past that
stays."""

from __future__ import annotations

import polars as pl

from configs.contracts import load_contract
from configs.history_contract import CAUSES, base_of, kept
from expectations.check import Check, GateInput, none_of, not_applicable

TITLES = {
    "spans_follow": "the spans of a cell follow each other, and only the last is open",
    "spans_forward": "no span ends before it begins",
    "present": "the open spans are what readers of latest get",
    "past": "what has ended stays as it was",
    "causes": "every span says why it began",
}


def checks(gate: GateInput) -> list[Check]:
    """The rules of a history beyond what its contract's columns say."""
    base = load_contract(base_of(gate.contract.name) or "")
    cell = [*base.primary_key, "measure"]
    data = gate.data
    later = data.sort([*cell, "seq_from", "vintage_from"]).with_columns(
        next_from=pl.col("vintage_from").shift(-1).over(cell), next_seq=pl.col("seq_from").shift(-1).over(cell)
    )
    follows = (
        pl.when(pl.col("next_from").is_null())
        .then(True)
        .otherwise(
            (pl.col("vintage_until") <= pl.col("next_from")).fill_null(False)
            & (pl.col("seq_until").is_null() | (pl.col("seq_until") <= pl.col("next_seq")))
        )
    )
    backwards = (
        (pl.col("vintage_until") < pl.col("vintage_from"))
        | (pl.col("given_until") < pl.col("given_from"))
        | (pl.col("seq_until") <= pl.col("seq_from"))
    )
    named = pl.col("cause").str.split("+").list.eval(pl.element().is_in(list(CAUSES))).list.all()
    return [
        none_of(
            gate,
            "spans_follow",
            TITLES["spans_follow"],
            "each begins where the last ended, or later",
            later.filter(~follows),
            over=data,
        ),
        none_of(gate, "spans_forward", TITLES["spans_forward"], "from <= until", data.filter(backwards), over=data),
        none_of(gate, "causes", TITLES["causes"], " or ".join(CAUSES), data.filter(~named), over=data),
        _present(gate, base.name),
        _past(gate),
    ]


def _present(gate: GateInput, name: str) -> Check:
    """Every measure of every row that latest has is an open span with that value, and there is no other."""
    found = gate.others(name)
    base = load_contract(name)
    if found is None:
        return not_applicable(gate, "present", TITLES["present"], f"nothing of {name} is published")
    number = gate.contract.column("value").polars
    numeric, other = ([m.name for m in kept(base) if m.polars.is_numeric() is is_one] for is_one in (True, False))
    frame = found.frame
    if gate.contract.judged != "whole" and base.period:  # of the partitions that are judged
        year = pl.col(base.period).dt.year()
        frame = frame.filter(year.is_in(gate.data.select(year.unique()).collect().to_series().to_list()))
    have = set(frame.collect_schema().names())
    parts = []
    for names, column, kind in ((numeric, "value", number), (other, "text", pl.String())):
        some = [n for n in names if n in have]
        if some:
            parts.append(
                frame.select(*base.primary_key, *(pl.col(n).cast(kind) for n in some)).unpivot(
                    some, index=list(base.primary_key), variable_name="measure", value_name=column
                )
            )
    now = pl.concat(parts, how="diagonal")
    missing = [
        pl.lit(None, dtype=k).alias(c)
        for c, k in (("value", number), ("text", pl.String()))
        if c not in now.collect_schema().names()
    ]
    now = now.with_columns(missing)
    cell = [*base.primary_key, "measure"]
    still = gate.data.filter(pl.col("vintage_until").is_null()).select(*cell, "value", "text", here=True)
    both = now.with_columns(there=True).join(still, on=cell, how="full", coalesce=True, suffix="__here")
    alike = (
        pl.col("here").fill_null(False)
        & pl.col("there").fill_null(False)
        & pl.col("value").eq_missing(pl.col("value__here"))
        & pl.col("text").eq_missing(pl.col("text__here"))
    )
    return none_of(
        gate, "present", TITLES["present"], f"the cells of {name} as it stands", both.filter(~alike), over=now
    )


def _past(gate: GateInput) -> Check:
    """Spans that had ended in the history before are there again, the same.

    What readers were given stays: the value, and when. Vintages from before our first version are found later, and code
    that told a cause wrongly is mended.
    """
    if gate.parent is None:
        return not_applicable(gate, "past", TITLES["past"], "there is no history before it")
    ended = gate.parent.filter(pl.col("vintage_until").is_not_null() & pl.col("version_from").is_not_null())
    have = ended.collect_schema().names()
    given = [c for c in gate.contract.names if c in have and c not in ("vintage_from", "vintage_until", "cause")]
    lost = ended.select(given).join(gate.data.select(given), on=given, how="anti", nulls_equal=True)
    return none_of(gate, "past", TITLES["past"], "every span that had ended", lost, over=ended)
