# DuckDB
import duckdb

version = duckdb.sql("SELECT version FROM 'warehouse/ip_trade_annual/latest.json'").fetchone()[0]
ip = duckdb.read_parquet(f"warehouse/ip_trade_annual/versions/{version}/data/*.parquet")
print(duckdb.sql("SELECT year, receipts_usd / 1e9 AS receipts_bn, payments_usd / 1e9 AS payments_bn, source_vintage FROM ip WHERE economy_code = 'USA' ORDER BY year DESC LIMIT 5"))
