"""``make run``: what the product is, shown on real figures within a minute's reading.

Publishes every bundled vintage of every dataset in order, so that real revisions are there to be seen. Then prints
what came out, two of the series as charts, the claims from the press beside the figures, and where to go next: full
tables are a command away. Run again, it finds nothing new.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from configs.claims import load_claims
from configs.contracts import derived_names, load_contract
from configs.errors import TechtradeError
from configs.hints import command
from configs.history_contract import SUFFIX
from configs.settings import load_settings
from configs.words import plural
from flows.cli.charts import by_year
from flows.cli.claims import in_every_vintage
from flows.cli.output import progress, say, table
from flows.cli.publish import STARTING
from flows.cli.tables import width
from flows.prefect_setup import embedded, stopping
from tasks.common.text import one_line
from tasks.compare.press_claims import ClaimVerdict, unit_words
from tasks.extract.bundled.index import bundled_datasets, bundled_vintages
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import protocol as store_versions
from tasks.warehouse import reader

# The workbook begins then; both charts have the same years.
FIRST_YEAR = 1989
COMMAND = ".venv/bin/techtrade"
NEXT = (
    ("versions ip_trade_annual --wide", "changes and checks"),
    ("history ip_trade_annual economy_code=USA year=2020", "what a figure was, when it changed, and why"),
    ("claims", "the claims in every vintage"),
)


def main() -> int:
    """Returns the exit code."""
    url = load_settings().store
    try:
        done = publish_all(url)
        store = open_store(url)
        print(f"\n{done.words(url)}\n")
        print_all(store)
    except TechtradeError as e:
        print(f"error: {one_line(e)}", file=sys.stderr)
        return e.exit_code
    return 0


def print_all(store: ObjectStore) -> None:
    """Print what came out, the series, the claims, and where to go next."""
    print_datasets(store)
    print_charts(store)
    print_claims(store)
    print_next(store)


@dataclass(frozen=True)
class Done:
    """How many bundled vintages were published now, were there already, and came after a newer one."""

    published: int = 0
    there: int = 0
    superseded: int = 0

    def words(self, url: str) -> str:
        """What became of them, without a word that is not so."""
        there = plural(self.there, "was there already", "were there already")
        older = plural(self.superseded, "is older than what is published", "are older than what is published")
        rest = ", ".join(words for number, words in ((self.there, there), (self.superseded, older)) if number)
        if self.published:
            others = f"; of the other bundled vintages, {rest}" if rest else ""
            return f"{plural(self.published, 'version')} published into {url}{others}."
        written = "no version was written" if self.superseded else "only status.json was written"
        return f"Nothing is new in {url}: of the bundled vintages, {rest or 'there is none'}; {written}."


def publish_all(url: str) -> Done:
    """Publishes the bundled vintages, oldest first."""
    ended: list[str] = []
    names = bundled_datasets()
    with progress(STARTING, terse=True) as step, embedded.server(step) as wait_for_server:
        from flows.prefect_setup import alert_hooks
        from flows.prefect_setup.run_flow import run
        from flows.publish import publish
        from tasks.warehouse.outcomes import Published

        if no_server := wait_for_server():
            raise no_server
        with alert_hooks.collected(url):
            for name in names:
                vintages = bundled_vintages(name)
                step(f"{name}: publishing {plural(len(vintages), 'vintage')}")
                outcomes = [run(publish, dataset=name, source="snapshot", vintage=v, store=url) for v in vintages]
                ended += ["published" if isinstance(o, Published) else o.why for o in outcomes]
    return Done(ended.count("published"), ended.count("unchanged"), ended.count("superseded"))


def print_datasets(store: ObjectStore) -> None:
    """Print a row a dataset: versions, newest period, vintage, revised figures, warnings; then what else was made."""
    rows, warned = [], ""
    for name in bundled_datasets():
        listed = [v.manifest for v in reader.list_versions(store, name) if v.manifest]
        newest = listed[-1]
        revised = sum(m.changes.cells.get("revised", 0) for m in listed)
        period = newest_period(store, name)
        warnings = sum(m.quality.failed_warning for m in listed)
        warned = f"{name}@{newest.version}" if newest.quality.failed_warning else warned
        rows.append((name, len(listed), period, newest.vintage, f"{newest.rows:,}", f"{revised:,}", warnings))
    columns = ("dataset", "versions", "newest", "vintage", "rows", "revised", "warned")
    table(columns, rows, right=("versions", "rows", "revised", "warned"))
    made = [n for n in derived_names() if _is_published(store, n)]
    histories = sum(_is_published(store, n + SUFFIX) for n in (*bundled_datasets(), *made))
    if histories or made:
        say(f"Made from them: {', '.join([*made, plural(histories, 'history', 'histories')])}.")
    if warned:
        say(f"Warnings, which do not block: {command('quality', warned, store=store.url)}")


def newest_period(store: ObjectStore, name: str) -> str:
    """Return the newest year or month of a dataset's figures; ``-`` for one without periods."""
    period = load_contract(name).period
    if period is None:
        return "-"
    newest = reader.scan(store, reader.resolve(store, name).manifest).select(pl.col(period).max()).collect().item()
    return str(newest)[: len("YYYY-MM")]


