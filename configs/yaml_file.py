"""Reading a YAML file into a model: one way, and one way to say what is wrong with it.

No error shows a value: a person may have written a secret into a file where none belongs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from configs.errors import ConfigError
from configs.words import few

ROOT = Path(__file__).parent.parent
T = TypeVar("T")


def load(kind: type[T], path: Path, where: str = "", empty: object = None) -> T:
    """Return the content of a file as a model, or as any type that pydantic knows.

    Args:
        where: what errors call the file; its path below the checkout, if not given.
        empty: the content of a file in which nothing is written.

    Raises:
        ConfigError: it cannot be read, is not YAML, or is not of that kind; names the file and the field.
    """
    where = where or (str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{where} cannot be read: {getattr(e, 'strerror', None) or e}") from e
    return parse(kind, text, where, empty)


def parse(kind: type[T], text: str, where: str, empty: object = None) -> T:
    """Do what ``load`` does, for a text."""
    raw = parsed(text, where)
    return validated(kind, empty if raw is None else raw, where)


def parsed(text: str, where: str) -> Any:
    """Return what a YAML text holds.

    Raises:
        ConfigError: it is not YAML; names the line.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        raise ConfigError(f"{where}: not YAML{f', line {mark.line + 1}' if mark else ''}; correct the file") from None


def validated(kind: type[T], raw: object, where: str) -> T:
    """Return parsed content as a model.

    Raises:
        ConfigError: it is none; names the fields that are wrong.
    """
    try:
        return TypeAdapter(kind).validate_python(raw)
    except ValidationError as e:
        raise ConfigError(f"{where}: {problems_of(e)}") from None  # the value is in the chain


def problems_of(error: ValidationError) -> str:
    """Return which fields are wrong and why, without their values."""
    found = error.errors(include_input=False, include_context=False, include_url=False)
    return few([": ".join(filter(None, (".".join(map(str, p["loc"])), p["msg"]))) for p in found], separator="; ")
