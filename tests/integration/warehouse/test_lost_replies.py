"""G2, G3: a reply can get lost after the write was applied. Whoever won knows it, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from configs.errors import ConcurrentPublishError, ObjectExistsError, StoreUnavailableError
from tasks.storage import s3 as s3_
from tasks.storage.s3 import S3Store
from tasks.warehouse import layout, protocol, yank
from tasks.warehouse.candidate import Built
from tests.support import drill, lossy_proxy
from tests.support.cases import quick
from tests.support.drill import DATASET, intact, linear, numbers
from tests.support.lossy_proxy import LossyProxy
from tests.support.s3 import S3

pytestmark = pytest.mark.s3
ATTEMPTS = 2


@pytest.fixture
def proxy(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[LossyProxy]:
    # How long the client waits before it tries again decides nothing here.
    monkeypatch.setattr("tasks.storage.s3_requests.PAUSE_SECONDS", 0)
    monkeypatch.setattr(s3_, "PART_BYTES", 5 << 20)
    with lossy_proxy.running(s3.endpoint) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
        yield running


@pytest.fixture
def through(proxy: LossyProxy, s3: S3) -> S3Store:
    """A store behind the proxy."""
    return S3Store(s3.place().url, attempts=ATTEMPTS)


# Once: the client's own retry is refused, because its first write is there. As often as it tries: it gives up.
@pytest.mark.parametrize("times", quick([1, ATTEMPTS], 1), ids=["one reply", "every reply"])
def test_the_winner_knows_it_whichever_reply_of_a_publish_was_lost(
    times: int, proxy: LossyProxy, through: S3Store, candidates: Callable[[int], Built]
) -> None:
    with drill.reading(through):
        publish_and_lose_each_reply(times, proxy, through, candidates)


def publish_and_lose_each_reply(
    times: int, proxy: LossyProxy, through: S3Store, candidates: Callable[[int], Built]
) -> None:
    published = []
    for first in count(1):
        proxy.lose(first, times)
        release = drill.publish(through, candidates(first), whole=True)
        lost = list(proxy.lost)
        proxy.lose(0, 0)
        published.append(release.manifest.version)
        assert linear(through) == published, lost
        assert numbers(through) == published, f"a number was taken twice: {lost}"
        assert intact(through) == published[-1]
        if not lost:
            break
        assert lost[0].endswith(" 200"), "the first of them had been applied"
    # raw, sidecar, claim, data, changes, quality, quality_gx, notes, manifest, latest, status, catalog
    assert len(published) == 12 + 1


def test_a_loser_whose_reply_is_lost_is_told_that_it_lost(
    proxy: LossyProxy, through: S3Store, candidates: Callable[[int], Built]
) -> None:
    drill.publish(through, candidates(0))
    sealed = drill.sealed(through, candidates(1))
    winner = drill.publish(through, candidates(2))
    proxy.lose(1, ATTEMPTS)
    with pytest.raises(ConcurrentPublishError):
        protocol.swap(through, sealed)
    assert [line.split()[-1] for line in proxy.lost] == ["412"] * ATTEMPTS
    proxy.lose(0, 0)
    assert linear(through)[-1] == winner.manifest.version


def test_a_publisher_that_cannot_find_out_says_so(
    proxy: LossyProxy, through: S3Store, candidates: Callable[[int], Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = drill.sealed(through, candidates(1))
    proxy.lose(1, ATTEMPTS)
    monkeypatch.setattr(through, "get", lambda key: (_ for _ in ()).throw(StoreUnavailableError("down")))
    with pytest.raises(StoreUnavailableError, match="either published or not"):
        protocol.swap(through, sealed)
    monkeypatch.undo()


def test_a_yank_whose_reply_was_lost_happened_once(
    proxy: LossyProxy, through: S3Store, candidates: Callable[[int], Built]
) -> None:
    for times in (1, ATTEMPTS):
        one, two = (drill.publish(through, candidates(n)).manifest.version for n in (1, 2))
        for first in (1, 2):  # latest.json, the note
            proxy.lose(first, times)
            latest = yank.yank(through, DATASET, two, "wrong") if first == 1 else yank.yank(through, DATASET, one, "x")
            assert len(proxy.lost) >= 1
            proxy.lose(0, 0)
            assert [e.version for e in latest.log if e.event == "yanked"].count(two) == 1
            assert through.size(layout.yanked(DATASET, two)) is not None
            drill.publish(through, candidates(3))
        linear(through)


@pytest.mark.parametrize("bytes_", [1000, 12 << 20], ids=["in one", "in parts"])
@pytest.mark.parametrize("times", quick([1, ATTEMPTS], 1))
def test_a_file_whose_reply_was_lost_is_created_once_and_never_replaced(
    bytes_: int, times: int, proxy: LossyProxy, through: S3Store, tmp_path: Path
) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.write_bytes(b"m" * bytes_)
    other.write_bytes(b"o" * bytes_)
    for first in count(1):
        key = f"files/{first}"
        proxy.lose(first, times)
        try:
            through.create_file(key, mine)
        except StoreUnavailableError:
            # Nothing can be created when each reply to the beginning of an upload, or to a part of it, is lost.
            assert bytes_ > s3_.PART_BYTES and through.size(key) is None
        lost = bool(proxy.lost)
        proxy.lose(0, 0)
        through.create_file(key, mine)
        with pytest.raises(ObjectExistsError):
            through.create_file(key, other)
        assert through.get(key).body == mine.read_bytes()
        if not lost:
            break
    assert first > (1 if bytes_ < s3_.PART_BYTES else 5)
