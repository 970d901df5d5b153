"""What a monthly file says of itself: counts, sums, its concordance, and where its control totals differ from its
detail.

One long table a file, kept beside the rows, so that the checks of a version need not read the files again.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tasks.extract.census.merchandise.month import COMMODITIES, GROUPS, PARTNERS, Month, control, keys
from tasks.extract.zip_stream import zip_members

# kind: count (measure: records, idle, other, kept), sum (over the kept rows), control (a difference), compared (how
# many figures a control file was held against), concordance (a code of advanced technology). What does not apply is
# null.
SCHEMA = {
    "kind": pl.String,
    "flow": pl.String,
    "period": pl.Date,
    "record": pl.String,
    "code": pl.String,
    "technology_group": pl.String,
    "measure": pl.String,
    "detail": pl.Int64,
    "control": pl.Int64,
}


def control_totals(month: Month, file: Path, told: str) -> pl.DataFrame:
    """The facts of one file.

    Raises:
        SourceError: a control file is not there, or not of its layout.
    """
    counts = {"records": month.rows, "idle": month.idle, "other": month.other, "kept": month.detail.height}
    sums = {name: month.detail[name].sum() for name in month.detail.columns if month.detail[name].dtype == pl.Int64}
    parts = [
        pl.DataFrame({"kind": "count", "measure": list(counts), "detail": list(counts.values())}),
        pl.DataFrame(
            {"kind": "sum", "measure": list(sums), "detail": list(sums.values())}, schema_overrides={"detail": pl.Int64}
        ),
        month.codes.filter(pl.col("hitech").is_in(sorted(GROUPS))).select(
            pl.lit("concordance").alias("kind"),
            pl.col("commodity").alias("code"),
            pl.col("hitech").alias("technology_group"),
        ),
    ]
    with zip_members(file, told) as found:
        for record, ours in ((COMMODITIES[month.flow], month.by_commodity), (PARTNERS[month.flow], month.by_partner)):
            theirs = control(found, record, told)
            if "commodity" in theirs.columns:
                theirs = theirs.join(month.scope, on="commodity", how="semi")
            parts += _compared(record, ours, theirs)
    whole = pl.concat(parts, how="diagonal")
    period = pl.lit(f"{month.period}-01").str.to_date()
    return whole.with_columns(pl.lit(month.flow).alias("flow"), period.alias("period")).select(
        (pl.col(name) if name in whole.columns else pl.lit(None)).cast(kind).alias(name)
        if name not in ("flow", "period")
        else pl.col(name)
        for name, kind in SCHEMA.items()
    )


def _compared(record: str, ours: pl.DataFrame, theirs: pl.DataFrame) -> list[pl.DataFrame]:
    """Where sums of the detail are not what the control file says; what one of the two does not have is 0 there."""
    by = keys(record)
    measures = [c for c in ours.columns if c not in by and c in theirs.columns]
    code = pl.concat_str(by, separator=" ").alias("code")
    left = ours.select(code, *measures).unpivot(index="code", variable_name="measure", value_name="detail")
    right = theirs.group_by(by).agg(pl.col(measures).sum()).select(code, *measures)
    both = left.join(
        right.unpivot(index="code", variable_name="measure", value_name="control"),
        on=["code", "measure"],
        how="full",
        coalesce=True,
    )
    off = both.filter(pl.col("detail").fill_null(0) != pl.col("control").fill_null(0))
    compared = pl.DataFrame({"kind": ["compared"], "record": [record], "detail": [both.height]})
    return [off.with_columns(pl.lit("control").alias("kind"), pl.lit(record).alias("record")), compared]
