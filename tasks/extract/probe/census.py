"""Probes of the Census Bureau: workbook, FT-900, the trade API, lists of products. Its monthly files: ``bulk``.

Requests are made by the functions that publishing uses, private ones among them, and not copied: a probe of another
request would prove nothing about publishing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import polars as pl

from configs.errors import NoAddressError, SourceResponseError
from configs.words import few, plural
from tasks.extract.census import atp_list_parse, balance_workbook, ft900, trade_api, trade_api_parse
from tasks.extract.drift import check as drift
from tasks.extract.drift.metadata import READERS
from tasks.extract.http.responses import StatusError
from tasks.extract.probe import known
from tasks.extract.probe.findings import Finding, of_metadata
from tasks.extract.probe.visit import Outcome, Visit
from tasks.raw.documents import RawDocument

FLOWS = trade_api.FLOWS


def compared_as_frozen(visit: Visit, outcome: Outcome, document: RawDocument, probe: drift.Probe) -> None:
    """Compare a document with the frozen expectation of ``configs/drift``."""
    seen = READERS[probe.read](document, visit.source)
    outcome.findings += of_metadata(visit.source, outcome.probe, drift.compare(probe, seen))


def balance(visit: Visit) -> None:
    """Ask for the workbook, one request."""

    def step(outcome: Outcome) -> None:
        document = visit.session().get("workbook", visit.settings.url, suffix=".xlsx")
        (probe,) = drift.expectation(visit.source).probes
        compared_as_frozen(visit, outcome, document, probe)
        tables = balance_workbook.parse("atp_world_monthly", (document,), None).tables
        monthly = tables["monthly"].collect()
        last = monthly["period"][-1]
        outcome.read.append(f"{plural(monthly.height, 'month')} to {last:%Y-%m}")
        outcome.findings += known.months_compared(visit.source, outcome.probe, last, visit.now)
        before = known.bundled("atp_world_monthly", "monthly")
        for column, flow in (("exports_musd", "exports"), ("imports_musd", "imports")):
            visit.figures |= {(flow, f"{p:%Y-%m}"): v * 1e6 for p, v in monthly.select("period", column).rows()}
            found = known.figures_compared(visit.source, outcome.probe, monthly, before, ["period"], column)
            outcome.findings += [
                Finding(f.source, f.probe, f.severity, f"{flow.capitalize()}: {f.text}") for f in found
            ]

    visit.probe("workbook", step)


def releases(visit: Visit) -> None:
    """Ask for FT-900 of the newest month, and for that of the month before where it is not there."""

    def step(outcome: Outcome) -> None:
        session, months = visit.session(), known.newest_months(visit.now)
        found = next(((m, d) for m in months if (d := ft900.fetch(session, m))), None)
        if found is None:
            told = " and ".join(f"{m:%Y-%m}" for m in months)
            raise SourceResponseError(visit.source, f"there is no release of {told} at the address that we have")
        month, document = found
        outcome.findings += known.months_compared(visit.source, outcome.probe, month, visit.now)
        (probe,) = drift.expectation(visit.source).probes
        compared_as_frozen(visit, outcome, document, probe)
        totals = {
            (flow, f"{period:%Y-%m}"): value * 1e6
            for group, flow, period, value in ft900.groups(document).rows()
            if group == "total"
        }
        visit.figures |= totals
        outcome.read.append(f"Exhibits 16 and 16a of {month:%Y-%m}, 10 technology groups")
        outcome.findings += known.magnitude_compared(visit.source, outcome.probe, totals)

    visit.probe("newest release", step)


def trade(visit: Visit) -> None:
    """Ask for the variables, which need no key, and for the newest month of each flow."""
    for probe in drift.expectation(visit.source).probes:

        def variables(outcome: Outcome, probe: drift.Probe = probe) -> None:
            url = f"{visit.settings.url.rstrip('/')}/{probe.path}"
            with visit.recorder.without_key():
                answer = visit.recorder.get(url, probe.params or None, lambda answer: answer)
            compared_as_frozen(visit, outcome, RawDocument.of(probe.name, answer.url, answer.body), probe)
            outcome.read.append(f"variables of {probe.name}")

        visit.probe(f"variables of {probe.name}", variables)
    documents = [
        d for flow in FLOWS if (d := visit.probe(f"newest month of {flow}", _month(visit, flow), needs_key=True))
    ]
    if len(documents) == len(FLOWS):
        visit.probe("both flows", _both_flows(visit, tuple(documents)), needs_key=True)


def _month(visit: Visit, flow: str) -> Callable[[Outcome], RawDocument]:
    def step(outcome: Outcome) -> RawDocument:
        session = visit.session()
        for month in known.newest_months(visit.now):
            document = trade_api._document(session, trade_api.Window(flow, month, month), None)
            rows = trade_api_parse.rows(document)
            if not rows.is_empty():
                break
        else:
            raise SourceResponseError(visit.source, f"there are no {flow} of the newest two months")
        _described(visit, outcome, flow, month, rows)
        return document

    return step


def _described(visit: Visit, outcome: Outcome, flow: str, month: date, rows: pl.DataFrame) -> None:
    source, probe = visit.source, outcome.probe
    partners = rows["partner_code"].unique()
    outcome.read.append(f"{plural(rows.height, 'row')} of {plural(partners.len(), 'partner')} in {month:%Y-%m}")
    outcome.findings += known.months_compared(source, probe, month, visit.now)
    outcome.findings += known.unknown_codes(
        source, probe, "partner code", partners, known.partner_codes("schedule_c_code")
    )
    if missing := sorted({*trade_api_parse.GROUPS, trade_api_parse.TOTAL} - set(rows["hitech"])):
        outcome.findings.append(Finding(source, probe, "breaks us", f"It has no technology group {few(missing)}."))
    groups = [g for g in trade_api_parse.GROUPS if g != "00"]
    world = rows.filter((pl.col("partner_code") == trade_api_parse.TOTAL) & pl.col("hitech").is_in(groups))
    if world.is_empty():
        outcome.findings.append(Finding(source, probe, "breaks us", "It has no row of the world (partner '-')."))
        return
    totals = {(flow, f"{month:%Y-%m}"): float(world["value_usd"].sum())}
    visit.figures |= totals
    outcome.findings += known.magnitude_compared(source, probe, totals)


def _both_flows(visit: Visit, documents: tuple[RawDocument, ...]) -> Callable[[Outcome], None]:
    def step(outcome: Outcome) -> None:
        found = trade_api.parse("atp_trade_monthly", documents, None)
        outcome.read.append(f"both flows end in {found.vintage}")

    return step


def lists(visit: Visit) -> None:
    """Ask for the newest list of each flow whose address the settings have."""
    (probe,) = drift.expectation(visit.source).probes
    addresses = dict(drift._addresses(visit.settings, probe, visit.now))

    def no_address(outcome: Outcome) -> None:
        raise NoAddressError(visit.source)

    for flow in sorted({*FLOWS} - {role.partition("/")[0] for role in addresses}):
        visit.probe(f"list of {flow}", no_address)
    for role, urls in addresses.items():

        def step(outcome: Outcome, role: str = role, urls: Sequence[str] = urls) -> None:
            document = _newest_list(visit, role, urls)
            _list_compared(visit, outcome, role.partition("/")[0], document)

        visit.probe(f"list {role}", step)


def _newest_list(visit: Visit, role: str, urls: Sequence[str]) -> RawDocument:
    """Ask for lists, newest first, until one is there."""
    session = visit.session()
    for url in urls[:-1]:
        try:
            return session.get(role, url, suffix=".txt")
        except StatusError as e:
            if e.status != 404:
                raise
    return session.get(role, urls[-1], suffix=".txt")


def _list_compared(visit: Visit, outcome: Outcome, flow: str, document: RawDocument) -> None:
    codes = atp_list_parse.read_list(visit.source, document)
    before = known.bundled("atp_products", "lists", "atp_lists_bundled").filter(pl.col("flow") == flow)
    before = before.filter(pl.col("list_month") == pl.col("list_month").max())
    same, every = set(codes["hs10"]) & set(before["hs10"]), set(codes["hs10"]) | set(before["hs10"])
    told = f"{plural(codes.height, 'code')}, {len(same):,} of them in the newest bundled list of {flow}"
    outcome.read.append(f"{told}, at {document.url.rpartition('/')[2]}")
    # Right pairs of lists share 0.56 of all their codes or more, across a revision of the Harmonized System too; lists
    # of exchanged flows 0.45 or less.
    if len(same) / len(every) < 0.5:
        text = f"It shares {len(same):,} of {plural(len(every), 'code')} with our list of {flow}: is it of that flow?"
        outcome.findings.append(Finding(visit.source, outcome.probe, "look at", text))
