"""Figures as BEA has them, for its double: they nest, add up, and are withheld here and there.

The totals are those of the United States in the bundled figures of the World Bank, who has them from BEA; how they
divide over types, areas and affiliations is made up. ``state`` is which update it is: that of 2024 or of 2025, with one
more period and a revision of three years.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import Any
from zlib import crc32

import polars as pl

from configs import CONFIGS
from tasks.extract.bea.code_tree import FOLDER, TOTAL

WEIGHT = {
    "CipLicensesTrademarks": 0.13,
    "CipLicensesFranchiseFees": 0.05,
    "CipLicensesOutcomesResearchAndDev": 0.40,
    "CipLicensesCompSoftware": 0.25,
    "CipLicensesMoviesTv": 0.10,
    "CipLicensesBooksSoundRecord": 0.02,
    "CipLicensesBroadcastLiveRecord": 0.05,
    "Unaffiliated": 0.35,
    "UsParents": 0.55,
    "UsAffiliates": 0.10,
}
MEMBERS = {
    "EU": {"Germany", "Ireland", "France", "Netherlands", "Italy", "Spain", "Sweden", "Poland", "Denmark"},
    "EuroArea": {"Germany", "Ireland", "France", "Netherlands", "Italy", "Spain"},
    "CaftaDrCountries": {"CostaRica", "ElSalvador", "Guatemala", "Honduras", "Nicaragua", "DominicanRep"},
    "CipCompSoftIct": {"CipLicensesCompSoftware"},
}
SMALL = {
    *("AllCountries", "Africa", "AsiaAndPac", "Europe", "LatAmAndOthWestHem", "MiddleEast", "Canada"),
    *("IntOrgAndUnalloc", "EU", "Germany", "Ireland", "Taiwan"),
}
ITA_SHARES = {"QSA": (0.245, 0.248, 0.252, 0.255), "QNSA": (0.23, 0.24, 0.25, 0.28)}
ANNUAL_KEY = ["TypeOfService", "TradeDirection", "Affiliation", "AreaOrCountry", "Year"]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class World:
    """What is served: a few areas and years (``small``), all areas (``recent``) or all there are (``full``); which
    update. ``new_areas``: codes that are in no list of ours, each taken out of what is left of Europe."""

    size: str = "small"
    state: int = 2024
    new_areas: tuple[str, ...] = ()

    @property
    def years(self) -> range:
        return range(1986 if self.size == "full" else 2020, self.state)

    def stamp(self, dataset: str) -> str:
        day = {2024: {"IntlServTrade": "07-03", "ITA": "06-20"}, 2025: {"IntlServTrade": "07-03", "ITA": "06-24"}}
        return f"{self.state}-{day[self.state][dataset]} 08:30:00.000"


def codes(name: str) -> Rows:
    with open(FOLDER / f"{name}.csv", encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


@cache
def totals(state: int) -> pl.DataFrame:
    """TradeDirection, Year, total in millions of dollars; the last year of 2025 is made up."""
    with open(CONFIGS / "snapshot" / "ip_trade_annual" / "2025-01-28.csv", encoding="utf-8", newline="") as f:
        usa = {int(r["year"]): r for r in csv.DictReader(f) if r["economy_code"] == "USA"}
    usa[2024] = {k: str(float(usa[2023][k]) * 1.03) for k in ("receipts_usd", "payments_usd")}
    found = []
    for year in range(1986, 2025):
        revised = 1.02 if state == 2025 and 2021 <= year <= 2023 else 1.0
        for flow, column in (("Exports", "receipts_usd"), ("Imports", "payments_usd")):
            found.append((flow, year, float(usa[year][column]) / 1e6 * revised))
    return pl.DataFrame(found, schema=["TradeDirection", "Year", "total"], orient="row")


def _leaves(name: str, weights: dict[str, float]) -> pl.DataFrame:
    """code, ancestor, weight, number: each leaf with itself and everything that contains it."""
    parents = {r["code"]: r["parent"] for r in codes(name)}
    found: list[tuple[str, str, float, int]] = []
    for number, row in enumerate(codes(name)):
        if row["is_aggregate"] == "true":
            continue
        code: str = row["code"]
        above, at = [group for group, members in MEMBERS.items() if code in members], code
        while at:
            above.append(at)
            at = parents[at]
        found.extend((code, a, weights.get(code) or (crc32(code.encode()) % 97 + 3) ** 2 / 3e5, number) for a in above)
    return pl.DataFrame(found, schema=[name, f"{name}_code", f"{name}_weight", f"{name}_number"], orient="row")


@cache
def annual(world: World) -> dict[str, pl.DataFrame]:
    """By type: the rows of IntlServTrade, with figures in millions (``amount``) and as told (DataValue, NoteRef)."""
    parts = {n: _leaves(n, WEIGHT) for n in ("types", "areas", "affiliations")}
    own = [parts[n].select(n, f"{n}_weight").unique(maintain_order=True) for n in parts]
    cube = totals(world.state).filter(pl.col("Year").is_in(list(world.years)))
    for frame in own:
        cube = cube.join(frame, how="cross")
    weight = pl.col("types_weight") * pl.col("areas_weight") * pl.col("affiliations_weight")
    spread = sum(own[1]["areas_weight"].to_list())
    cube = cube.select(
        "TradeDirection", "Year", *parts, amount=(pl.col("total") * weight / spread).round().cast(pl.Int64)
    )
    for name, part in parts.items():
        cube = cube.join(part.select(name, f"{name}_code"), on=name).drop(name)
        cube = cube.group_by("TradeDirection", "Year", pl.selectors.ends_with("_code", *parts)).agg(
            pl.col("amount").sum()
        )
    named = cube.rename(
        {"types_code": "TypeOfService", "areas_code": "AreaOrCountry", "affiliations_code": "Affiliation"}
    )
    if world.size == "small":
        named = named.filter(pl.col("AreaOrCountry").is_in(list(SMALL)))
    else:
        named = named.filter(_served())
    told = _told(_with_new(named, world.new_areas))
    return {code: frame for (code,), frame in told.sort(ANNUAL_KEY).partition_by("TypeOfService", as_dict=True).items()}


def _with_new(cells: pl.DataFrame, areas: tuple[str, ...]) -> pl.DataFrame:
    """Each new area has a tenth of the residual of Europe, which is left with the rest."""
    rest = pl.col("AreaOrCountry") == "OthEuropeIst"
    for code in areas:
        part = (pl.col("amount") / 10).round().cast(pl.Int64)
        new = cells.filter(rest).with_columns(part.alias("amount"), AreaOrCountry=pl.lit(code))
        left = cells.with_columns(amount=pl.when(rest).then(pl.col("amount") - part).otherwise("amount"))
        cells = pl.concat([left, new])
    return cells


def _served() -> pl.Expr:
    """Countries from 1999 on, affiliations from 2006 on."""
    areas = {r["code"] for r in codes("areas") if r["is_aggregate"] == "true"}
    year = pl.col("Year")
    country = pl.col("AreaOrCountry").is_in(list(areas)) | (year >= 1999)
    return country & ((pl.col("Affiliation") == "AllAffiliations") | (year >= 2006))


def _told(cells: pl.DataFrame) -> pl.DataFrame:
    """The cells as BEA tells them: some withheld, some rounded to nothing, some not collected; and the balance."""
    text = pl.concat_str(
        "TradeDirection", "Affiliation", "AreaOrCountry", "TypeOfService", pl.col("Year").cast(pl.String)
    )
    number = text.map_elements(lambda s: crc32(s.encode()), return_dtype=pl.Int64)
    leaf = pl.col("AreaOrCountry").is_in(["Germany", "Ireland", "Taiwan", "Japan", "Chile", "OthEuropeIst"])
    early = (pl.col("Year") < 2006) & pl.col("TypeOfService").is_in(
        ["CipLicensesTrademarks", "CipLicensesFranchiseFees"]
    )
    dots = (pl.col("AreaOrCountry") == "EuroArea") & (pl.col("Year") < 2005)
    reason = (
        pl.when(early)
        .then(pl.lit("n.a."))
        .when(dots)
        .then(pl.lit("....."))
        .when(leaf & (pl.col("Affiliation") != "AllAffiliations") & (number % 9 == 0))
        .then(pl.lit("(D)"))
        .when((pl.col("amount") == 0) & (number % 2 == 0))
        .then(pl.lit("(*)"))
        .otherwise(pl.lit(""))
    )
    flows = cells.with_columns(reason=reason, number=number)
    key = ["TypeOfService", "Affiliation", "AreaOrCountry", "Year"]
    both = flows.filter(pl.col("TradeDirection") == "Exports").join(
        flows.filter(pl.col("TradeDirection") == "Imports"), on=key, suffix="_m"
    )
    balance = both.with_columns(
        TradeDirection=pl.lit("Balance"),
        amount=pl.col("amount") - pl.col("amount_m"),
        reason=pl.max_horizontal("reason", "reason_m").replace("(*)", ""),
    ).select(flows.columns)
    every = pl.concat([flows, balance])
    beside = (pl.col("reason") == ".....") | ((pl.col("reason") == "n.a.") & (pl.col("number") % 2 == 0))
    figures = pl.Series("figure", [f"{v:,}" for v in every["amount"]])
    return every.with_columns(figures).with_columns(
        DataValue=pl.when(beside).then(pl.lit("")).when(pl.col("reason") != "").then("reason").otherwise("figure"),
        NoteRef=pl.when(beside).then("reason").otherwise(pl.lit("")),
    )


@cache
def quarterly(world: World) -> dict[tuple[str, str], Rows]:
    """By indicator and frequency: the rows of ITA, up to the first quarter of the year of the update."""
    found: dict[tuple[str, str], Rows] = {}
    first = 1999 if world.size == "full" else 2020
    kinds = [r for r in codes("types") if r["is_quarterly"] == "true"]
    parts = [r["code"] for r in kinds if r["parent"]]
    share = dict(zip(parts, (0.18, 0.40, 0.25, 0.17), strict=True))
    for flow, year, total in pl.concat([totals(world.state), _next_year(world)]).iter_rows():
        if not first <= year <= world.state:
            continue
        for frequency, quarters in ITA_SHARES.items():
            for q in range(1, 5 if year < world.state else 2):
                amounts = {c: round(total * share[c] * quarters[q - 1]) for c in parts}
                amounts[TOTAL] = sum(amounts.values())
                for code, amount in amounts.items():
                    value = f"{amount:,}" if code == TOTAL or year >= 2006 else "n.a."
                    row = _ita_row(f"{flow[:3]}Serv{code}", frequency, f"{year}Q{q}", value)
                    found.setdefault((row["Indicator"], frequency), []).append(row)
    return found


def _next_year(world: World) -> pl.DataFrame:
    if world.state == 2024:
        return totals(2024).clear()
    last = totals(2025).filter(pl.col("Year") == 2024)
    return last.with_columns(pl.lit(2025).cast(last.schema["Year"]).alias("Year"), pl.col("total") * 1.02)


def _ita_row(indicator: str, frequency: str, period: str, value: str) -> dict[str, Any]:
    return {
        "Indicator": indicator,
        "AreaOrCountry": "AllCountries",
        "Frequency": frequency,
        "Year": period[:4],
        "TimeSeriesId": f"TSI_Ita{indicator}{frequency}",
        "TimeSeriesDescription": f"{indicator}; quarterly",
        "TimePeriod": period,
        "CL_UNIT": "USD",
        "UNIT_MULT": "6",
        "DataValue": value,
        "NoteRef": "",
    }


def annual_rows(world: World, code: str) -> Rows:
    """The rows of IntlServTrade of a type, as the API gives them; an insurance row that nobody asked for among them."""
    told = (
        annual(world)[code].select(*ANNUAL_KEY[:4], pl.col("Year").cast(pl.String), "DataValue", "NoteRef").to_dicts()
    )
    rows = [
        {
            **{k: r[k] for k in ANNUAL_KEY},
            "TimeSeriesId": f"TSI_Ist{code}{r['TradeDirection'][:3]}{r['AreaOrCountry']}{r['Affiliation']}_A",
            "TimeSeriesDescription": f"{code}; {r['TradeDirection']}; {r['AreaOrCountry']}; annual",
            "TimePeriod": r["Year"],
            "CL_UNIT": "USD",
            "UNIT_MULT": "6",
            "DataValue": r["DataValue"],
            "NoteRef": r["NoteRef"],
        }
        for r in told
    ]
    return [*rows, rows[0] | {"TradeDirection": "SupplementalIns", "DataValue": "----"}]