def _is_published(store: ObjectStore, name: str) -> bool:
    return store_versions.read_latest(store, name)[0] is not None


def print_charts(store: ObjectStore) -> None:
    """Print the balance in advanced technology products, its first deficit marked, and US receipts, by year."""
    atp = reader.scan(store, reader.resolve(store, "atp_world_monthly").manifest)
    by = atp.group_by(year=pl.col("period").dt.year()).agg(months=pl.len(), value=pl.col("balance_usd").sum() / 1e9)
    balance = _figures(by.filter(pl.col("months") == 12))
    deficits = [year for year, value in balance.items() if value < 0]
    ip = reader.scan(store, reader.resolve(store, "ip_trade_annual").manifest)
    usa = ip.filter(pl.col("economy_code") == "USA", pl.col("receipts_usd").is_not_null())
    receipts = _figures(usa.select("year", value=pl.col("receipts_usd") / 1e9))
    marks = {year: f"{year}: first deficit, {balance[year]:,.1f}" for year in deficits[:1]}
    for words, figures, marked in (
        ("US balance in advanced technology products", balance, marks),
        ("US receipts for the use of intellectual property", receipts, {}),
    ):
        if figures:
            last = max(figures)
            print(f"\n{words}, billion $ a year; {last}: {figures[last]:,.1f}")
            print("\n".join(by_year(figures, FIRST_YEAR, marked)))


def _figures(frame: pl.LazyFrame) -> dict[int, float]:
    return dict(frame.sort("year").select("year", "value").collect().iter_rows())


def print_claims(store: ObjectStore) -> None:
    """Print the verdict of each claim in the newest vintage, and in the newest one in which it held."""
    units = ", ".join(dict.fromkeys(unit_words(claim) for claim in load_claims()))
    print()
    say(f"Claims of the press, billion $; holds: the same when rounded to {units}")
    rows = [row for claim in load_claims() if (found := in_every_vintage(store, claim)) for row in _claim_rows(found)]
    columns = ("claim", "claimed", "figure", "vintage", "verdict")
    table(columns, rows, right=("claimed", "figure"), text={"claim": 24})


def _claim_rows(found: Sequence[ClaimVerdict]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield the newest verdict, an older one that held, the superlative, and what was claimed instead."""
    newest, claim = found[-1], found[-1].claim
    held = next((f for f in reversed(found) if f.verdict == "holds"), newest)
    for number, f in enumerate(dict.fromkeys((newest, held))):
        figure = "-" if f.figure_usd is None else f"{f.figure_usd / 1e9:,.3f}"
        words = f"holds within {unit_words(claim)}" if f.verdict == "within one" else f.verdict
        title, claimed = ("", "") if number else (claim.title, f"{claim.claimed_usd / 1e9:,.0f}")
        yield title, claimed, figure, f.vintage or "-", words
    if newest.record_words:
        yield f"- {claim.superlative} on record", "", "", newest.vintage or "-", newest.record_words
    if part := newest.mistaken_for:
        yield f"- {part[0]} alone", "", f"{part[1] / 1e9:,.3f}", newest.vintage or "-", ""


def print_next(store: ObjectStore) -> None:
    """Print three commands that work on the store as it is now, and where the snippets are."""
    print("\nNext:")
    told = [(command(*words.split(), store=store.url).removeprefix("techtrade "), why) for words, why in NEXT]
    limit = width()
    for arguments, words in told:
        line = f"  {COMMAND} {arguments}  # {words}"
        print(line if limit is None or len(line) <= limit else f"  # {words}\n  {COMMAND} {arguments}")
    say(f"In Python: docs/snippets has polars, DuckDB and pandas. All commands: {COMMAND} --help")


if __name__ == "__main__":
    with stopping.stoppable():
        code = main()
    sys.exit(code)
