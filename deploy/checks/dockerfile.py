"""deploy/Dockerfile read as far as a check needs it: what is copied where, and how a container is started."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from deploy.checks.found import DEPLOY


@dataclass
class Stage:
    """One ``FROM``. ``copies``: source in the checkout and target in the image, in order. The rest is inherited."""

    base: str
    copies: list[tuple[str, str]] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


def stages() -> dict[str, Stage]:
    """The stages by name, each with what it inherits from the one it is made from."""
    found: dict[str, Stage] = {}
    now = Stage("")
    for word, rest in _instructions():
        match word:
            case "FROM":
                base, _, name = rest.split()
                of = found.get(base, Stage(""))
                now = Stage(base, [*of.copies], dict(of.env), of.workdir, of.user, of.command, of.health)
                found[name] = now
            case "WORKDIR":
                now.workdir = rest
            case "USER":
                now.user = rest
            case "ENV":
                now.env |= dict(pair.split("=", 1) for pair in shlex.split(rest))
            case "CMD":
                now.command = json.loads(rest)
            case "HEALTHCHECK":
                now.health = json.loads(rest.partition("CMD ")[2])
            case "COPY" if not rest.startswith("--from"):
                *sources, target = rest.split()
                now.copies += [(source, _under(now.workdir, target)) for source in sources]
    return found


def _under(workdir: str, target: str) -> str:
    kept = "/" if target.endswith("/") else ""
    inside = target.removeprefix("./").rstrip("/")
    return f"{workdir}/{inside}".rstrip("/") + kept


def _instructions() -> Iterator[tuple[str, str]]:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        yield word, " ".join(rest.split())
