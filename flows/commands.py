"""``techtrade publish``: runs the flow for each dataset and reports."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from configs.contract import dataset_names, load_contract
from configs.errors import TechtradeError
from flows.output import one_line, print_json, progress, remark
from tasks.pipeline import Outcome, Published, RejectedError

WORST_FIRST = (1, 2, 3, 0)


def publish_datasets(names: tuple[str, ...], source: str, vintage: str | None, store: str | None, as_json: bool) -> int:
    """Publishes each dataset and prints a line, or with ``--json`` an object, for each.

    Returns:
        The exit code: 0 when all were published or had nothing new, else the worst, 1 before 3.
    """
    chosen = list(names) or dataset_names()
    for name in chosen:
        load_contract(name)  # a wrong name is told before any work is done
    with progress("starting Prefect (an embedded server takes 10 to 30 s, unless PREFECT_API_URL is set)"):
        from flows.publish import publish

        results = [(name, _attempt(publish, name, source, vintage, store)) for name in chosen]
    if as_json:
        print_json([_as_json(name, result) for name, result in results])
    for name, result in results:
        _say(name, result, as_json)
    codes = {result.exit_code if isinstance(result, TechtradeError) else 0 for _, result in results}
    return next(code for code in WORST_FIRST if code in codes)


def _attempt(flow: Any, name: str, source: str, vintage: str | None, store: str | None) -> Outcome | TechtradeError:
    try:
        outcome: Outcome = flow(dataset=name, source=source, vintage=vintage, store=store)
    except TechtradeError as e:
        return e
    return outcome


def _say(name: str, result: Outcome | TechtradeError, as_json: bool) -> None:
    from flows.report import outcome_line

    if isinstance(result, TechtradeError):
        remark(f"error: {one_line(result)}")
        if isinstance(result, RejectedError):
            for failure in result.failures:
                remark(f"  - {failure}")
    elif not as_json:
        print(outcome_line(result))
        for warning in result.warnings if isinstance(result, Published) else ():
            print(f"  warning: {warning}")


def _as_json(name: str, result: Outcome | TechtradeError) -> dict[str, Any]:
    if isinstance(result, RejectedError):
        extra: dict[str, Any] = {"version": result.version, "failures": result.failures}
        return {
            "dataset": name,
            "outcome": "rejected",
            "exit_code": result.exit_code,
            "error": one_line(result),
        } | extra
    if isinstance(result, TechtradeError):
        kind = type(result).__name__
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
    }


def asdict_plain(outcome: Published) -> dict[str, Any]:
    """The outcome as plain JSON values."""
    plain = asdict(outcome)
    return plain | {"changes": outcome.changes.model_dump(), "quality": outcome.quality.model_dump()}
