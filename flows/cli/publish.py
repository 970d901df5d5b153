"""The commands that publish: ``publish``, ``backfill``, ``promote``.

What only runs need is imported while Prefect's server starts.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

from configs.contracts import dataset_names, load_contract
from configs.errors import KeyStoreError, MissingKeyError, NoAddressError, NotBundledError, TechtradeError, UsageError
from configs.first_publish import again, start_words
from configs.hints import command
from configs.months import Months
from configs.settings import has_settings, require_access, source_settings
from configs.words import plural
from flows.cli.output import print_json, progress
from flows.cli.results import LeftOut, Result, as_plain, exit_codes, say, say_followed, worst
from flows.cli.stores import open_at, open_to_write, split_target
from flows.prefect_setup import embedded, secrets
from flows.prefect_setup.remarks import remark
from flows.prefect_setup.run_flow import could_not_begin, run
from flows.run_context import refuse_unknown_sources
from tasks.build.request import Request, SourceKind
from tasks.common.clock import utc_now
from tasks.common.text import duration, one_line
from tasks.publish.wording import changes_words
from tasks.warehouse import records, yank
from tasks.warehouse.outcomes import Outcome
from tasks.warehouse.run_status import read_status

log = logging.getLogger("techtrade")
STARTING = "starting Prefect's server and loading the checks (about 10 s; set PREFECT_API_URL to use a running server)"


def publish_datasets(
    names: tuple[str, ...], source: str, vintage: str | None, refresh: str, url: str | None, as_json: bool
) -> int:
    """Publish each dataset, and print a line, or with ``--json`` an object, for each.

    What a dataset needs is looked at before anything is asked: a key, an address, bundled figures. A dataset that is
    named and lacks it fails, any other is left out with a line that says how to get it. So is one that is large
    (``only_by_name``).

    Returns:
        The exit code: 0 when all were published or had nothing new, else the worst, 1 before 3.
    """
    if vintage is not None and not names:
        raise UsageError("a vintage is of one dataset: name it, as in techtrade publish DATASET --vintage VINTAGE")
    chosen = list(names) or dataset_names()
    kind: SourceKind = "snapshot" if source == "snapshot" else "live"
    # A wrong name is refused before anything is started.
    refuse_unknown_sources()
    for name in chosen:
        load_contract(name)
    results: list[tuple[str, Result]] = []
    with progress(STARTING), embedded.server(log.info) as wait_for_server:
        from flows.prefect_setup import alert_hooks
        from flows.publish import publish

        lacking = {name: what_is_missing(name, kind) for name in chosen}
        no_server = wait_for_server()
        with alert_hooks.collected(url):
            for name in chosen:
                missing, why = lacking[name], "" if names else why_left_out(name, kind, lacking[name])
                if why:
                    results.append((name, LeftOut(name, why)))
                elif missing is None and no_server:
                    results.append((name, could_not_begin(name, url, no_server)))
                elif missing is None:
                    given = {"source": kind, "vintage": vintage, "refresh": refresh}
                    results.append((name, attempt(publish, name, url, **given)))
                else:
                    alert_hooks.failed(url, name, missing)
                    results.append((name, missing))
    if as_json:
        print_json([as_plain(name, result) for name, result in results])
    for name, result in results:
        say(name, result, as_json)
    return worst([code for _, result in results for code in exit_codes(result)])


def what_is_missing(name: str, kind: SourceKind) -> TechtradeError | None:
    """Return what keeps this kind of source from giving the dataset: no key, no address, nothing bundled."""
    try:
        require_access(Request(load_contract(name), kind).source, secrets.secret_value)
    except (MissingKeyError, NoAddressError, NotBundledError) as e:
        return e
    except KeyStoreError:
        return None  # the run will say so, as one that failed
    return None


def why_left_out(name: str, kind: SourceKind, missing: TechtradeError | None) -> str:
    """Return why a dataset that was not named is not published; empty if it is."""
    if isinstance(missing, NotBundledError):
        return f"nothing of it is bundled; {start_words(name)}"
    # Size before the key: who has no key for a large dataset may not want it at all.
    source = Request(load_contract(name), kind).source
    settings = source_settings(source) if has_settings(source) else None
    reason = settings.only_by_name if settings else ""
    if settings and settings.yearly and not settings.documents:
        reason = "new lists are added to those that are published"
    return f"{reason}; to get it, name it: {again(name)}" if reason else one_line(missing) if missing else ""


def attempt(flow: Any, name: str, store: str | None, **given: Any) -> Outcome | TechtradeError:
    """How the run of a flow for one dataset ended."""
    try:
        return run(flow, dataset=name, store=store, **given)
    except TechtradeError as e:
        return e


def backfill(name: str, first: str, last: str | None, dry_run: bool, url: str | None, as_json: bool) -> int:
    """Says what it will take, then runs the flow.

    Args:
        last: None for this month.
        dry_run: only say it.

    Returns:
        The exit code, as of ``publish``.
    """
    refuse_unknown_sources()
    last = last or f"{utc_now():%Y-%m}"
    request = Request(load_contract(name), "live", months=Months.of(first, last))
    with progress(f"{name}: looking at what it takes") as step:
        from flows.backfill import backfill as flow
        from flows.backfill import requests_of
        from flows.prefect_setup import alert_hooks

        requests = requests_of(request)
        estimate = _estimate(request, requests, url)
        remark(f"{name}: {request.months}: {estimate}")
        if dry_run:
            if as_json:
                print_json({"dataset": name, "first": first, "last": last, "requests": requests, "estimate": estimate})
            return 0
        step(STARTING)
        with embedded.server(step) as wait_for_server, alert_hooks.collected(url):
            no_server = wait_for_server()
            result: Outcome | TechtradeError | None = what_is_missing(name, "live")
            if isinstance(result, TechtradeError):
                alert_hooks.failed(url, name, result)
            elif no_server:
                result = could_not_begin(name, url, no_server)
            else:
                result = attempt(flow, name, url, first=first, last=last)
    if as_json:
        print_json(as_plain(name, result))
    say(name, result, as_json)
    return result.exit_code if isinstance(result, TechtradeError) else 0


def _estimate(request: Request, requests: int, url: str | None) -> str:
    """By what a request of the last run took; by the publisher's limit where that is not known."""
    told = f"{plural(requests, 'request')}, one at a time"
    status = read_status(open_to_write(url), request.contract.name)
    if status is not None and status.cost is not None and status.seconds and status.cost.requests:
        each = status.seconds / status.cost.requests
        return f"{told}; about {duration(each * requests)}, by the {each:.1f} s a request that the last run took"
    a_minute = source_settings(request.source).requests_per_minute
    if not a_minute:
        return told
    return f"{told}; at least {duration(requests * 60 / a_minute)}, by the publisher's limit of {a_minute} a minute"


