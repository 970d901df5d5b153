"""The code fingerprint of a version: a hash of the code and the reference files that make a dataset's figures.

It covers the modules that make the figures, and what these import. Of each module the syntax tree enters, without
docstrings, comments, imports and paths: rewording or moving a module moves no fingerprint, and an edited helper moves
exactly the datasets that use it. Hashing the bytes of listed files was dropped: it moved ten datasets for a docstring
of an eleventh, and missed the helpers that nobody had listed.

A recipe says with which modules its kind of dataset begins. A module is inside unless it is listed in ``OUTSIDE``.
Names in strings are not followed, so a registry joins nothing.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from configs import CONFIGS

PACKAGES = ("configs", "expectations", "flows", "tasks")
# Modules and packages that make no figure, and why. Everything else that is imported enters.
OUTSIDE: Mapping[str, str] = {
    "configs.addresses": "hides logins in addresses",
    "configs.contract": "a manifest has the hash of its contract; columns and types are in configs.columns",
    "configs.contracts": "finds a contract by its dataset's name",
    "configs.errors": "words of errors",
    "configs.first_publish": "words of hints",
    "configs.release_calendar": "says when a publisher is asked",
    "configs.settings": "says where and how a publisher is asked; a setting that figures depend on enters by its value",
    "configs.words": "words for people",
    "configs.yaml_file": "reads a file, which is hashed where figures depend on it",
    "expectations": "judges figures",
    "flows": "runs tasks and prints",
    "tasks.build.fingerprint": "this module",
    "tasks.common.clock": "tells the time",
    "tasks.common.redact": "hides keys",
    "tasks.common.text": "words for people",
    "tasks.extract.http": "network",
    "tasks.extract.registry": "finds a module by name",
    "tasks.extract.world_bank.archive_inventory": "lists archived answers",
    "tasks.raw": "gives back what was archived, checked by its hash",
    "tasks.storage": "gives back bytes as they were kept",
    "tasks.transform.registry": "finds a module by name",
    "tasks.warehouse": "gives back versions as they were sealed, checked by their hash",
}
INSIDE = frozenset({"tasks.warehouse.content_hash"})  # of a package that is outside
# Under configs/, read by code that makes figures, and already known by a hash elsewhere.
HASHED_ELSEWHERE: Mapping[str, str] = {
    "history.yaml": "the contract of a history, hashed as that",
    "snapshot": "a publisher's answers, archived and named by each version",
}
_NO_FIELDS = ("ctx", "kind", "type_comment")


@dataclass(frozen=True)
class Module:
    """What one source file says: the hash of its tree (empty for no code), the names it imports, the paths under
    ``configs/`` that it names."""

    digest: str
    imports: frozenset[str]
    paths: frozenset[str]


@dataclass(frozen=True, eq=False)
class Checkout:
    """The project's files. ``changed``: texts that take the place of files, by path."""

    root: Path
    changed: Mapping[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        return self.changed[path] if path in self.changed else _bytes(self.root, path)

    def path_of(self, module: str) -> str | None:
        """The file of a module, None if the project has none of that name."""
        stem = module.replace(".", "/")
        paths = (f"{stem}.py", f"{stem}/__init__.py")
        return next((p for p in paths if self.read(p) is not None), None)

    def module(self, name: str) -> Module | None:
        path = self.path_of(name)
        return _parsed(self.read(path) or b"") if path else None

    def closure(self, roots: Iterable[str]) -> frozenset[str]:
        """The modules that make figures: the roots, and what they import, but for what is outside."""
        found: set[str] = set()
        todo = list(roots)
        while todo:
            name = todo.pop()
            module = None if name in found or is_outside(name) else self.module(name)
            if module is not None:
                found.add(name)
                packages = [name.rpartition(".")[0]] if "." in name else []
                todo += [*packages, *module.imports]
        return frozenset(found)

    def data_files(self, modules: Iterable[str]) -> frozenset[str]:
        """The files that the modules name and that are hashed nowhere else."""
        found: set[str] = set()
        for module in filter(None, map(self.module, modules)):
            for path in module.paths:
                if path.partition("/")[0] not in HASHED_ELSEWHERE:
                    found |= set(_files(self.root, f"configs/{path}"))
        return frozenset(found)


HERE = Checkout(CONFIGS.parent)


def is_outside(module: str) -> bool:
    """Whether a module makes no figure."""
    parts = module.split(".")
    prefixes = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    return module not in INSIDE and not prefixes.isdisjoint(OUTSIDE)


def fingerprint(modules: Iterable[str], settings: Mapping[str, Any] | None = None, checkout: Checkout = HERE) -> str:
    """Return the hash of modules, of the reference files that they name, and of the settings."""
    code = _of_modules(checkout, frozenset(modules))
    return _sha256(json.dumps([code, settings or {}], sort_keys=True).encode())


def name_of(module: object) -> str:
    """Return the name of a module that was found by a registry."""
    return cast(ModuleType, module).__name__


@cache
def libraries() -> dict[str, str]:
    """The versions of the libraries that figures go through, from bytes to parquet."""
    found = {"python": platform.python_version()}
    for name in ("fastexcel", "polars", "pyarrow"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


# ------------------------------------------------------------------- of a file


@cache
def _of_modules(checkout: Checkout, modules: frozenset[str]) -> str:
    """Hash of the modules' trees and of the files that they name, whatever the modules are called."""
    trees = {m.digest for n in modules if (m := checkout.module(n)) is not None}
    data = {f"{Path(p).name} {_sha256(checkout.read(p) or b'')}" for p in checkout.data_files(modules)}
    return _sha256(json.dumps([sorted(trees - {""}), sorted(data)]).encode())


@cache
def _bytes(root: Path, path: str) -> bytes | None:
    place = root / path
    return place.read_bytes() if place.is_file() else None


@cache
def _files(root: Path, path: str) -> tuple[str, ...]:
    """A data file, or those in a folder."""
    place = root / path
    if not place.is_dir():
        return (path,)
    found = (p for p in sorted(place.rglob("*")) if p.is_file() and p.suffix != ".md")
    return tuple(p.relative_to(root).as_posix() for p in found)


@cache
def _parsed(text: bytes) -> Module:
    tree = ast.parse(text)
    paths: set[str] = set()
    form = _form(tree, paths)
    digest = _sha256(json.dumps(form).encode()) if len(form) > 1 else ""
    return Module(digest, frozenset(_imports(tree)), frozenset(paths))


def _form(node: ast.AST, paths: set[str], words: bool = True) -> list[Any]:
    """A tree as nested lists, the same in every version of Python; ``paths`` under ``configs/`` are collected."""
    if path := _path(node):
        paths.add("/".join(path))
        return ["path"]
    if not words and (isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and type(node.value) is str)):
        return ["words"]
    words = words and not isinstance(node, ast.Raise)
    form: list[Any] = [type(node).__name__]
    for name, value in ast.iter_fields(node):
        if name in _NO_FIELDS:
            continue
        if isinstance(value, list):
            kept = [v for v in value if not _is_silent(v)]
            if isinstance(node, ast.JoinedStr):  # Python 3.12 adds empty texts
                kept = [v for v in kept if getattr(v, "value", None) != ""]
            listed = [_form(v, paths, words) if isinstance(v, ast.AST) else repr(v) for v in kept]
            form += [[name, *listed]] if kept else []
        elif value is not None or isinstance(node, ast.Constant):
            form.append([name, _form(value, paths, words) if isinstance(value, ast.AST) else repr(value)])
    return form


def _is_silent(node: object) -> bool:
    """Whether a statement does nothing to figures: an import, a docstring, what only a type checker reads."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Pass):
        return True
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _path(node: ast.AST) -> tuple[str, ...] | None:
    """The parts of ``CONFIGS / "a" / "b"``."""
    if isinstance(node, ast.Name) and node.id == "CONFIGS":
        return ()
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
        left = _path(node.left)
        return None if left is None else (*left, str(node.right.value))
    return None


def _imports(node: ast.AST) -> Iterator[str]:
    """The modules that are imported, wherever; of ``from a import b`` both a and a.b, as b can be a module."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (a.name for a in child.names if a.name.startswith(PACKAGES))
        elif isinstance(child, ast.ImportFrom) and (child.module or "").startswith(PACKAGES):
            yield str(child.module)
            yield from (f"{child.module}.{a.name}" for a in child.names)
        elif not (_is_silent(child) and isinstance(child, ast.If)):
            yield from _imports(child)


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
