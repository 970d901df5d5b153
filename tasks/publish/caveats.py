"""Known biases as data: what publishers say about some of their figures, beside the figures.

``notes.parquet`` of a version, one row a note: ``note_id``, ``kind``, ``text``, ``source``, ``url``, ``amount_usd``,
``measures`` (all, if null), and for each column of the primary key ``<key>_first`` and ``<key>_last``, inclusive, null
where open. A row of the data is meant where all spans hold, so a reader can join them; docs/data-guide.md shows how.
"""

from __future__ import annotations

import polars as pl

from configs.contract import Bias, Contract


def frame(contract: Contract) -> pl.DataFrame:
    """The notes of a dataset; no rows if there are none."""
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "note_id": pl.String,
        "kind": pl.String,
        "text": pl.String,
        "source": pl.String,
        "url": pl.String,
        "amount_usd": pl.Int64,
        "measures": pl.List(pl.String),
    }
    for key in contract.primary_key:
        schema |= {f"{key}_first": contract.column(key).polars, f"{key}_last": contract.column(key).polars}
    return pl.DataFrame([_row(bias, contract) for bias in contract.biases], schema=schema)


def _row(bias: Bias, contract: Contract) -> dict[str, object]:
    spans: dict[str, object] = {}
    for key in contract.primary_key:
        span = bias.where.get(key)
        spans |= {f"{key}_first": span.first if span else None, f"{key}_last": span.last if span else None}
    told = {"note_id": bias.id, "kind": bias.kind, "text": bias.text, "source": bias.source, "url": bias.url}
    return told | {"amount_usd": bias.amount_usd, "measures": list(bias.measures) or None} | spans


def words(bias: Bias) -> str:
    """The note in one line: where it holds, what it says, who says so."""
    where = ", ".join(f"{key} {_span(span.first, span.last)}" for key, span in bias.where.items())
    told = " ".join(bias.text.split())
    return f"{where or 'all rows'}: {told} ({bias.source})"


def _span(first: object, last: object) -> str:
    if first == last:
        return str(first)
    if first is None:
        return f"up to {last}"
    return f"from {first}" if last is None else f"{first} to {last}"
