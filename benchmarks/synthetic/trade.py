"""A world of made-up trade in advanced technology that obeys the publisher's rules, to the dollar.

The totals of a month are the real ones (bundled balance workbook), carried on after its end; how they divide over
groups and partners is made up from a seed. Partners add up to the world and to their groups of partners, the groups 00
to 10 to the total, months to the year to date; a row is there from a partner's first trade of the year on. The European
Union has the United Kingdom in it up to 2017-12, OPEC ends with 2018-12, as the publisher's groups do.
"""

from __future__ import annotations

import csv
import zlib
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import polars as pl

from configs import CONFIGS
from configs.partner_groups import EXACT, LOOSE
from configs.release_calendar import month_after
from tasks.extract.census.trade_api_parse import GROUPS

FIRST = date(2010, 1, 1)
MEMBERS = {
    **{code: list(group.members) for code, group in EXACT.items()},
    **{code: list(group.core) for code, group in LOOSE.items()},
}
UNIDENTIFIED = "8220"
BIG = {"5700": 30.0, "2010": 12.0, "5830": 8.0, "5800": 6.0, "4280": 5.0, "5880": 5.0, "1220": 5.0, "4190": 4.0}
SMALL = ("5700", "2010", "5830", "5800", "4280", "1220", "4120", "4190", "5790", "7230", "5170", UNIDENTIFIED)


@cache
def atp(vintage: str) -> dict[date, tuple[float, float]]:
    """Bundled figures: exports and imports of each month, millions of US dollars."""
    with open(CONFIGS / "snapshot" / "atp_world_monthly" / f"{vintage}.csv", encoding="utf-8") as f:
        return {
            date.fromisoformat(r["month"] + "-01"): (float(r["exports_musd"]), float(r["imports_musd"]))
            for r in csv.DictReader(f)
        }


@dataclass(frozen=True)
class World:
    """``exports`` and ``imports``: text columns as the API names them, one row a group, partner and month."""

    flows: dict[str, pl.DataFrame]
    newest: date


@dataclass(frozen=True)
class Event:
    """What happens to a flow in a month: the factor of each technology group, 01 to 10."""

    flow: str
    month: date
    factors: tuple[float, ...]


@cache
def world(newest: str = "2026-09", revision: int = 0, small: bool = True, events: tuple[Event, ...] = ()) -> World:
    """The world as of a vintage.

    Args:
        newest: the last month there is.
        revision: 0, or the number of times that the last three years were revised.
        small: a dozen partners, or all of some 240.
    """
    last = date.fromisoformat(f"{newest}-01")
    months = pl.date_range(FIRST, last, "1mo", eager=True).to_list()
    partners = _partners(small)
    flows = ("exports", "imports")
    return World({f: _flow(f, months, partners, revision, [e for e in events if e.flow == f]) for f in flows}, last)


def totals(of: World) -> dict[date, tuple[float, float]]:
    """Exports and imports of advanced technology of each month, millions of US dollars, as the workbook has them."""
    found = []
    for flow, value in (("exports", "ALL_VAL_MO"), ("imports", "GEN_VAL_MO")):
        rows = of.flows[flow].filter((pl.col("CTY_CODE") == "-") & ~pl.col("HITECH").is_in(["-", "00"]))
        found.append(rows.group_by("time").agg((pl.col(value).cast(pl.Int64).sum() / 1e6).alias(flow)))
    months = found[0].join(found[1], on="time").sort("time")
    return {date.fromisoformat(f"{t}-01"): (e, i) for t, e, i in months.select("time", "exports", "imports").rows()}


def _partners(small: bool) -> list[tuple[str, str, str]]:
    """Code, name, ISO3 of those that are there today."""
    table = pl.read_csv(sorted((CONFIGS / "reference" / "partners").glob("*.csv"))[-1], infer_schema=False)
    there = table.filter(
        pl.col("schedule_c_code").is_between(pl.lit("1010"), pl.lit("8999"))
        & (pl.col("is_aggregate") == "false")
        & (pl.col("kind") != "former")
        & pl.col("valid_to").is_null()
        & ((pl.col("schedule_c_code") < "8000") | (pl.col("schedule_c_code") == UNIDENTIFIED))
    ).sort("schedule_c_code")
    rows = there.select(
        "schedule_c_code", pl.col("partner_name").str.to_uppercase(), pl.col("iso3").fill_null("")
    ).rows()
    return [r for r in rows if not small or r[0] in SMALL]


def _totals(flow: str, months: list[date], revision: int) -> np.ndarray:
    known = atp("2025-02")
    side = 0 if flow == "exports" else 1
    totals: dict[date, int] = {}
    for month in months:
        if month in known:
            totals[month] = round(known[month][side] * 1_000_000)
        else:
            totals[month] = round(totals[month_after(month, -12)] * 1.02)
    random = np.random.default_rng(revision)
    since = month_after(months[-1], -36)
    moved = {
        m: int(t * (1 + random.uniform(-0.004, 0.004))) if revision and m > since else t for m, t in totals.items()
    }
    return np.array([moved[m] for m in months], dtype=np.int64)


