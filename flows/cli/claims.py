"""``claims``: what is said in public of the figures, tested against every vintage."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace

from configs.claims import Claim, load_claims
from configs.contracts import load_contract
from configs.errors import NotPublishedError
from configs.history_contract import SUFFIX
from flows.cli.output import print_json, say, table
from flows.cli.stores import open_at
from flows.prefect_setup.remarks import remark
from tasks.build.history import timeline
from tasks.compare.press_claims import ClaimVerdict, judge_claim, unit_words
from tasks.read.rows import of_vintage, rows_of
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import reader

SUPERLATIVES = {"highest": "highest of its series", "lowest": "lowest of its series"}


def claims(name: str | None, url: str | None, as_json: bool) -> None:
    """Show each claim with the figure and the verdict of every vintage: those that were published, and older ones."""
    if name is not None:
        load_contract(name)
    store = open_at(url)
    found = [f for claim in load_claims() if name in (None, claim.dataset) for f in in_every_vintage(store, claim)]
    if as_json:
        print_json([asdict(f) for f in found])
        return
    if not found:
        remark(f"no claim is about {name}" if name else "nothing that a claim is about is published yet")
        return
    for number, claim in enumerate(dict.fromkeys(f.claim for f in found)):
        if number:
            print()
        say(f"{claim.claim}: {claim.statement}")
        also = f"; also said to be the {SUPERLATIVES[claim.superlative]}" if claim.superlative else ""
        say(f"claimed {claim.claimed_usd / 1e9:,.0f} billion $, rounded to {unit_words(claim)}, {claim.dataset}{also}")
        rows = [
            (f.vintage or "", f"{f.figure_usd / 1e9:,.3f}" if f.figure_usd is not None else "", f.words, f.record_words)
            for f in found
            if f.claim == claim
        ]
        columns = ("vintage", "figure, billion $", "verdict", "superlative")
        shown = len(columns) if claim.superlative else len(columns) - 1
        table(columns[:shown], [row[:shown] for row in rows], right=("figure, billion $",))
        if part := next((f.mistaken_for for f in reversed(found) if f.claim == claim), None):
            say(f"Its {part[0]} alone are {part[1] / 1e9:,.3f}.")


def in_every_vintage(store: ObjectStore, claim: Claim) -> list[ClaimVerdict]:
    """Return the verdict in each vintage of the claim's dataset that is published or archived, oldest first."""
    try:
        latest = reader.resolve(store, claim.dataset).latest
    except NotPublishedError:
        return []
    older: list[str] = []
    with suppress(NotPublishedError):
        older = timeline.official_vintages(reader.resolve(store, claim.dataset + SUFFIX).manifest.sources)
    published = sorted({e.vintage for e in latest.published if e.version not in latest.yanked})
    told = []
    for vintage in [*(v for v in older if v not in published), *published]:
        with suppress(NotPublishedError):  # its data were deleted by retention, and cannot be rebuilt
            of = of_vintage(store, claim.dataset, vintage)
            rows = of.rows.lazy() if of.rows is not None else rows_of(store, of.found) if of.found else None
            if rows is not None:
                told.append(replace(judge_claim(claim, rows, vintage), vintage=vintage))
    return told
