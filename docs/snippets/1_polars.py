# polars
import json

import polars as pl

latest = json.load(open("warehouse/atp_world_monthly/latest.json"))
atp = pl.scan_parquet(f"warehouse/atp_world_monthly/versions/{latest['version']}/data/*.parquet")
print(atp.group_by(pl.col("period").dt.year().alias("year")).agg(pl.col("balance_usd").sum() / 1e9).sort("year").tail(6).collect())
