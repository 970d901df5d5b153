"""The bundled lists of advanced technology products, parsed and transformed once."""

from __future__ import annotations

from functools import cache

import polars as pl

from benchmarks.synthetic.memory import Memory
from tasks.extract.bundled import atp_lists
from tasks.extract.source import Extraction, FetchRequest
from tasks.transform import atp_products

DATASET = "atp_products"


@cache
def bundled(vintage: str | None = None) -> Extraction:
    documents = atp_lists.fetch(FetchRequest(DATASET, vintage), Memory())
    return atp_lists.parse(DATASET, documents, vintage)


@cache
def products(vintage: str | None = None) -> pl.DataFrame:
    return atp_products.transform(bundled(vintage).tables).collect()
