"""The table of docs/access.md says what deploy/access.yaml says, cell by cell."""

from __future__ import annotations

from fnmatch import fnmatchcase

from configs.contracts import dataset_names, published_names
from tests.support import access


def test_the_table_says_what_the_file_says() -> None:
    for row in access.table():
        for role in access.roles():
            said = "".join(
                letter
                for verb, letter in access.LETTERS.items()
                if any(fnmatchcase(row.key, p) for p in role.patterns[verb])
            )
            assert (row.pattern, role.name, row.cells[role.name]) == (row.pattern, role.name, said or "–")


def test_every_role_is_explained_and_in_the_table() -> None:
    names = {r.name for r in access.roles()}
    assert set(access.table()[0].cells) == names
    text = access.PAGE.read_text()
    assert all(f"\n| `{name}`" in text for name in names)


def test_no_writer_writes_what_is_another_datasets_or_everybodys() -> None:
    for dataset in dataset_names():
        (writer,) = (r for r in access.roles(dataset) if r.name == "writer")
        for verb in ("create", "replace", "put", "delete"):
            for pattern in writer.patterns[verb]:
                first = pattern.split("/")[0]
                mine = access.folders(dataset)
                shared = pattern == "_alerts/state.json" or (verb, pattern) == ("create", "_schedule/since.json")
                known = first in (*mine, "_raw", "_ledger", "_pieces") or shared
                assert known, (verb, pattern)
                assert first not in ("_ledger", "_pieces") or pattern.split("/")[1] in (*mine, dataset)
                taken_in = {n for n in published_names() if fnmatchcase(n, first)}
                assert shared or taken_in <= set(access.made(dataset)), "histories, and nobody else's"


def test_no_standing_role_deletes_what_says_that_a_version_was_there() -> None:
    kept = [f"partners/{k}" for k in ("latest.json", "versions/2026-11-25.0001/claim.json", "yanked/x.json")]
    kept += ["partners/versions/2026-11-25.0001/manifest.json", "_ledger/partners/2026-11-25.0001.json"]
    for role in access.roles("partners"):
        if role.name != "restorer":
            assert [k for k in kept for p in role.patterns["delete"] if fnmatchcase(k, p)] == [], role.name
