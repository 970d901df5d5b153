"""``techtrade publish``: runs the flow for each dataset and reports."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import Any

from configs.contracts import dataset_names, load_contract
from configs.errors import (
    KeyStoreError,
    MissingKeyError,
    NoAddressError,
    NotBundledError,
    TechtradeError,
    UsageError,
)
from configs.first_publish import again, start_words
from configs.settings import has_settings, require_access, source_settings
from flows.cli.output import one_line, print_json, progress, remark, show_traceback
from flows.prefect_setup import embedded, secrets
from flows.prefect_setup.defaults import refuse_unknown_sources
from flows.prefect_setup.run_flow import UnforeseenError, could_not_begin, run
from tasks.build.request import Request, SourceKind
from tasks.warehouse.outcomes import Followed, Outcome, Published, RejectedError

log = logging.getLogger("techtrade")
STARTING = "starting Prefect's server and loading the checks (about 10 s; set PREFECT_API_URL to use a running server)"
WORST_FIRST = (1, 2, 3, 0)


@dataclass(frozen=True)
class LeftOut:
    """A dataset that was not named and is not published: it is large, lacks its key, or has nothing bundled."""

    dataset: str
    why: str


Result = Outcome | LeftOut | TechtradeError


def publish_datasets(
    names: tuple[str, ...], source: str, vintage: str | None, refresh: str, store: str | None, as_json: bool
) -> int:
    """Publishes each dataset and prints a line, or with ``--json`` an object, for each.

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
        with alert_hooks.collected(store):
            for name in chosen:
                missing, why = lacking[name], "" if names else why_left_out(name, kind, lacking[name])
                if why:
                    results.append((name, LeftOut(name, why)))
                elif missing is None and no_server:
                    results.append((name, could_not_begin(name, store, no_server)))
                elif missing is None:
                    given = {"source": kind, "vintage": vintage, "refresh": refresh}
                    results.append((name, attempt(publish, name, store, **given)))
                else:
                    alert_hooks.failed(store, name, missing)
                    results.append((name, missing))
    if as_json:
        print_json([as_plain(name, result) for name, result in results])
    for name, result in results:
        say(name, result, as_json)
    return worst([code for _, result in results for code in exit_codes(result)])


def exit_codes(result: Result) -> list[int]:
    """Of a result, and of what is made from it."""
    if isinstance(result, TechtradeError):
        return [result.exit_code]
    return [0, *(f.exit_code for f in result.followed)] if not isinstance(result, LeftOut) else [0]


def worst(codes: list[int]) -> int:
    return next(code for code in WORST_FIRST if code in codes)


def what_is_missing(name: str, kind: SourceKind) -> TechtradeError | None:
    """Return what keeps this kind of source from giving the dataset: no key, no address, nothing bundled."""
    try:
        require_access(Request(load_contract(name), kind).source, secrets.look_up)
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
    heavy = source_settings(source).only_by_name if has_settings(source) else ""
    if heavy:
        return f"{heavy}; to get it, name it: {again(name)}"
    return one_line(missing) if missing else ""


def attempt(flow: Any, name: str, store: str | None, **given: Any) -> Outcome | TechtradeError:
    """How the run of a flow for one dataset ended."""
    try:
        return run(flow, dataset=name, store=store, **given)
    except TechtradeError as e:
        return e


def say(name: str, result: Result, as_json: bool) -> None:
    """A line, or some, for a person; with ``as_json`` only what is wrong."""
    from flows.cli.wording import outcome_line

    if isinstance(result, LeftOut):
        remark(f"{name}: left out: {result.why}")
    elif isinstance(result, TechtradeError):
        remark(f"error: {one_line(result)}")
        show_traceback(result)
        if isinstance(result, RejectedError):
            for failure in result.unsaid:
                remark(f"  - {failure}")
    elif not as_json:
        print(outcome_line(result))
        for warning in result.warnings if isinstance(result, Published) else ():
            print(f"  warning: {warning}")
    if not isinstance(result, LeftOut | TechtradeError):
        say_followed(result.followed, as_json)


def say_followed(followed: tuple[Followed, ...], as_json: bool) -> None:
    """A line for each that was made from a dataset, or could not be."""
    for one in followed:
        if one.exit_code:
            remark(f"error: {one.dataset} does not follow: {one.detail}")
        elif one.outcome == "left":
            remark(f"{one.dataset} {one.detail}")
        elif one.outcome == "published" and not as_json:
            print(f"  {one.dataset} {one.detail}")


def as_plain(name: str, result: Result) -> dict[str, Any]:
    """The same as JSON."""
    if isinstance(result, LeftOut):
        return {"dataset": name, "outcome": "left out", "exit_code": 0, "detail": result.why}
    if isinstance(result, RejectedError):
        extra: dict[str, Any] = {
            "version": result.version,
            "diagnosis": result.diagnosis,
            "failures": result.failures,
        }
        return {
            "dataset": name,
            "outcome": "rejected",
            "exit_code": result.exit_code,
            "error": one_line(result),
        } | extra
    if isinstance(result, TechtradeError):
        kind = result.kind if isinstance(result, UnforeseenError) else type(result).__name__
        return {
            "dataset": name,
            "outcome": "failed",
            "exit_code": result.exit_code,
            "error": one_line(result),
            "kind": kind,
        }
    if isinstance(result, Published):
        plain = {k: v for k, v in asdict_plain(result).items() if k != "dataset"}
        return {"dataset": name, "outcome": "published", "exit_code": 0} | plain
    return {"dataset": name, "outcome": result.why, "exit_code": 0} | {
        "version": result.version,
        "vintage": result.vintage,
        "detail": result.detail,
        "followed": [asdict(f) for f in result.followed],
    }


def asdict_plain(outcome: Published) -> dict[str, Any]:
    """The outcome as plain JSON values."""
    plain = asdict(outcome)
    return plain | {"changes": outcome.changes.model_dump(), "quality": outcome.quality.model_dump()}
