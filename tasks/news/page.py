"""``news/<version>.html``: what happened to a version, as a page that a browser shows straight from the store.

Derived, like the feed that links to it: written when there is news of the version, made again by the nightly upkeep
where it is lost. No scripts, nothing loaded from elsewhere; the template engine and the Markdown renderer (without
HTML, links and images) escape whatever publishers and people wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Template
from markdown_it import MarkdownIt
from markupsafe import Markup

from configs.contract import Contract
from tasks.common.html_templates import html_environment
from tasks.compare.report import PAGE as CHANGES
from tasks.news.events import ChangesGoneError, News, sealed
from tasks.news.held import EVENTS as HELD
from tasks.storage.documents import write_derived
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.records import Manifest

TEMPLATES = Path(__file__).parent / "templates"
# Beside the page, for who wants more than it shows.
LINKED = (CHANGES, "changes.parquet", "quality.parquet")


def write(store: ObjectStore, contract: Contract, news: Sequence[News], refreshed: Sequence[tuple[str, str]]) -> bool:
    """Write the page of a version; whether it could be written.

    Args:
        news: of the version, newest first; at least one.
        refreshed: name and version of the histories and marts that were refreshed with it.
    """
    manifest = next((n.told for n in news if n.told), None)
    body = render(contract, news, refreshed, _changes(store, manifest), manifest)
    return write_derived(store, layout.news(contract.name, news[0].event.version), lambda _: body)


def render(
    contract: Contract,
    news: Sequence[News],
    refreshed: Sequence[tuple[str, str]],
    changes: str,
    manifest: Manifest | None,
) -> bytes:
    """Return the page. ``changes``: the text of ``changes.md``; empty where there is none."""
    files = {f.path for f in manifest.files} if manifest else set()
    text = _template().render(
        contract=contract,
        news=news,
        version=news[0].event.version,
        refreshed=refreshed,
        changes=as_html(changes),
        linked=[path for path in LINKED if path in files],
        is_public=any(n.event.event not in HELD for n in news),
    )
    return text.encode()


def as_html(markdown: str) -> Markup:
    """Return ``changes.md`` as HTML, without its title, which the page has already."""
    title, _, rest = markdown.partition("\n")
    renderer = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table")
    renderer.disable(["autolink", "image", "link"])
    return Markup(renderer.render(rest if title.startswith("# ") else markdown))


@cache
def _template() -> Template:
    return html_environment(TEMPLATES).get_template("news.html.j2")


def _changes(store: ObjectStore, manifest: Manifest | None) -> str:
    """The text of ``changes.md``, as it was sealed."""
    if manifest is None:
        return ""
    try:
        return (sealed(store, manifest, CHANGES) or b"").decode()
    except (ChangesGoneError, UnicodeDecodeError):
        return ""  # the upkeep may have deleted it; the largest changes stand on the page then
