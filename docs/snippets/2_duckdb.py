# DuckDB: what the United States received and paid for intellectual property
import duckdb

version = duckdb.sql("SELECT version FROM 'warehouse/ip_trade_annual/latest.json'").fetchall()[0][0]
ip = duckdb.read_parquet(f"warehouse/ip_trade_annual/versions/{version}/data/*.parquet")
usa = ip.filter("economy_code = 'USA'").order("year DESC").limit(5)
print(usa.select("year, receipts_usd / 1e9 AS receipts_bn, payments_usd / 1e9 AS payments_bn, source_vintage"))
