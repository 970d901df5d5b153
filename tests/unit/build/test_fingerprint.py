"""What moves a code fingerprint, and what does not: over every module, every reference file and every dataset."""

from __future__ import annotations

import ast
from collections.abc import Collection
from pathlib import Path

import pytest

from configs import CONFIGS
from configs.contracts import load_contract, published_names
from configs.history_contract import base_of
from tasks.build import fingerprint, recipe_history, recipe_mart
from tasks.build.fingerprint import HERE, INSIDE, OUTSIDE, PACKAGES, Checkout, is_outside
from tasks.build.recipes import recipe_for

NAMES = published_names()
HISTORIES = {n for n in NAMES if base_of(n)}
ARCHIVED = {f"{n}_history" for n in NAMES if load_contract(n).sources.archived and not base_of(n)}
RECIPES = {n: recipe_for(load_contract(n)) for n in NAMES}
MODULES = {n: RECIPES[n].modules() for n in NAMES}
CODES = {n: RECIPES[n].fingerprint() for n in NAMES}
DATA = {n: HERE.data_files(m) for n, m in MODULES.items()}
PATHS = [p.relative_to(HERE.root).as_posix() for d in PACKAGES for p in sorted((HERE.root / d).rglob("*.py"))]
EVERY_MODULE = [p.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for p in PATHS]
CONFIG_FILES = [
    p.relative_to(HERE.root).as_posix()
    for p in sorted(CONFIGS.rglob("*"))
    if p.is_file() and p.suffix not in (".py", ".pyc")
]
POSITIONS = ("lineno", "col_offset", "end_lineno", "end_col_offset")


def moved(changed: dict[str, bytes]) -> set[str]:
    """The datasets whose fingerprint is another one with these files."""
    checkout = Checkout(HERE.root, changed)
    return {n for n in NAMES if RECIPES[n].fingerprint(checkout) != CODES[n]}


def text(module: str) -> str:
    return source(module)[1]


def source(module: str) -> tuple[str, str]:
    path = HERE.path_of(module)
    assert path is not None
    return path, (HERE.read(path) or b"").decode()


def reworded(code: str) -> str:
    """The same code with another docstring everywhere, a comment, and an import that it does not need."""
    lines = code.encode().splitlines(keepends=True)
    docs = [
        node.body[0]
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None
    ]
    for doc in sorted(docs, key=lambda d: -d.lineno):
        first, start, last, end = (getattr(doc, p) for p in POSITIONS)
        kept = lines[first - 1][:start], lines[last - 1][end:]
        lines[first - 1 : last] = [kept[0] + b'"""Other words."""' + kept[1]]
    return b"".join(lines).decode() + "\n# a comment\nimport wave\nfrom wave import Error\n"


@pytest.mark.parametrize("module", EVERY_MODULE)
def test_other_words_move_no_dataset(module: str) -> None:
    path, code = source(module)
    assert reworded(code) != code
    assert moved({path: reworded(code).encode()}) == set()


@pytest.mark.parametrize("module", EVERY_MODULE)
def test_edited_code_moves_exactly_its_datasets(module: str) -> None:
    path, code = source(module)
    assert moved({path: f"{code}\nEDITED = 1\n".encode()}) == {n for n in NAMES if module in MODULES[n]}


@pytest.mark.parametrize("path", CONFIG_FILES)
def test_an_edited_file_moves_exactly_its_datasets(path: str) -> None:
    assert moved({path: (HERE.read(path) or b"") + b"\n"}) == {n for n in NAMES if path in DATA[n]}


@pytest.mark.parametrize(
    ("module", "datasets"),
    [
        ("tasks.extract.bea.source", {"us_ip_trade_annual", "us_ip_trade_quarterly"}),
        ("tasks.extract.bea.parse", {"us_ip_trade_annual", "us_ip_trade_quarterly"}),
        ("tasks.extract.census.merchandise.month", {"atp_detail_monthly"}),
        ("tasks.extract.bundled.atp_lists", {"atp_products", "atp_products_history"}),
        ("tasks.extract.world_bank.archives_parse", ARCHIVED),
        ("tasks.transform.ip_trade_annual", {"ip_trade_annual", "ip_trade_annual_history"}),
        ("configs.technology_groups", {"atp_detail_monthly", "atp_trade_monthly"}),
        ("tasks.transform.shared.exact_sums", {"revision_profile", "us_technology_position_annual"}),
        ("tasks.build.partitioned", {"atp_detail_monthly"}),
        ("tasks.common.sorted_merge", {"atp_detail_monthly", *HISTORIES}),
        ("tasks.compare.diff", HISTORIES),
        ("tasks.build.history.spans", HISTORIES),
        ("configs.history_contract", {"revision_profile", *HISTORIES}),
        ("tasks.build.parquet", set(NAMES)),
        ("tasks.warehouse.content_hash", set(NAMES)),
        ("configs.columns", set(NAMES)),
        ("configs.errors", set()),
        ("tasks.extract.http.session", set()),
        ("tasks.warehouse.reader", set()),
        ("expectations.datasets.ip_trade_annual", set()),
        ("flows.publish", set()),
    ],
)
def test_a_module_makes_the_figures_of(module: str, datasets: Collection[str]) -> None:
    assert {n for n in NAMES if module in MODULES[n]} == set(datasets)


