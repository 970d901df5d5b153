"""How runs ended, for a person and as JSON, and the exit code that comes of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from configs.errors import TechtradeError
from flows.cli.output import show_traceback
from flows.prefect_setup.remarks import remark
from flows.prefect_setup.run_flow import UnforeseenError
from tasks.common.text import one_line
from tasks.publish.wording import outcome_line
from tasks.warehouse.outcomes import Followed, HeldError, Outcome, Published, RejectedError

WORST_FIRST = (1, 2, 3, 0)


@dataclass(frozen=True)
class LeftOut:
    """A dataset that was not named and is not published: it is large, lacks its key, or has nothing bundled."""

    dataset: str
    why: str


Result = Outcome | LeftOut | TechtradeError


def exit_codes(result: Result) -> list[int]:
    """Of a result, and of what is made from it."""
    if isinstance(result, TechtradeError):
        return [result.exit_code]
    return [0, *(f.exit_code for f in result.followed)] if not isinstance(result, LeftOut) else [0]


def worst(codes: list[int]) -> int:
    return next(code for code in WORST_FIRST if code in codes)


def say(name: str, result: Result, as_json: bool) -> None:
    """A line, or some, for a person; with ``as_json`` only what is wrong."""
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
        return {
            "dataset": name,
            "outcome": "held" if isinstance(result, HeldError) else "rejected",
            "exit_code": result.exit_code,
            "error": one_line(result),
            "version": result.version,
            "diagnosis": result.diagnosis,
            "failures": result.failures,
        }
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
    return asdict(outcome) | {"changes": outcome.changes.model_dump(), "quality": outcome.quality.model_dump()}
