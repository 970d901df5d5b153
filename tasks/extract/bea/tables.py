"""From BEA's answers to the tables that a transform takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from configs.errors import IncompleteResponseError, SourceLayoutError
from tasks.extract.bea import parse as answers
from tasks.raw.documents import RawDocument

DIRECTIONS = {"Exports": "exports", "Imports": "imports"}
BALANCE, DROPPED = "Balance", "SupplementalIns"  # the second has nothing on intellectual property
FLOWS = {"ExpServ": "exports", "ImpServ": "imports"}
ADJUSTMENTS = {"QSA": "seasonally_adjusted", "QNSA": "not_seasonally_adjusted"}
AREA = "^[A-Za-z][A-Za-z0-9]{0,79}$"  # the longest that BEA lists has 29 characters
VALUES = ["value_usd", "observation_status", "reported_precision_usd"]


@dataclass(frozen=True)
class BeaSeries:
    """What a dataset of ours is made from: BEA's dataset, the parameter to go through, the fields of its rows."""

    bea_dataset: str
    parameter: str
    listing: str
    fields: tuple[str, ...]


SERIES = {
    "us_ip_trade_annual": BeaSeries(
        "IntlServTrade",
        "TypeOfService",
        "types",
        ("TypeOfService", "TradeDirection", "Affiliation", "AreaOrCountry", "Year"),
    ),
    "us_ip_trade_quarterly": BeaSeries(
        "ITA", "Indicator", "indicators", ("Indicator", "AreaOrCountry", "Frequency", "TimePeriod")
    ),
}


def annual(data: Sequence[tuple[RawDocument, str]], nesting: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """``observations`` and ``balance`` from the answer of each type; see ``bea.parse`` for their columns.

    Raises:
        SourceError: see ``parse``; a type or affiliation is unknown, a direction is missing, a row stands twice.
    """
    series, parts = SERIES["us_ip_trade_annual"], []
    for document, code in data:
        frame = answers.rows(document, series.fields).filter(pl.col("TradeDirection") != DROPPED)
        answers.expect(document, frame, "TypeOfService", [code])
        answers.expect(document, frame, "TradeDirection", [*DIRECTIONS, BALANCE])
        answers.expect(document, frame, "Affiliation", nesting["affiliations"]["code"])
        _codes(document, frame, "AreaOrCountry")
        _both(document, frame["TradeDirection"], DIRECTIONS)
        parts.append(_once(document, frame, series.fields, "Year", r"^\d{4}$"))
    every = pl.concat(parts).rename(
        {"TypeOfService": "ip_type", "Affiliation": "affiliation", "AreaOrCountry": "partner_code"}
    )
    every = every.with_columns(pl.col("Year").cast(pl.Int32).alias("year"))
    key, flow = ["ip_type", "affiliation", "partner_code", "year"], pl.col("TradeDirection")
    balance = every.filter(flow == BALANCE).drop_nulls("value_usd")
    return {
        "observations": every.filter(flow != BALANCE).select(
            flow.replace_strict(DIRECTIONS, default=None).alias("direction"), *key, *VALUES
        ),
        "balance": balance.select(*key, pl.col("value_usd").alias("balance_usd")),
    }


def quarterly(data: Sequence[tuple[RawDocument, str, str | None]]) -> dict[str, pl.DataFrame]:
    """``observations`` from the answer of each indicator and adjustment; see ``bea.parse`` for their columns.

    Raises:
        SourceError: see ``parse``; a row is of another series, or stands twice.
    """
    series, parts = SERIES["us_ip_trade_quarterly"], []
    for document, code, frequency in data:
        frame = answers.rows(document, series.fields)
        answers.expect(document, frame, "Indicator", [code])
        answers.expect(document, frame, "Frequency", [str(frequency)])
        answers.expect(document, frame, "AreaOrCountry", ["AllCountries"])
        parts.append(_once(document, frame, series.fields, "TimePeriod", r"^\d{4}Q[1-4]$"))
    year, quarter = pl.col("TimePeriod").str.slice(0, 4), pl.col("TimePeriod").str.slice(5)
    every = pl.concat(parts).select(
        pl.col("Indicator").str.slice(0, 7).replace_strict(FLOWS).alias("direction"),
        pl.col("Indicator").str.slice(7).alias("ip_type"),
        pl.col("Frequency").replace_strict(ADJUSTMENTS).alias("seasonal_adjustment"),
        pl.date(year.cast(pl.Int32), quarter.cast(pl.Int32) * 3 - 2, 1).alias("period"),
        *VALUES,
    )
    return {"observations": every}


def _both(document: RawDocument, seen: pl.Series, wanted: Mapping[str, str]) -> None:
    if missing := set(wanted) - set(seen):
        raise answers.fail(IncompleteResponseError, document, f"has no {' and no '.join(sorted(missing))}; run again")


def _codes(document: RawDocument, frame: pl.DataFrame, field: str) -> None:
    """Refuse what is no code. An area that is not in our list passes: BEA adds some, and the gate says which."""
    if not (off := frame.filter(~pl.col(field).str.contains(AREA))).is_empty():
        told = f"has {field} {off[field][0][:80]!r} at Data[{off['row'][0]}], which is no code of an area"
        raise answers.fail(SourceLayoutError, document, told)


def _once(document: RawDocument, frame: pl.DataFrame, key: Sequence[str], time: str, form: str) -> pl.DataFrame:
    """The frame with its values, if its times are of that form and no row stands twice."""
    read = answers.with_values(frame, document, key)
    wrong, twice = ~pl.col(time).str.contains(form), pl.struct(key).is_duplicated()
    for odd, what in ((wrong, "a time of another form"), (twice, "a row twice")):
        if not (off := read.filter(odd)).is_empty():
            first = ", ".join(v[:80] for v in off.select(key).row(0))
            raise answers.fail(SourceLayoutError, document, f"has {what}: {first}")
    return read