def test_no_file_but_reference_files_makes_figures() -> None:
    assert {p for files in DATA.values() for p in files if not p.startswith("configs/reference/")} == set()


@pytest.mark.parametrize(
    ("folder", "some", "others"),
    [
        ("bea", {"us_ip_trade_annual", "us_ip_trade_quarterly"}, {"ip_trade_annual", "us_ip_trade_annual_history"}),
        ("census_bulk", {"atp_detail_monthly"}, {"atp_trade_monthly", "atp_detail_monthly_history"}),
        ("partners", {"partners", "atp_trade_monthly", "us_ip_trade_annual"}, {"atp_world_monthly", "atp_products"}),
    ],
)
def test_a_reference_folder_makes_the_figures_of(folder: str, some: set[str], others: set[str]) -> None:
    found = {n for n in NAMES if any(p.startswith(f"configs/reference/{folder}/") for p in DATA[n])}
    assert found >= some and not found & others


def test_a_new_reference_file_moves_its_datasets(tmp_path: Path) -> None:
    for path in {p for files in DATA.values() for p in files}:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(HERE.read(path) or b"")
    modules = {p: HERE.read(p) or b"" for p in PATHS}
    bea = RECIPES["us_ip_trade_annual"]
    assert bea.fingerprint(Checkout(tmp_path, modules)) == CODES[bea.contract.name]
    new = tmp_path / "configs" / "reference" / "bea" / "more"
    new.mkdir()
    (new / "codes.csv").write_text("code\n")
    fingerprint._files.cache_clear()
    assert bea.fingerprint(Checkout(tmp_path, modules)) != CODES[bea.contract.name]


def test_a_moved_module_moves_no_dataset() -> None:
    path, code = source("tasks.common.sorted_merge")
    changed = {path: b"", "tasks/merges/__init__.py": b"", "tasks/merges/ranges.py": code.encode()}
    for user in ("tasks.compare.diff", "tasks.build.partitioned"):
        at, said = source(user)
        changed[at] = said.replace("from tasks.common.sorted_merge import", "from tasks.merges.ranges import").encode()
    assert moved(changed) == set()


def test_other_words_of_an_error_move_no_dataset() -> None:
    path, code = source("tasks.build.parquet")
    words = 'raise ContractMismatchError(contract.name, "; ".join(p for p in parts if p))'
    assert words in code
    assert moved({path: code.replace('"; ".join', '", ".join').encode()}) == set()
    assert moved({path: code.replace("if missing or extra or other:", "if missing or extra:").encode()}) == set(NAMES)


def test_a_registry_joins_no_datasets() -> None:
    path, code = source("tasks.extract.source")
    listed = f"{code}\nSOURCES = {{'bea': 'tasks.extract.bea.source', 'snapshot': 'tasks.extract.bundled.snapshot'}}\n"
    checkout = Checkout(HERE.root, {path: listed.encode()})
    assert all(RECIPES[n].modules(checkout) == MODULES[n] for n in NAMES)


def test_an_import_for_the_type_checker_joins_nothing() -> None:
    path, code = source("tasks.common.sorted_merge")
    typed = f"{code}\nif TYPE_CHECKING:\n    from tasks.extract.bea.source import parse\n"
    assert moved({path: typed.encode()}) == set()


@pytest.mark.parametrize(
    ("of", "update", "datasets"),
    [
        ("ip_trade_annual", {"absent_row_means": "zero"}, {"ip_trade_annual_history"}),
        ("ip_trade_annual", {"profile_by": ("year",)}, {"revision_profile"}),
        ("ip_trade_annual", {"description": "other words"}, set()),
    ],
)
def test_a_contract_moves_what_is_made_by_it_elsewhere(
    monkeypatch: pytest.MonkeyPatch, of: str, update: dict[str, object], datasets: set[str]
) -> None:
    other = load_contract(of).model_copy(update=update)
    for module in (recipe_history, recipe_mart):
        monkeypatch.setattr(module, "load_contract", lambda name: other if name == of else load_contract(name))
    assert moved({}) == datasets


