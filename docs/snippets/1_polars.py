# polars: the balance in advanced technology products, by year
import json
import polars as pl

latest = json.load(open("warehouse/atp_world_monthly/latest.json"))
atp = pl.scan_parquet(f"warehouse/atp_world_monthly/versions/{latest['version']}/data/*.parquet")
years = atp.group_by(pl.col("period").dt.year().alias("year")).agg(pl.len().alias("months"), pl.col("balance_usd").sum())
print(years.sort("year").tail(6).collect())