def promote(target: str, reason: str, by: str, url: str | None, as_json: bool) -> None:
    """Publish what the gate rejected or holds, by decision of a person."""
    from flows.notices import NOTICES
    from flows.prefect_setup import alert_hooks
    from tasks.publish.after import after, promoted
    from tasks.publish.promote import promote as promote_

    name, version = split_target(target)
    if version is None:
        raise UsageError(f"name the rejected version to promote: {name}@VERSION; see: {command('versions', name)}")
    contract, store = load_contract(name), open_at(url)
    yank.write_missing_notes(store, name)
    done = promote_(store, contract, version, reason, by)
    manifest = done.manifest
    with alert_hooks.collected(store.url):
        followed = after(store, contract, promoted(name, version, manifest.version), NOTICES)
    if as_json:
        told = {"promoted": not done.before, "manifest": records.as_plain(manifest)}
        print_json(told | {"followed": [asdict(f) for f in followed]})
        say_followed(followed, as_json)
        return
    if done.before:
        remark(f"{name}@{version} was promoted before, as {manifest.version}; nothing was done")
        return
    quality = manifest.quality
    overridden = plural(quality.failed_critical + quality.failed_hold, "check")
    print(
        f"{name}@{manifest.version} published from {version}, by {by}: vintage {manifest.vintage}, {manifest.rows:,} "
        f"rows, {changes_words(manifest.changes)}; {overridden} overridden"
    )
    say_followed(followed, as_json)
