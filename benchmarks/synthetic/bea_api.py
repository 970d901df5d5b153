"""Good answers of BEA's data API, made of ``bea``."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.synthetic.bea import ITA_SHARES, Rows, World, annual_rows, codes, quarterly
from benchmarks.synthetic.memory import Memory
from tasks.extract.bea.code_tree import documents as reference
from tasks.raw.documents import RawDocument

KEY = "0BADCAFE-1234-4BEA-8BEA-C0FFEEC0FFEE"
Query = Mapping[str, str]


def query_of(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def answer(query: Query, results: Mapping[str, Any]) -> bytes:
    """The envelope, as the API encodes it: the parameters that it was asked with, and the results."""
    parameters = [{"ParameterName": k.upper(), "ParameterValue": v} for k, v in query.items()]
    top = {"Request": {"RequestParam": parameters}, **results}
    return json.dumps({"BEAAPI": top}, ensure_ascii=False).encode("iso-8859-1")


def listed(parameter: str) -> list[str]:
    """The values of a parameter, with two that we do not read."""
    prefix = "ExpServ" if parameter == "Indicator" else ""
    types = [r["code"] for r in codes("types")]
    if parameter == "Indicator":
        types = [f"{f}Serv{r['code']}" for r in codes("types") if r["is_quarterly"] == "true" for f in ("Exp", "Imp")]
    return [*types, f"{prefix}Telecom", f"{prefix}AccountAuditBookkeep"]


def entry(code: str) -> dict[str, str]:
    return {"Key": code, "Desc": f"Dep\u00f4t of {code}"}


def rows_of(world: World, query: Query) -> Rows:
    """The rows that a query for data asks for; the caller may change them."""
    if query["datasetname"] == "ITA":
        return copy.deepcopy(quarterly(world)[query["Indicator"], query["Frequency"]])
    return annual_rows(world, query["TypeOfService"])


def data(rows: Rows, stamp: Any, produced: str) -> dict[str, Any]:
    return {
        "Statistic": "International Services",
        "UTCProductionTime": produced,
        "TsLastUpdated": stamp,
        "Dimensions": [{"Ordinal": "1", "Name": k, "DataType": "string", "IsValue": "0"} for k in rows[0]],
        "Data": rows,
        "Notes": {"NoteRef": "(D)", "NoteText": "Suppressed to avoid disclosure"},
    }


def document(world: World, path: str) -> bytes:
    """The answer to a request, without a network."""
    query = query_of(path)
    if query["method"] == "GetParameterValues":
        return answer(query, {"Results": {"ParamValue": [entry(code) for code in listed(query["ParameterName"])]}})
    stamp = world.stamp(query["datasetname"])
    return answer(query, {"Results": data(rows_of(world, query), stamp, "2026-01-01T00:00:00.000")})


def answers(ask: Callable[[str], bytes], dataset: str, key: str = KEY) -> dict[str, tuple[str, bytes]]:
    """By role: the file of a folder that stands for BEA, and the answer in it.

    Args:
        ask: gives the answer to the path of a request.
    """
    types = [r for r in codes("types") if dataset == "us_ip_trade_annual" or r["is_quarterly"] == "true"]
    user = f"UserID={key}"
    if dataset == "us_ip_trade_annual":
        asked = {"types": ("types", "method=GetParameterValues&ParameterName=TypeOfService")}
        for r in types:
            query = f"method=GetData&datasetname=IntlServTrade&{user}&TypeOfService={r['code']}"
            asked[f"data/{r['code']}"] = (r["code"], query)
    else:
        asked = {"indicators": ("indicators", "method=GetParameterValues&ParameterName=Indicator")}
        for r in types:
            for flow, frequency in ((f, q) for f in ("Exp", "Imp") for q in ITA_SHARES):
                code = f"{flow}Serv{r['code']}"
                query = f"method=GetData&datasetname=ITA&{user}&Indicator={code}&Frequency={frequency}"
                asked[f"data/{code}/{frequency}"] = (f"{code}.{frequency}", query)
    return {role: (f"{file}.json", ask(f"/?{query}")) for role, (file, query) in asked.items()}


def documents(world: World, dataset: str) -> tuple[RawDocument, ...]:
    """The documents that a fetch of a dataset gives."""
    given = answers(lambda path: document(world, path), dataset).items()
    memory = Memory()
    return (*(memory.keep("bea", r, f"https://bea/{f}", body, ".json") for r, (f, body) in given), *reference(memory))
