"""``make run``: what the product is, shown on real figures.

Publishes every bundled vintage of every dataset in order, so that real revisions are there to be seen; then
prints the versions, what one figure was and when it changed, five claims from the press held against the data, and
three snippets to read the result.
Run again, it finds nothing new.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from configs.claims import load_claims
from configs.contract import load_contract
from configs.errors import TechtradeError
from configs.settings import load_settings
from flows import embedded, stopping
from flows.commands import STARTING
from flows.history_commands import spans
from flows.output import one_line, progress, table
from flows.runtime import prepare
from tasks.claims import judge_claim
from tasks.extract.bundled import bundled_datasets, bundled_vintages
from tasks.quality.report import failures_of
from tasks.store import reader
from tasks.store import versions as store_versions
from tasks.store.objects import ObjectStore
from tasks.store.open import open_store

FIGURE = ("ip_trade_annual", "economy_code=USA", "year=2020", "measure=receipts_usd")
SNIPPETS = Path(__file__).parent.parent / "docs" / "snippets"


def main() -> int:
    """Returns the exit code."""
    prepare()
    url = load_settings().store
    try:
        done = publish_all(url)
        store = open_store(url)
        print(f"\n{done.words(url)}")
        for name in bundled_datasets():
            print_versions(store, name)
        print_history(store)
        print_claims(store)
    except TechtradeError as e:
        print(f"error: {one_line(e)}", file=sys.stderr)
        return e.exit_code
    print_snippets(url)
    return 0


@dataclass(frozen=True)
class Done:
    """How many bundled vintages were published now, were there already, and came after a newer one."""

    published: int = 0
    there: int = 0
    superseded: int = 0

    def words(self, url: str) -> str:
        """What became of them, without a word that is not so."""
        there = f"{self.there} {'was' if self.there == 1 else 'were'} there already"
        older = f"{self.superseded} {'is' if self.superseded == 1 else 'are'} older than what is published"
        rest = ", ".join(words for number, words in ((self.there, there), (self.superseded, older)) if number)
        if self.published:
            versions = "version" if self.published == 1 else "versions"
            others = f"; of the other bundled vintages, {rest}" if rest else ""
            return f"{self.published} {versions} published into {url}{others}."
        written = "no version was written" if self.superseded else "only status.json was written"
        return f"Nothing is new in {url}: of the bundled vintages, {rest or 'there is none'}; {written}."


def publish_all(url: str) -> Done:
    """Publishes the bundled vintages, oldest first."""
    ended: list[str] = []
    names = bundled_datasets()
    with progress(STARTING, terse=True) as say, embedded.server(say) as wait_for_server:
        from flows import alerting
        from flows.publish import publish
        from flows.running import run
        from tasks.runs import Published

        wait_for_server()
        with alerting.collected(url):
            for number, name in enumerate(names, start=1):
                vintages = bundled_vintages(name)
                say(f"{name} ({number} of {len(names)}): {len(vintages)} vintages, with its history and dependents")
                for vintage in vintages:
                    outcome = run(publish, dataset=name, source="snapshot", vintage=vintage, store=url)
                    ended.append("published" if isinstance(outcome, Published) else outcome.why)
    return Done(ended.count("published"), ended.count("unchanged"), ended.count("superseded"))


def print_versions(store: ObjectStore, name: str) -> None:
    """The versions of one dataset with vintage, rows, changes and quality."""
    print(f"\n{name}: {load_contract(name).title}\n")
    rows: list[tuple[str, ...]] = []
    for listed in reader.list_versions(store, name):
        m = listed.manifest
        if m is None:
            rows.append((listed.version, listed.state, "", "", "", "", "", ""))
            continue
        rows.append(
            (
                m.version,
                m.vintage,
                f"{m.rows:,}",
                f"{m.changes.rows.get('new', 0):,}",
                f"{m.changes.rows.get('revised', 0):,}",
                f"{m.changes.cells.get('revised', 0):,}",
                f"{m.changes.rows.get('removed', 0):,}",
                f"{m.quality.passed} passed"
                + (f", {m.quality.failed_warning} warned" if m.quality.failed_warning else "")
                + (f", {m.quality.not_applicable} n/a" if m.quality.not_applicable else ""),
            )
        )
    columns = ("version", "vintage", "rows", "new rows", "revised rows", "revised cells", "removed rows", "quality")
    table(columns, rows, right=columns[2:7])
    for listed in reader.list_versions(store, name):
        if listed.manifest and listed.manifest.quality.failed_warning:
            for words in failures_of(reader.quality(store, listed.manifest)):
                print(f"\n{listed.version} warns: {words}")


def print_history(store: ObjectStore) -> None:
    """One figure that was revised twice."""
    name = FIGURE[0]
    if store_versions.read_latest(store, f"{name}_history")[0] is None:  # not, where following is switched off
        return
    print(f"\nWhat one figure was, when it changed, and why: techtrade history {' '.join(FIGURE)}\n")
    spans(name, FIGURE[1:], store.url, as_json=False)


def print_claims(store: ObjectStore) -> None:
    """Each claim, the data's figure with its vintage, and the verdict."""
    print("\nFive claims from the press, held against the data (billions of US dollars)\n")
    rows = []
    for claim in load_claims():
        manifest = reader.resolve(store, claim.dataset).manifest
        finding = judge_claim(claim, reader.scan(store, manifest), manifest.vintage)
        figure = "-" if finding.figure_usd is None else f"{finding.figure_usd / 1e9:,.3f}"
        rows.append(
            (claim.statement, f"{claim.claimed_usd / 1e9:,.1f}", figure, finding.vintage or "-", finding.verdict)
        )
    table(("claim", "claimed", "data", "vintage", "verdict"), rows, right=("claimed", "data"))


def print_snippets(url: str) -> None:
    """The three ways to read the result, ready to paste into `.venv/bin/python` from this folder."""
    if url.startswith("s3://"):
        print("\nRead it: see 'Reading from S3' in README.md\n")
        return
    print("\nRead it (paste into .venv/bin/python, started in this folder)")
    for snippet in sorted(SNIPPETS.glob("*.py")):
        title, _, code = snippet.read_text(encoding="utf-8").partition("\n")
        print(f"\n{title}\n{code.replace('warehouse/', url.rstrip('/') + '/').strip()}")
    print()


if __name__ == "__main__":
    with stopping.stoppable():
        code = main()
    sys.exit(code)