def test_another_series_moves_a_dataset_and_its_history(monkeypatch: pytest.MonkeyPatch) -> None:
    base = load_contract("ip_trade_annual")
    series = {name: s.model_copy(update={"code": "AB.CD"}) for name, s in base.series.items()}
    other = base.model_copy(update={"series": series})
    assert series and other.sha256 == base.sha256, "no promise to readers"
    assert recipe_for(other).fingerprint() != CODES[base.name]
    monkeypatch.setattr(
        recipe_history, "load_contract", lambda name: other if name == base.name else load_contract(name)
    )
    assert moved({}) == {"ip_trade_annual_history"}


def test_another_tolerance_moves_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    base = load_contract("atp_world_monthly")
    columns = tuple(c.model_copy(update={"representation_tolerance": 0.5}) for c in base.columns)
    other = base.model_copy(update={"columns": columns})
    monkeypatch.setattr(
        recipe_history, "load_contract", lambda name: other if name == base.name else load_contract(name)
    )
    assert moved({}) == {"atp_world_monthly_history"}


def test_a_setting_of_pieces_moves_their_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BULK__SCOPE", "all_products")
    assert moved({}) == {"atp_detail_monthly"}


# ------------------------------------------------------------------ the boundary


def calls(module: str) -> set[str]:
    """Names and attributes that a module uses."""
    tree = ast.parse(text(module))
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | {
        n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)
    }


EVERY_INSIDE = sorted(set().union(*MODULES.values()))
# Files that are no part of the project: what was written just now, what a publisher sent or a person has saved.
OTHER_FILES = {
    "configs.yaml_file",  # its callers name them
    "tasks.build.parquet", "tasks.build.history.build", "tasks.build.partitioned", "tasks.extract.containers", "tasks.extract.census.trade_api",
}  # fmt: skip


@pytest.mark.parametrize("module", EVERY_INSIDE)
def test_a_module_names_the_files_that_it_reads(module: str) -> None:
    used, found = calls(module), HERE.module(module)
    assert found is not None and ("__file__" not in used or module == "configs"), "paths begin with CONFIGS"
    reads = used & {"open", "read_text", "read_bytes", "glob", "rglob", "iterdir"}
    assert not reads or found.paths or module in OTHER_FILES, "name its files as CONFIGS / 'folder' / 'file'"
    assert "import_module" not in used


@pytest.mark.parametrize("module", EVERY_INSIDE)
def test_nothing_outside_makes_figures_for_it(module: str) -> None:
    """Of what is outside, these have polars: the rows of a version as they were kept, an archived answer, a type."""
    may = {"tasks.warehouse.reader", "tasks.extract.world_bank.archive_inventory", "tasks.transform.registry"}
    found = HERE.module(module)
    assert found is not None
    outside = {m for m in found.imports if is_outside(m) and HERE.path_of(m)}
    assert {m for m in outside if "polars" in calls(m) or "import polars" in text(m)} <= may


def test_transforms_use_nothing_outside_but_contracts() -> None:
    for module in (m for m in EVERY_INSIDE if m.startswith("tasks.transform.")):
        found = HERE.module(module)
        assert found is not None
        assert {m for m in found.imports if is_outside(m) and HERE.path_of(m)} <= {
            "configs.contract",
            "configs.contracts",
        }


def test_what_is_listed_is_there_and_needed() -> None:
    for name in (*OUTSIDE, *INSIDE):
        assert HERE.path_of(name) or (HERE.root / name.replace(".", "/")).is_dir(), name
    imported = {i for m in EVERY_INSIDE for i in getattr(HERE.module(m), "imports", ())}
    for name in OUTSIDE.keys() - {"expectations", "flows"}:
        assert any(i == name or i.startswith(f"{name}.") for i in imported), f"{name} is imported by nothing inside"


def test_no_module_imports_by_dots() -> None:
    for path in PATHS:
        tree = ast.parse(HERE.read(path) or b"")
        assert not any(isinstance(n, ast.ImportFrom) and n.level for n in ast.walk(tree)), path


def test_a_digest_is_that_of_any_python() -> None:
    code = b'def f(a, *, b=None):\n    """Say."""\n    return f"{a:>{b}}-" if b else {**a, 1: -2.5, "k": ...}\n'
    assert fingerprint._parsed(code).digest[:16] == "4c51215b4d204cc1"
