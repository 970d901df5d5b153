# pandas: which months the last vintage revised, and by how much
import json
import pandas as pd

latest = json.load(open("warehouse/atp_world_monthly/latest.json"))
changes = pd.read_parquet(f"warehouse/atp_world_monthly/versions/{latest['version']}/changes.parquet")
revised = changes[(changes["kind"] == "revised") & (changes["column"] == "balance_usd")]
print(revised[["period", "old", "new"]].tail(5).to_string(index=False))
