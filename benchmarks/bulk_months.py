"""Months of the Census Bureau's bulk files, made up at any size in the publisher's layout; everything adds up.

Seeded: the same arguments give the same bytes. Codes are those of the ATP lists that are carried here, and as many
made-up ones beside them as a true month has. A year is drawn as a whole: a key (code, partner, district, ...) has a
row from its first trade of the year on, with 0 in months without; its year to date is the sum of its months; air,
vessel and container are parts of the value; and the control files are sums of the detail.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from configs import CONFIGS
from tasks.extract.census.merchandise.fixed_width import Layout, layouts
from tasks.extract.census.merchandise.month import COMMODITIES, DETAIL, PARTNERS, Flow

# Rows of a December, as the publisher's files have them.
FULL: dict[Flow, int] = {"exports": 1_200_000, "imports": 3_500_000}
LISTS: dict[Flow, str] = {"exports": "exports-2019-01.csv", "imports": "imports-2021-01.csv"}
PARTNER_CODES = ("1220", "2010", "4280", "4120", "5700", "5830", "5880", "5820", "4039", "5490")
DISTRICTS = tuple(f"{n:02d}" for n in range(1, 56))
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Year:
    """A year of one flow: how many keys there are by December, and how much of it there is of what."""

    flow: Flow
    year: int
    keys: int
    seed: int = 7
    other_codes: int = 16_000
    atp_share: float = 0.12
    idle_share: float = 0.6


@cache
def codes(flow: Flow, other: int) -> pl.DataFrame:
    """commodity, hitech: the codes of a list of advanced technology, and others (``00``)."""
    listed = pl.read_csv(CONFIGS / "snapshot" / "atp_products" / LISTS[flow], infer_schema=False, comment_prefix="#")
    atp = listed.select(pl.col("hs10").alias("commodity"), pl.col("technology_group").alias("hitech")).unique()
    rest = pl.DataFrame({"commodity": [f"{101_100_000 + 7 * n:010d}" for n in range(other)], "hitech": "00"})
    return pl.concat([atp, rest.join(atp, on="commodity", how="anti")]).sort("commodity")


@cache
def _drawn(year: Year) -> tuple[pl.DataFrame, Numbers]:
    """The keys of a year, and the value of each in each month (0 before its first trade and in idle months)."""
    rng = np.random.default_rng((year.seed, year.year, list(FULL).index(year.flow)))
    known = codes(year.flow, year.other_codes)
    atp, other = (known.filter((pl.col("hitech") != "00") == is_atp)["commodity"] for is_atp in (True, False))
    is_atp = rng.random(year.keys) < year.atp_share
    at = np.where(is_atp, rng.integers(0, len(atp), year.keys), len(atp) + rng.integers(0, len(other), year.keys))
    drawn = {
        "commodity": pl.concat([atp, other]).gather(at),
        "cty_code": pl.Series(PARTNER_CODES).gather(rng.integers(0, len(PARTNER_CODES), year.keys)),
        **_places(year.flow, year.keys, rng),
    }
    keys = pl.DataFrame(drawn)
    first = rng.integers(1, 13, year.keys)
    months = np.arange(1, 13)
    values = np.exp(rng.normal(10, 2, (year.keys, 12))).astype(np.int64) + 1
    values[(months < first[:, None]) | ((rng.random(values.shape) < year.idle_share) & (months != first[:, None]))] = 0
    whole = keys.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy()
    return keys.filter(whole), values[whole]


def _places(flow: Flow, rows: int, rng: np.random.Generator) -> dict[str, pl.Series]:
    def some(names: tuple[str, ...]) -> pl.Series:
        return pl.Series(names).gather(rng.integers(0, len(names), rows))

    if flow == "exports":
        return {"df": some(("1", "2")), "district": some(DISTRICTS)}
    return {
        "cty_subco": some(("00", "10")), "dist_entry": some(DISTRICTS), "dist_unlad": some(DISTRICTS),
        "rate_prov": some(("00", "10", "61", "69")),
    }  # fmt: skip


def detail(year: Year, month: int) -> pl.DataFrame:
    """The rows of a month, columns as in the layout, sorted as the publisher does."""
    keys, values = _drawn(year)
    layout = layouts()[DETAIL[year.flow]]
    now, to_date = values[:, month - 1], values[:, :month].sum(axis=1)
    figures = {f"{n}_mo": v for n, v in _measures(year.flow, now).items()}
    figures |= {f"{n}_yr": v for n, v in _measures(year.flow, to_date).items()}
    frame = keys.with_columns(
        pl.lit(str(year.year)).alias("year"), pl.lit(f"{month:02d}").alias("month"),
        *[pl.Series(name, value) for name, value in figures.items()],
    )  # fmt: skip
    names = [f.name for f in layout.fields]
    return frame.filter(pl.Series(to_date > 0)).select(names).sort(names[: names.index("year")])


def _measures(flow: Flow, value: Numbers) -> dict[str, Numbers]:
    """Every measure of a value, each a part or a function of it, so that months add up only in ``value`` itself."""
    air, vessel = value // 3, value // 2
    some = (value > 0).astype(np.int64)
    if flow == "exports":
        return {
            "cards": some, "qty_1": value // 100, "qty_2": value // 900, "all_val": value, "air_val": air,
            "air_wgt": air // 50, "ves_val": vessel, "ves_wgt": vessel // 4, "cnt_val": vessel // 2,
            "cnt_wgt": vessel // 8,
        }  # fmt: skip
    charges = value // 40
    carried = {"air": air, "ves": vessel, "cnt": vessel // 2}
    of_value = {
        "qy1": value // 100, "qy2": value // 900, "val": value, "cha": charges, "cif": value + charges,
    }  # fmt: skip
    bases = {f"{basis}_{name}": v for basis in ("con", "gen") for name, v in of_value.items()}
    modes = {f"{mode}_{n}": v // d for mode, v in carried.items() for n, d in (("val", 1), ("wgt", 30), ("cha", 40))}
    return {"cards": some, "dut_val": value // 5, "cal_dut": value // 90, **bases, **modes}


def write_month(year: Year, month: int, file: Path) -> pl.DataFrame:
    """Writes the ZIP of a month, with concordance and control files; gives back its detail."""
    rows = detail(year, month)
    known = codes(year.flow, year.other_codes)
    concord = known.with_columns(descriptn=pl.lit("MADE UP"), unit_qy1=pl.lit("NO"), unit_qy2=pl.lit("KG"))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        out.writestr(f"{DETAIL[year.flow]}.TXT", text(rows, layouts()[DETAIL[year.flow]]))
        out.writestr("Concord.txt", text(concord, layouts()["CONCORD"]))
        for record, by in ((COMMODITIES[year.flow], _of_commodity(year.flow)), (PARTNERS[year.flow], ["cty_code"])):
            layout = layouts()[record]
            numbers = [f.name for f in layout.fields if f.is_number]
            sums = rows.group_by(*by, "year", "month").agg(pl.col(numbers).sum()).sort(by)
            out.writestr(f"{record}.TXT", text(sums, layout))
    return rows


def _of_commodity(flow: Flow) -> list[str]:
    return ["df", "commodity"] if flow == "exports" else ["commodity"]


def text(rows: pl.DataFrame, layout: Layout) -> bytes:
    """Rows as records of a layout; a field that the rows do not have is blank or 0."""
    fields = []
    for f in layout.fields:
        value = pl.col(f.name) if f.name in rows.columns else pl.lit(0 if f.is_number else "")
        as_text = value.cast(pl.String)
        fields.append(as_text.str.pad_start(f.width) if f.is_number else as_text.str.pad_end(f.width))
    lines = rows.select(pl.concat_str(fields).alias("line"))["line"]
    return ("\r\n".join(lines) + "\r\n").encode("latin-1")
