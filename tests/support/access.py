"""Identities of the S3 server, made from ``deploy/access.yaml``: what is tested is what is deployed.

The same file that Terraform makes the roles of AWS from is rendered as IAM policies, which SeaweedFS evaluates too. It
does not know the conditions on ``If-Match`` and ``If-None-Match``, so a write that AWS allows with one of them only is
allowed here without.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from configs.contracts import load_contract
from configs.history_contract import SOURCE as VERSIONS
from configs.history_contract import base_of
from tasks.build.recipes import dependents_of
from tasks.extract import partners
from tests.paths import ROOT

FILE = ROOT / "deploy" / "access.yaml"
# The stores that the identities are for: one to publish into, one to try each right on.
STORES = ("access", "rights")
DATASET = "atp_world_monthly"


@dataclass(frozen=True)
class Role:
    """A role, for one dataset where there is one a dataset: the patterns of keys for each verb."""

    name: str
    patterns: dict[str, tuple[str, ...]]


@cache
def declared() -> dict[str, Any]:
    """The file."""
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


@cache
def roles(dataset: str = DATASET) -> list[Role]:
    """The roles; those that exist once a dataset, of that one."""
    found, verbs = [], declared()["verbs"]
    for name, told in declared()["roles"].items():
        patterns = {v: tuple(p for q in told.get(v, ()) for p in _filled(q, dataset)) for v in verbs}
        found.append(Role(name, patterns))
    return found


def _filled(pattern: str, dataset: str) -> list[str]:
    sources = load_contract(dataset).sources
    names = [s for s in (sources.live, sources.snapshot, sources.beside, partners.SOURCE, VERSIONS) if s]
    each = names if "{source}" in pattern else folders(dataset) if "{made}" in pattern else [""]
    return sorted({pattern.replace("{source}", s).replace("{made}", s).replace("{dataset}", dataset) for s in each})


@cache
def made(dataset: str) -> list[str]:
    """The dataset, and what is made from it in the same run."""
    return [dataset, *dependents_of(dataset)]


@cache
def folders(dataset: str) -> list[str]:
    """The same as patterns: of each that is no history the name, and whatever begins with it."""
    return sorted(f"{name}*" for name in made(dataset) if base_of(name) is None)


def policy(role: Role, bucket: str, prefix: str) -> dict[str, Any]:
    """The rights of a role as an IAM policy, for the store below a prefix."""
    verbs, statements = declared()["verbs"], []
    for verb, patterns in role.patterns.items():
        objects = [*verbs[verb].get("object", ())] + (["s3:PutObject"] if "conditional" in verbs[verb] else [])
        keys = [f"arn:aws:s3:::{bucket}/{prefix}/{p}" for p in patterns]
        if keys and objects:
            statements.append({"Effect": "Allow", "Action": objects, "Resource": keys})
        if keys and "bucket" in verbs[verb]:
            rights = {"Action": verbs[verb]["bucket"], "Resource": [f"arn:aws:s3:::{bucket}"]}
            statements.append({"Effect": "Allow", **rights})
    return {"Version": "2012-10-17", "Statement": statements}


# --------------------------------------------------------------- the table of the page

PAGE = ROOT / "docs" / "access.md"
OTHER = "ip_trade_annual"
LETTERS = {"read": "r", "create": "c", "replace": "s", "put": "p", "delete": "d"}
_FILLED = {
    "<own>": DATASET, "<other>": OTHER, "<version>": "2026-11-25.0001", "<source>": "census_balance",
    "<another source>": "world_bank", "<aa>": "00", "<sha256>": "0" * 64, "<plan>": "1/2", "<key>": "parts/0.json",
}  # fmt: skip


@dataclass(frozen=True)
class TableRow:
    """A row of the table: the key as it stands there, one such key, and the letters by role."""

    pattern: str
    key: str
    cells: dict[str, str]


def table() -> list[TableRow]:
    """The table of ``docs/access.md``."""
    lines = [line.strip("| ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    rows = [[cell.strip(" `") for cell in line.split(" | ")] for line in lines]
    (head,) = (i for i, row in enumerate(rows) if row[0] == "key")
    found = []
    for row in rows[head + 2 :]:
        key = row[0]
        for name, value in _FILLED.items():
            key = key.replace(name, value)
        found.append(TableRow(row[0], key, dict(zip(rows[head][1:], row[1:], strict=True))))
    return found