def _flow(
    flow: str, months: list[date], partners: list[tuple[str, str, str]], revision: int, events: list[Event]
) -> pl.DataFrame:
    random = np.random.default_rng(zlib.crc32(flow.encode()) + len(partners))
    codes = [p[0] for p in partners]
    cube = _cube(flow, months, codes, random, revision)  # group 00..10, partner, month
    for event in events:
        month = months.index(event.month)
        factors = np.array([1.0, *event.factors])[:, None]
        cube[:, :, month] = np.floor(cube[:, :, month] * factors).astype(np.int64)
    names = {code: name for code, name, _ in partners}
    sums = {code: cube[:, members, :].copy() for code, members in _groups(partners).items()}
    lines = {code: cube[:, i, :] for i, code in enumerate(codes)}
    for code, parts in sums.items():
        line = parts.sum(axis=1)
        if code == "0003" and "4120" in codes:
            line[:, : (2018 - FIRST.year) * 12] += cube[:, codes.index("4120"), : (2018 - FIRST.year) * 12]
        if code == "0001":
            line[:, (2019 - FIRST.year) * 12 :] = 0
        lines[code] = line
    lines["-"] = cube.sum(axis=1)
    every = np.stack(list(lines.values()), axis=1)
    every = np.concatenate([every.sum(axis=0, keepdims=True), every])  # the total over groups first
    return _table(flow, months, list(lines), names, every)


def _cube(flow: str, months: list[date], codes: list[str], random: np.random.Generator, revision: int) -> np.ndarray:
    """Groups 00 to 10 by partner and month, US dollars; groups 01 to 10 add up to the real total of the month."""
    size = np.array([BIG.get(c, 0.0) or random.pareto(1.2) * 0.2 + 0.001 for c in codes])
    size = np.where([c == UNIDENTIFIED for c in codes], 0.0005 if flow == "exports" else 0.0, size)
    weights = random.dirichlet(np.full(10, 2.0), size=len(codes)) * size[:, None]
    noise = random.lognormal(0, 0.25, size=(10, len(codes), len(months)))
    often = np.clip(size * 4, 0.05, 1.0)[None, :, None]
    active = (random.random((10, len(codes), len(months))) < often) | (size >= 1)[None, :, None]
    shares = weights.T[:, :, None] * noise * active
    shares /= shares.sum(axis=(0, 1), keepdims=True)
    totals = _totals(flow, months, revision)
    values = np.floor(shares * totals).astype(np.int64)
    values[3, codes.index("5700"), :] += totals - values.sum(axis=(0, 1))
    rest = (values.sum(axis=0) * random.uniform(2, 6, size=(len(codes), 1))).astype(np.int64)
    return np.concatenate([rest[None], values])


def _groups(partners: list[tuple[str, str, str]]) -> dict[str, list[int]]:
    """Members of each group of partners, as positions; groups overlap, as the publisher's do."""
    continents = {
        f"{digit}XXX": [
            i
            for i, (code, _, _) in enumerate(partners)
            # Mexico belongs to North America, whatever its first digit says.
            if code != UNIDENTIFIED and ("1" if code == "2010" else code[0]) == digit
        ]
        for digit in "1234567"
    }
    named = {code: [i for i, p in enumerate(partners) if p[2] in isos] for code, isos in MEMBERS.items()}
    return {code: members for code, members in (continents | named).items() if members}


def members(small: bool = True) -> pl.DataFrame:
    """group_code, partner_code, until: the first day on which a partner is in a group no more, null if it still is."""
    partners = _partners(small)
    rows = [(group, partners[i][0], None) for group, found in _groups(partners).items() for i in found]
    schema = {"group_code": pl.String, "partner_code": pl.String, "until": pl.Date}
    known = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        until=pl.when(pl.col("group_code") == "0001").then(date(2019, 1, 1))
    )
    left = pl.DataFrame([("0003", "4120", date(2018, 1, 1))], schema=schema, orient="row")
    return pl.concat([known, left])


def _table(flow: str, months: list[date], codes: list[str], names: dict[str, str], values: np.ndarray) -> pl.DataFrame:
    groups = ["-", *GROUPS]
    year_to_date = values.copy()
    for start in range(0, len(months), 12):
        year_to_date[:, :, start : start + 12] = np.cumsum(values[:, :, start : start + 12], axis=2)
    g, p, m = np.nonzero(year_to_date > 0)
    month, ytd = ("ALL_VAL_MO", "ALL_VAL_YR") if flow == "exports" else ("GEN_VAL_MO", "GEN_VAL_YR")
    told = {"-": "TOTAL FOR ALL COMMODITIES", **{c: f"{text} [{c}]" for c, text in GROUPS.items()}}
    return pl.DataFrame(
        {
            "CTY_CODE": pl.Series(codes)[p],
            "CTY_NAME": pl.Series(
                [names.get(c, f"GROUP {c}") if c != "-" else "TOTAL FOR ALL COUNTRIES" for c in codes]
            )[p],
            "HITECH": pl.Series(groups)[g],
            "HITECH_DESC": pl.Series([told[c] for c in groups])[g],
            month: pl.Series(values[g, p, m]).cast(pl.String),
            ytd: pl.Series(year_to_date[g, p, m]).cast(pl.String),
            "SUMMARY_LVL": pl.Series(["CGP" if c.endswith("XXX") or c.startswith("00") else "DET" for c in codes])[p],
            "time": pl.Series([f"{x:%Y-%m}" for x in months])[m],
        }
    ).sort("CTY_CODE", "HITECH", "time")
