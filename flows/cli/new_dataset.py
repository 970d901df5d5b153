"""``techtrade new-dataset``: lay out the files of a dataset in a checkout, as docs/adding-a-dataset.md begins."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from configs.contracts import dataset_names, derived_names
from configs.errors import UsageError
from configs.operations import Series
from configs.source_series import series_of_source
from flows.cli.output import say

ROOT = Path(__file__).resolve().parents[2]
WORLD_BANK = "world_bank"
# The longest for which `techtrade status` has room in 80 columns.
LONGEST = 24
NAME = re.compile(r"[a-z][a-z0-9_]*")
COLUMN = """\
  - name: {column}
    type: float64
    role: measure
    unit: US dollars
    basis: "TODO: what is counted, on what basis, in current US dollars"
    description: "TODO"
    nullable: {nullable}
    minimum: 0
    maximum: 1.0e+14
    range_reason: "TODO: what the smallest and the largest figure are; beyond the range the unit is wrong"
    publisher_name: {code}
    representation_tolerance: 1.0e-12"""


def new_dataset(name: str, source: str, series: tuple[str, ...], root: Path = ROOT) -> None:
    """Write the contract, transform and checks of a dataset, with a TODO for each thing to decide.

    Raises:
        UsageError: a name is none or too long, the dataset is there already, or this is no checkout.
    """
    templates = root / "deploy" / "new_dataset"
    if not templates.is_dir():
        raise UsageError(f"cannot lay out a dataset: {templates} is missing; run this in a checkout")
    taken = next((n for n in (*dataset_names(), *derived_names()) if n.startswith(name) or name.startswith(n)), None)
    if not NAME.fullmatch(name) or name.endswith("_history"):
        raise UsageError(f"{name} is no name of a dataset; write it like ip_trade_annual, without _history at its end")
    if len(name) > LONGEST:
        raise UsageError(f"{name} has {len(name)} characters; a dataset's name has at most {LONGEST}")
    if taken:
        raise UsageError(f"cannot name a dataset {name}: {taken} is one, and no name may begin with another")
    if (source == WORLD_BANK) != bool(series):
        raise UsageError(f"give --series NAME=CODE for each series of {WORLD_BANK}, and for no other source")
    given = [_series(s) for s in series]
    known = series_of_source(WORLD_BANK)
    for series_name, code in given:
        if series_name in known and known[series_name].code != code:
            raise UsageError(f"{series_name} is the name of {known[series_name].code} already; choose another name")
    words = _words(name, source, given)
    folder = templates / (WORLD_BANK if series else "other")
    for template, path in (
        ("contract.yaml", f"configs/datasets/{name}.yaml"),
        ("transform.py.txt", f"tasks/transform/{name}.py"),
        ("expectations.py.txt", f"expectations/datasets/{name}.py"),
    ):
        text = Template((folder / template).read_text(encoding="utf-8")).substitute(words)
        (root / path).write_text(text, encoding="utf-8")
        say(f"{path} is written")
    if series:
        (root / "configs" / "snapshot" / name).mkdir(parents=True, exist_ok=True)
    say("Fill in each TODO, then: make generate freeze. docs/adding-a-dataset.md says how.")


def _series(given: str) -> tuple[str, str]:
    name, _, code = given.partition("=")
    try:
        Series(code=code, title="")
    except ValueError:
        code = ""
    if not NAME.fullmatch(name) or not code:
        raise UsageError(f"{given} is no series; write it like receipts=BX.GSR.ROYL.CD")
    return name, code


def _words(name: str, source: str, series: list[tuple[str, str]]) -> dict[str, str]:
    lines = [f'  {n}:\n    code: {code}\n    title: "TODO: the publisher\'s title of {code}"' for n, code in series]
    nullable = "true" if len(series) > 1 else "false"
    columns = [COLUMN.format(column=f"{n}_usd", code=code, nullable=nullable) for n, code in series]
    names = [f'"{n}"' for n, _ in series]
    units = [f"      usa_{n}_lowest_usd: 1\n      usa_{n}_highest_usd: 1.0e+14" for n, _ in series]
    return {
        "name": name,
        "source": source,
        "codes": ", ".join(code for _, code in series),
        "names": f"({', '.join(names)}{',' if len(names) == 1 else ''})",
        "series": "\n".join(lines),
        "columns": "\n".join(columns),
        "units": "\n".join(units),
        "first": f"{series[0][0]}_usd" if series else "",
    }
