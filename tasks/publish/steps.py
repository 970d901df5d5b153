"""The steps of a run, each with one typed value in and one out. ``run.py`` says in which order they are taken, and
a flow makes tasks of them. How a run can end is in ``tasks.warehouse.outcomes``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import polars as pl

from configs.breaks import load_breaks
from configs.contract import Contract
from configs.errors import NotPublishedError, ObjectNotFoundError, VintageRegressedError
from configs.history_contract import SUFFIX
from configs.settings import Keys, from_environment, has_settings
from expectations.check import GateInput, Other
from tasks.build.recipe import IN_PROCESS, Recipe, StepRunner
from tasks.build.request import Fetched, Request
from tasks.common.clock import stamp, utc_now
from tasks.common.stages import in_stage
from tasks.common.text import one_line
from tasks.extract import partners
from tasks.extract.source import Extraction, FetchRequest, Meter
from tasks.publish import caveats, compatibility, held
from tasks.publish.checked import Checked
from tasks.publish.held import table_of
from tasks.publish.manifest import code_version, inputs_sha256, manifest_of
from tasks.publish.staged import open_staged, parquet_bytes, stage_page
from tasks.quality.cells import confirmations, held_frame
from tasks.quality.gate import run_gate
from tasks.quality.results import GateResult, failures_of, read_results
from tasks.raw.archive import RawArchive
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import clock_check, layout, protocol, reader
from tasks.warehouse.candidate import Built
from tasks.warehouse.integrity import confirm
from tasks.warehouse.outcomes import HeldError, Published, RejectedError, Skipped
from tasks.warehouse.protocol import Draft, Head, Sealed
from tasks.warehouse.records import Manifest

log = logging.getLogger("techtrade")

# ------------------------------------------------------------------------ steps


@in_stage("extract")
def fetch(
    request: Request,
    recipe: Recipe,
    head: Head,
    archive: RawArchive,
    meter: Meter | None = None,
    keys: Keys = from_environment,
) -> Fetched:
    """Get and archive what the request asks for, and what its columns refer to. ``meter`` is counted up, also if it
    fails.

    Raises:
        BreakingChangeError: the contract breaks readers of what is published; nothing is asked for.
        WrongClockError: the clock, or the log, is of the future; nothing is asked for.
        SourceError: the publisher gives nothing that can be used.
        MissingInputError: a dataset that it is made from is not published.
    """
    compatibility.require_compatible(head, request.contract)
    clock_check.believed(archive.store, head.dataset, head.latest, utc_now())
    manifest = head.manifest
    ask = FetchRequest(
        dataset=request.contract.name,
        vintage=request.vintage,
        refresh=request.refresh,
        months=request.months,
        known=archive.known(manifest) if manifest else {},
        known_vintage=manifest.vintage if manifest else None,
        meter=meter or Meter(),
        keys=keys,
        published=lambda dataset, path: _published_file(archive.store, dataset, path),
    )
    return Fetched(request.source, recipe.inputs(archive, request, ask), ask.meter, ask.unavailable)


@in_stage("parse")
def parse(store: ObjectStore, request: Request, recipe: Recipe, fetched: Fetched) -> Extraction:
    """Parse what was fetched."""
    return recipe.parse(store, fetched, request.vintage)


@in_stage("transform")
def build(
    store: ObjectStore,
    recipe: Recipe,
    extraction: Extraction,
    parent: Manifest | None,
    folder: Path,
    runner: StepRunner = IN_PROCESS,
) -> tuple[Extraction, Built]:
    """Write the data files of a candidate."""
    return recipe.build(store, extraction, parent, folder, runner)


def same_input(head: Head, request: Request, fetched: Fetched) -> Skipped | None:
    """Whether these very bytes were published already, from ``latest.json`` alone: nothing has to be parsed then.

    For a publisher that can only be what readers get *now*: the bytes of an earlier version mean that it went back to
    them, which is a fault or news, never nothing. Bundled vintages are replayed in order, so any will do.
    """
    latest, manifest = head.latest, head.manifest
    if latest is None or manifest is None:
        return None
    contract, inputs = request.contract, inputs_sha256(request.contract, fetched.documents)
    for entry in reversed(latest.published):
        same = entry.inputs_sha256 == inputs and entry.version not in latest.yanked
        replayed = request.kind == "snapshot" and entry.vintage < manifest.vintage
        if same and (entry.version == latest.version or replayed) and request.vintage in (None, entry.vintage):
            told = f"the same input was published as {entry.version}"
            return Skipped(contract.name, entry.version, entry.vintage, "unchanged", told)
    return None


def older_vintage(head: Head, recipe: Recipe, extraction: Extraction) -> Skipped | None:
    """Whether a newer vintage is published already; or the same, from the publisher itself, which bundled figures
    never replace.

    Raises:
        VintageRegressedError: a live publisher gives an older state than the one published.
    """
    latest, name = head.latest, recipe.contract.name
    if latest is None or head.manifest is None or recipe.goes_back:
        return None
    published = head.manifest.vintage
    from_here = {s.source for s in head.manifest.sources if s.role != partners.ROLE} <= {extraction.source}
    if extraction.vintage > published or (
        extraction.vintage == published and (from_here or not extraction.vintage_may_go_back)
    ):
        return None
    if not extraction.vintage_may_go_back:
        raise VintageRegressedError(
            extraction.source,
            f"gives vintage {extraction.vintage}, older than {published} which is published as "
            f"{name}@{latest.version}; nothing was published. Check the address of the source; "
            f"if the published version is wrong, yank it first",
            raw_keys=tuple(d.raw_key for d in extraction.documents),
        )
    detail = f"vintage {published} is published as {latest.version}"
    return Skipped(name, latest.version, extraction.vintage, "superseded", detail)


def nothing_new(head: Head, request: Request, recipe: Recipe, extraction: Extraction) -> Skipped | None:
    """Whether the log already answers this extraction: the same input, or a newer vintage."""
    fetched = Fetched(extraction.source, extraction.documents, extraction.meter)
    return same_input(head, request, fetched) or older_vintage(head, recipe, extraction)


def same_content(head: Head, built: Built, vintage: str) -> Skipped | None:
    """Whether the candidate says what the current version says, in figures and in contract."""
    now = head.manifest
    if now is None or (now.content_sha256, now.contract_sha256) != (built.content_sha256, built.contract_sha256):
        return None
    return Skipped(now.dataset, now.version, vintage, "unchanged", f"the content equals that of {now.version}")


@in_stage("stage")
def stage(store: ObjectStore, head: Head, built: Built) -> Draft:
    """Claims a version and stages the data under it."""
    return protocol.stage_data(store, protocol.claim(store, head), built)


@in_stage("check")
def check(
    store: ObjectStore,
    request: Request,
    recipe: Recipe,
    extraction: Extraction,
    built: Built,
    draft: Draft,
) -> Checked:
    """Computes the changes against the parent and judges what was staged, read back from the store.

    Raises:
        CheckCouldNotRunError: a check raised; the run fails, nothing is rejected and nothing passes.
        CorruptVersionError: the store does not hold what was staged.
    """
    contract, head = request.contract, draft.head
    confirm(store, draft)
    made_from = recipe.input_versions(extraction.documents)
    with open_staged(store, recipe, draft, {d.role: d for d in extraction.documents}) as staged:
        report = run_gate(
            GateInput(
                contract=contract,
                data=staged.data,
                staged_schemas=staged.schemas,
                parent=staged.parent,
                in_memory=staged.in_memory,
                tables=recipe.tables_to_check(extraction, staged.partitions),
                unavailable=extraction.unavailable,
                before=_outcomes(store, head.manifest),
                vintage=extraction.vintage,
                asked_vintage=request.vintage,
                parent_vintage=head.manifest.vintage if head.manifest else None,
                yanked_contents=yanked_contents(head),
                content_sha256=built.content_sha256,
                live=request.kind == "live" and has_settings(request.source),
                others=other_of(store, made_from),
                breaks=load_breaks(contract.name),
                breaks_seen=head.manifest.breaks_seen if head.manifest else (),
                **held.known_to_gate(store, head),
            )
        )
        draft = staged.draft
        if recipe.has_own_changes:
            draft = stage_page(store, contract, draft, extraction.vintage, staged.counts, (staged.data, staged.parent))
    draft = protocol.stage_bytes(store, draft, "quality.parquet", parquet_bytes(report.frame()))
    draft = protocol.stage_bytes(store, draft, "quality_gx.json", report.gx_json)
    for path, table in _of_holds(store, head, report).items():
        draft = protocol.stage_bytes(store, draft, path, parquet_bytes(table))
    draft = protocol.stage_bytes(store, draft, "notes.parquet", parquet_bytes(caveats.frame(contract)))
    for path, frame in recipe.companions(extraction, lambda path: table_of(store, head.manifest, path)).items():
        draft = protocol.stage_bytes(store, draft, path, parquet_bytes(frame))
    return Checked(draft, built, extraction, staged.counts, report)


@in_stage("publish")
def seal(store: ObjectStore, contract: Contract, checked: Checked) -> Sealed:
    """Writes the manifest: passed or rejected, by the report."""
    return protocol.seal(store, checked.draft, manifest_of(contract, checked))


@in_stage("publish")
def publish(store: ObjectStore, sealed: Sealed, report: GateResult) -> Published:
    """Shows a passed version to readers.

    Raises:
        RejectedError: the version was rejected; nothing changes for readers.
        ConcurrentPublishError: another publisher was first.
    """
    manifest = sealed.manifest
    if manifest.status == "rejected":
        raise rejection(manifest, report.failures_by_severity(), sealed.head)
    return Published.of(protocol.swap(store, sealed).manifest, report.failures())


# ---------------------------------------------------------------------- details


def _of_holds(store: ObjectStore, head: Head, report: GateResult) -> dict[str, pl.DataFrame]:
    """What a held candidate is held for; else what was confirmed, now or before."""
    if report.held:
        return {held.HELD: held_frame(report.cells)}
    if report.rejected:
        return {}
    memory = confirmations(report.cells, table_of(store, head.manifest, held.CONFIRMATIONS), stamp(utc_now()))
    return {} if memory.is_empty() else {held.CONFIRMATIONS: memory}


def other_of(
    store: ObjectStore, made_from: Mapping[str, Manifest] = MappingProxyType({})
) -> Callable[[str], Other | None]:
    """How a gate gets other datasets. ``made_from``: the versions of them that the candidate was made from."""
    return lambda name: _other(store, name, made_from.get(name))


def _other(store: ObjectStore, dataset: str, made_from: Manifest | None) -> Other | None:
    """What readers get of another dataset, for checks across sources; None if nothing of it is published.

    Args:
        made_from: the version of it that the candidate was made from, whatever was published since.
    """
    try:
        latest, _ = protocol.read_latest(store, dataset)
        if latest is None:
            return None
        manifest = made_from or reader.resolve(store, dataset).manifest
        return Other(reader.scan(store, manifest), manifest.vintage, manifest.version)
    except reader.DAMAGED as e:
        if made_from or not dataset.endswith(SUFFIX):
            raise
        # A history follows and holds nothing up; that it cannot follow ends the run as failed.
        log.warning("%s is damaged, so that older states are not looked at: %s", dataset, one_line(e))
        return None


def _outcomes(store: ObjectStore, version: Manifest | None) -> dict[str, str]:
    """How each check ended on a version."""
    quality = table_of(store, version, "quality.parquet")
    return {} if quality is None else dict(quality.select("check_id", "outcome").iter_rows())


def _published_file(store: ObjectStore, dataset: str, path: str) -> tuple[str, bytes] | None:
    latest, _ = protocol.read_latest(store, dataset)
    if latest is None or not any(f.path == path for f in reader.resolve(store, dataset).manifest.files):
        return None
    key = layout.version(dataset, latest.version, path)
    return key, store.get(key).body


def yanked_contents(head: Head) -> dict[str, str]:
    """Content hash of each yanked version, with its name and the reason."""
    if head.latest is None:
        return {}
    reasons = {e.version: e.reason for e in head.latest.log if e.event == "yanked"}
    return {
        e.content_sha256: f"{e.version} ({reasons[e.version]})" for e in head.latest.published if e.version in reasons
    }


def rejected_before(
    store: ObjectStore, head: Head, contract: Contract, extraction: Extraction, rejected: str | None
) -> RejectedError | None:
    """The rejection of version ``rejected``, if it was of the same input, by the same code, against the same
    parent: a schedule that meets the same bad input every hour must not leave a rejected version every hour."""
    if rejected is None or (head.latest and rejected in head.latest.retired_versions):
        return None  # without its data nobody could promote it: it is judged again
    try:
        manifest = protocol.read_manifest(store, contract.name, rejected)
        evidence = read_results(store, manifest)
    except (NotPublishedError, ObjectNotFoundError):
        return None
    parent = head.latest.version if head.latest else None
    same = (manifest.status, manifest.inputs_sha256, manifest.code_version, manifest.parent)
    if same != ("rejected", inputs_sha256(contract, extraction.documents), code_version(), parent):
        return None
    if manifest.held and held.is_closed(store, head, manifest):
        return None  # neither a second source nor a person could publish it: it would be called held for ever
    seen = evidence.filter(pl.col("check_id") == "yanked_content", outcome="failed")
    if manifest.content_sha256 in yanked_contents(head) and seen.is_empty():
        return None  # yanked since: nobody could promote it before the gate has said so
    today = stamp(utc_now())[:10]
    if any(manifest.created_at[:10] < b.since.isoformat() <= today for b in load_breaks(contract.name)):
        return None  # a break is expected by now that was not then
    return rejection(manifest, failures_of(evidence), head)


def rejection(m: Manifest, failures: list[str], head: Head) -> RejectedError:
    """The rejection of a version, and what readers get instead."""
    kind = HeldError if m.held else RejectedError
    return kind(m.dataset, m.version, failures, served(head), m.quality, m.diagnosis)


def served(head: Head) -> str | None:
    """What readers of latest get, as ``dataset@version``."""
    return f"{head.dataset}@{head.latest.version}" if head.latest else None
