"""What the policies that Terraform makes from deploy/access.yaml allow, asked request by request.

IAM's own rules, as far as these policies use them: nothing is allowed but what a statement allows, `*` in a resource
stands for any characters, and of the conditions there are ``Null`` and ``Bool``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BUCKET = "arn:aws:s3:::example"
PREFIX = "store"
# Inline policies of a role may have 10,240 characters together; the other one is short.
LONGEST = 9_000
V = "versions/2026-01-02.0001"


@dataclass(frozen=True)
class Request:
    """One request to S3. ``keys``: the condition keys that come with it."""

    action: str
    key: str
    keys: Mapping[str, str]


def create(key: str) -> Request:
    return Request("s3:PutObject", key, {"s3:if-none-match": "*", "s3:ObjectCreationOperation": "true"})


def swap(key: str) -> Request:
    return Request("s3:PutObject", key, {"s3:if-match": "tag", "s3:ObjectCreationOperation": "true"})


def put(key: str) -> Request:
    return Request("s3:PutObject", key, {"s3:ObjectCreationOperation": "true"})


def part(key: str) -> Request:
    return Request("s3:PutObject", key, {"s3:ObjectCreationOperation": "false"})


def read(key: str) -> Request:
    return Request("s3:GetObject", key, {})


def delete(key: str) -> Request:
    return Request("s3:DeleteObject", key, {})


A, B, WRITER = "ip_trade_annual", "atp_products", "writer-ip-trade-annual"
ALLOWED: dict[str, list[Request]] = {
    WRITER: [
        create(f"{A}/{V}/claim.json"), create(f"{A}/{V}/manifest.json"), create(f"{A}/latest.json"),
        create(f"{A}/{V}/data/part-0000.parquet"), put(f"{A}/{V}/data/part_year=1990/part-0000.parquet"),
        part(f"{A}/{V}/data/part-0000.parquet"), swap(f"{A}/latest.json"), swap(f"{A}/status.json"),
        create("_raw/world_bank/ab/abcd.json"), create("_raw/partner_reference/ab/abcd.csv"), part("_raw/world_bank/x"),
        delete(f"_raw/world_bank/_unfinished/{A}/0123/4567.json"), swap("_alerts/state.json"), read(f"{B}/latest.json"),
        read(f"{B}/{V}/data/part-0000.parquet"), create(f"_ledger/{A}/2026-01-02.0001.json"),
        swap(f"_ledger/{A}/latest.json"), swap(f"{A}/held.json"), read(f"{B}/held.json"),
    ],
    "catalog": [swap("catalog.json"), create("catalog.json"), swap("feed.xml"), read(f"{A}/latest.json")],
    "reader": [read("catalog.json"), read(f"{A}/latest.json"), read(f"{A}/{V}/data/part-0000.parquet")],
    "yank-operator": [swap(f"{A}/latest.json"), create(f"{B}/yanked/2026-01-02.0001.json")],
    "maintenance": [
        create(f"{A}/{V}/manifest.json"), delete(f"{A}/{V}/data/part-0000.parquet"), swap(f"{A}/latest.json"),
        delete("_raw/world_bank/ab/abcd.json"), swap("catalog.json"), read("_raw/bea/ab/abcd.json"),
    ],
    "watch": [swap("_alerts/state.json"), swap("catalog.json"), read(f"{A}/status.json"), swap(f"{A}/held.json")],
    "vintage-archiver": [
        swap("_raw/world_bank_archives/inventory.json"), create("_raw/world_bank_archives/ab/abcd.json"),
    ],
    "restorer": [
        create(f"{A}/{V}/claim.json"), create("_raw/bea/ab/abcd.json"), delete(f"{A}/{V}/data/part-0000.parquet"),
    ],
}  # fmt: skip
REFUSED: dict[str, list[Request]] = {
    WRITER: [
        # another dataset
        create(f"{B}/{V}/claim.json"), swap(f"{B}/latest.json"), put(f"{B}/{V}/data/part-0000.parquet"),
        swap(f"{B}/status.json"), swap(f"{B}/held.json"),
        part(f"{B}/{V}/data/part-0000.parquet"), create(f"{B}/yanked/2026-01-02.0001.json"),
        create(f"_ledger/{B}/2026-01-02.0001.json"), create("_raw/bea/ab/abcd.json"), read("_raw/bea/ab/abcd.json"),
        create("_raw/world_bank_archives/ab/abcd.json"), swap("_raw/world_bank_archives/inventory.json"),
        # what is everybody's
        swap("catalog.json"), create("catalog.json"), swap("feed.xml"),
        # over what is there, or without looking
        put(f"{A}/{V}/claim.json"), swap(f"{A}/{V}/manifest.json"), put(f"{A}/latest.json"), put("_raw/world_bank/x"),
        put(f"_ledger/{A}/2026-01-02.0001.json"),
        # and nothing published goes
        delete(f"{A}/{V}/data/part-0000.parquet"), delete(f"{A}/{V}/claim.json"), delete(f"{A}/latest.json"),
        delete("_raw/world_bank/ab/abcd.json"), delete(f"_raw/world_bank/_unfinished/{B}/0123/4567.json"),
    ],
    "catalog": [swap(f"{A}/latest.json"), create(f"{A}/{V}/claim.json"), put("catalog.json"), delete("catalog.json")],
    "reader": [
        swap(f"{A}/latest.json"), create("x"), put("x"), part("x"), delete(f"{A}/latest.json"), read("_raw/bea/x"),
        read("_alerts/state.json"),
    ],
    "operator": [swap(f"{A}/latest.json"), create("x"), put("x"), part("x"), delete("x")],
    "yank-operator": [
        create(f"{A}/{V}/claim.json"), create(f"{A}/{V}/manifest.json"), put(f"{A}/{V}/data/part-0000.parquet"),
        part(f"{A}/{V}/data/part-0000.parquet"), delete(f"{A}/{V}/data/part-0000.parquet"), put(f"{A}/latest.json"),
    ],
    "maintenance": [
        delete(f"{A}/{V}/claim.json"), delete(f"{A}/{V}/manifest.json"), delete(f"{A}/latest.json"),
        create(f"{A}/{V}/claim.json"), put(f"{A}/{V}/data/part-0000.parquet"), swap(f"{A}/{V}/manifest.json"),
        delete(f"_ledger/{A}/2026-01-02.0001.json"),
    ],
    "watch": [swap(f"{A}/latest.json"), create(f"{A}/{V}/claim.json"), delete("_alerts/state.json")],
    "vintage-archiver": [create("_raw/world_bank/ab/abcd.json"), swap(f"{A}/latest.json")],
}  # fmt: skip


def check(outputs: Mapping[str, Any]) -> tuple[str, ...]:
    """What is wrong with the outputs of deploy/terraform/access, a line each."""
    texts: dict[str, str] = outputs["policies"]
    read_in = {name: json.loads(text)["Statement"] for name, text in texts.items()}
    found = [f"{name}: {len(text):,} characters, of {LONGEST:,}" for name, text in texts.items() if len(text) > LONGEST]
    for wanted, table in ((True, ALLOWED), (False, REFUSED)):
        for name, requests in table.items():
            found += [
                f"{name}: {r.action} {r.key} with {dict(r.keys)} is {'refused' if wanted else 'allowed'}"
                for r in requests
                if allows(read_in.get(name, []), r) != wanted
            ]
    found += [f"{name} may not list the bucket" for name, s in read_in.items() if not _lists(s)]
    keys = outputs["keys"]
    if (keys[WRITER], keys["writer-us-ip-trade-annual"], keys["maintenance"]) != ([], ["BEA_API_KEY"], []):
        found.append(f"the publishers' keys go to the wrong runs: {keys}")
    return tuple(found)


def allows(statements: list[dict[str, Any]], request: Request) -> bool:
    """Whether a policy allows the request."""
    arn = f"{BUCKET}/{PREFIX}/{request.key}"
    return any(
        request.action in s["Action"]
        and any(_matches(resource, arn) for resource in s["Resource"])
        and _holds(s.get("Condition", {}), request.keys)
        for s in statements
        if s["Effect"] == "Allow"
    )


def _matches(pattern: str, arn: str) -> bool:
    return re.fullmatch(".*".join(re.escape(p) for p in pattern.split("*")), arn) is not None


def _holds(condition: Mapping[str, Mapping[str, str]], keys: Mapping[str, str]) -> bool:
    for operator, wanted in condition.items():
        for key, value in wanted.items():
            if operator == "Null" and (key not in keys) != (value == "true"):
                return False
            if operator == "Bool" and keys.get(key) != value:
                return False
            if operator not in ("Null", "Bool"):
                raise ValueError(f"a condition that is not understood here: {operator}")
    return True


def _lists(statements: list[dict[str, Any]]) -> bool:
    return any(
        "s3:ListBucket" in s["Action"] and s["Resource"] == [BUCKET] and "Condition" not in s for s in statements
    )
