"""The bundled lists of advanced technology products as a source, without network or key.

A vintage holds the lists up to its month, so that the lists can be replayed in the order in which they came into
force. Its documents do not change when a later list is added to the folder.
"""

from __future__ import annotations

from collections.abc import Sequence

from configs.bundled_lists import content, list_files
from configs.contracts import load_contract
from configs.errors import VintageUnavailableError
from tasks.extract.census import atp_list_parse
from tasks.extract.source import Extraction, FetchRequest
from tasks.raw.documents import Archive, RawDocument

SOURCE = "atp_lists_bundled"


def vintages(dataset: str) -> Sequence[str]:
    """The months of the bundled lists, oldest first."""
    return sorted({month for _, month, _ in list_files()})


def fetch(ask: FetchRequest, archive: Archive) -> tuple[RawDocument, ...]:
    """Archives the lists up to the vintage.

    Raises:
        VintageUnavailableError: no list of that month is bundled.
    """
    have = vintages(ask.dataset)
    if not have or (ask.vintage is not None and ask.vintage not in have):
        asked = f"vintage {ask.vintage}" if ask.vintage else "vintage"
        raise VintageUnavailableError(
            SOURCE, f"{ask.dataset} has no bundled {asked}; there are: {', '.join(have) or 'none'}"
        )
    newest = ask.vintage or have[-1]
    return tuple(
        archive.keep(SOURCE, f"{flow}/{month}", f"configs/snapshot/atp_products/{path.name}", content(path), ".csv")
        for flow, month, path in list_files()
        if month <= newest
    )


def parse(dataset: str, documents: tuple[RawDocument, ...], vintage: str | None) -> Extraction:
    """Reads archived lists into the table ``lists`` that the live source gives.

    Raises:
        SourceError: a file is not of the form it should be.
    """
    contract = load_contract(dataset)
    lists = atp_list_parse.lists(SOURCE, documents)
    return Extraction(
        source=SOURCE,
        dataset=dataset,
        vintage=atp_list_parse.newest(lists),
        documents=documents,
        tables={"lists": lists.lazy()},
        licence=contract.licence,
        citation=contract.citation,
        vintage_may_go_back=True,
    )
