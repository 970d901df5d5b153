"""Documents of the store: format numbers, and fields of newer code."""

from __future__ import annotations

import json

import pytest

from configs.errors import NewerFormatError
from tasks.alerts.model import AlertState
from tasks.extract.world_bank.archive_inventory import Inventory
from tasks.publish.restore_lock import Lock
from tasks.raw.take_down import TakenDown
from tasks.storage.documents import DamagedRecordError, Document, Record
from tasks.warehouse.records import Announced, Catalog, CatalogEntry, Cost, FileEntry, Schedule, Status, VersionClaim
from tasks.warehouse.release_dates import DaysOfRelease, ReleaseDates

assert {AlertState, Inventory, Lock, TakenDown}, "imported, so that every kind of document is known below"
SCHEDULE = b'{"since": "2026-01-01T00:00:00Z", "by": "techtrade serve"}'


def kinds(of: type[Document] = Document) -> list[type[Document]]:
    return [k for sub in of.__subclasses__() for k in (sub, *kinds(sub))]


def entry(dataset: str, **more: object) -> CatalogEntry:
    words = dict.fromkeys(("title", "version", "vintage", "published_at", "manifest", "licence", "citation"), "x")
    return CatalogEntry.model_validate({"dataset": dataset, "rows": 1, **words, **more})


def test_document_without_a_format_is_of_format_1() -> None:
    found = Schedule.load(SCHEDULE, "k")
    assert found.format == 1
    assert next(iter(json.loads(found.dump()).items())) == ("format", 1)


@pytest.mark.parametrize("kind", kinds(), ids=lambda k: k.__name__)
def test_every_kind_refuses_a_newer_format(kind: type[Document]) -> None:
    with pytest.raises(NewerFormatError, match="some/key.json: written by a newer techtrade .*: upgrade techtrade"):
        kind.load(b'{"format": 2, "nothing": ["that", "is", "known"]}', "some/key.json")


@pytest.mark.parametrize("number", [b"0", b"-1", b"null", b'"x"', b"[]"])
def test_format_that_is_no_number_is_damage(number: bytes) -> None:
    with pytest.raises(DamagedRecordError):
        Schedule.load(b'{"format": %s, "since": "", "by": ""}' % number, "k")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"format"', b"\xff"])
def test_what_is_no_document_is_damage(body: bytes) -> None:
    with pytest.raises(DamagedRecordError, match="restore it from a copy"):
        Schedule.load(body, "k")


def test_unknown_fields_are_written_again() -> None:
    body = b'{"since": "x", "by": "y", "zone": {"name": "UTC", "offsets": [0, 1.5, null]}}'
    assert json.loads(Schedule.load(body, "k").dump())["zone"] == {"name": "UTC", "offsets": [0, 1.5, None]}


def test_rewritten_record_takes_over_fields_of_the_one_before() -> None:
    before = Status.model_validate(
        {"dataset": "d", "checked_at": "1", "outcome": "o", "detail": "", "host": "h", "cost": {"retries": 3}}
    )
    now = Status(dataset="d", checked_at="2", outcome="p", detail="", cost=Cost(requests=1)).onto(before)
    told = json.loads(now.dump())
    assert (told["checked_at"], told["host"], told["cost"]["retries"], told["cost"]["requests"]) == ("2", "h", 3, 1)


def test_records_of_a_list_are_matched_by_identity() -> None:
    before = Catalog(datasets=(entry("a", size=1), entry("b", size=2), entry("gone", size=3)))
    after = Catalog(datasets=(entry("b", vintage="new"), entry("c"), entry("a"))).onto(before)
    assert [(e.dataset, (e.model_extra or {}).get("size")) for e in after.datasets] == [("b", 2), ("c", None), ("a", 1)]
    assert after.datasets[0].vintage == "new"


def test_records_of_a_table_are_matched_by_name() -> None:
    told = {"read_at": "1", "raw_key": "k", "releases": {"a": {"time": "08:30"}, "gone": {"time": "10:00"}}}
    now = ReleaseDates(read_at="2", raw_key="k", releases={"b": DaysOfRelease(), "a": DaysOfRelease()})
    after = now.onto(ReleaseDates.model_validate(told))
    assert {n: r.model_extra for n, r in after.releases.items()} == {"b": {}, "a": {"time": "08:30"}}
    assert not now.releases["a"].model_extra, "what was given is left as it was"


def test_own_value_wins_over_the_one_before() -> None:
    old, new = (Announced.model_validate({"seq": {"a": n}, "by": f"{n}"}) for n in (1, 2))
    assert (new.onto(old).seq, new.onto(old).model_extra) == ({"a": 2}, {"by": "2"})
    assert new.onto(Announced()) is new, "nothing to take over"


def test_unknown_fields_keep_records_hashable_and_comparable() -> None:
    plain = FileEntry(path="p", bytes=1, sha256="s")
    more = FileEntry.model_validate({**plain.model_dump(), "codec": ["zstd"]})
    assert hash(plain) == hash(more) and plain != more and plain.same_as(more)
    assert len({plain, more}) == 2 and more in {plain, more}


def test_identity_is_hashable_where_a_record_has_one() -> None:
    assert entry("a").identity == "a"
    assert Record().identity is None
    assert VersionClaim.newest == 1


def test_a_damaged_document_is_named_in_words() -> None:
    with pytest.raises(DamagedRecordError, match="k: not a valid version claim document"):
        VersionClaim.load(b"{", "k")
