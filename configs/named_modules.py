"""Modules that a contract names by one word. They are found by their files, so a new one needs no entry in a table."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from configs.errors import ConfigError


def modules_in(*packages: str) -> dict[str, str]:
    """Return the modules directly in the packages: name to dotted name, sorted. None of them is imported."""
    found = {m.name: p for p in packages for m in iter_modules(import_module(p).__path__) if not m.ispkg}
    return {name: f"{package}.{name}" for name, package in sorted(found.items())}


def module_named(name: str, field: str, dataset: str, known: dict[str, str]) -> str:
    """Return the dotted name of a module.

    Args:
        field: the field of the contract that names it.
        dataset: whose contract that is.
        known: the modules that can be named.

    Raises:
        ConfigError: there is no such module; lists those that there are.
    """
    if name not in known:
        folder = next(iter(known.values())).rpartition(".")[0].replace(".", "/")
        raise ConfigError(
            f"cannot load the {field} of {dataset}: there is no {folder}/{name}.py. Add it, or name another module in "
            f"the contract (`{field}:`), one of {', '.join(known)}."
        )
    return known[name]
