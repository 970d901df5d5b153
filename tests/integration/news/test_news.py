"""News for readers: feeds that any reader takes, made from the log alone; subscribers that are each told once."""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import subscribers as config
from configs.contracts import load_contract
from configs.errors import ConfigError, StoreUnavailableError
from tasks.build.recipes import recipe_for
from tasks.common.clock import utc_now
from tasks.news import atom, webhooks
from tasks.news import page as news_page
from tasks.news.atom import Feed, FeedEntry, parse, render
from tasks.news.events import News, largest_of, news_of
from tasks.publish.after import announce
from tasks.publish.promote import promote
from tasks.publish.staged import stage_changes
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout, protocol, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.records import LogEntry, Manifest
from tests.support import drill
from tests.support.atom import checked
from tests.support.drill import DATASET, Broken, bodies, contract
from tests.support.receiver import SECRET, Receiver
from tests.support.rejected import WHY, rejected

Candidates = Callable[[int], Built]


def publish(store: ObjectStore, built: Built) -> Manifest:
    """A publish with real changes, and its news."""
    draft = protocol.stage_data(store, protocol.claim(store, protocol.read_head(store, DATASET)), built)
    draft, counts = stage_changes(store, recipe_for(contract()), draft, {})
    manifest = drill.manifest_of(draft, built, "passed", utc_now)
    sealed = protocol.seal(store, draft, manifest.model_copy(update={"changes": counts}))
    done = protocol.swap(store, sealed).manifest
    announce(store, contract(), ("published", done.version))
    return done


def feeds(store: ObjectStore) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The entries of the dataset's feed and of that of all, each a valid feed."""
    ours, everything = (checked(store.get(layout.feed(d)).body) for d in (DATASET, None))
    for base, entries in ((f"{DATASET}/", ours), ("", everything)):
        for entry in entries:
            assert all(store.size(f"{base}{href}") is not None for href in entry["hrefs"].split()), (
                "links lead somewhere"
            )
            page = store.get(f"{base}{entry['href']}").body.decode()
            assert html.escape(entry["title"], quote=False) in page.replace("&#34;", '"').replace("&#39;", "'")
    return ours, everything


# ---------------------------------------------------------------------------- feeds


def test_the_feed_tells_what_was_published_promoted_and_yanked(store: ObjectStore, candidates: Candidates) -> None:
    one = publish(store, candidates(1))
    two = publish(store, candidates(2))
    bad = rejected(store, candidates(3))
    three = promote(store, contract(), bad, **WHY).manifest
    announce(store, contract(), ("promoted", three.version))
    yank.yank(store, DATASET, three.version, "wrong <unit> & more", replaced_by=two.version)
    announce(store, contract(), ("yanked", three.version))
    ours, everything = feeds(store)
    assert [e["title"] for e in ours] == [
        f"{DATASET}: {three.version} yanked: wrong <unit> & more; use {two.version}",
        f"{DATASET}: {three.version} promoted by A. Owner over the quality gate: vintage 2026-01, 6 revised rows",
        f"{DATASET}: {two.version} published: vintage 2026-01, 6 revised rows",
        f"{DATASET}: {one.version} published: vintage 2026-01, the first version, 6 rows",
    ]
    yanked, promoted, revised, first = (e["summary"] for e in ours)
    page = store.get(layout.news(DATASET, three.version)).body.decode()
    assert (
        page.index("yanked: wrong &lt;unit&gt; &amp; more") < page.index("promoted by A. Owner")
        and "<unit>" not in page
    )
    assert f"Readers of latest get {two.version}." in yanked and "wrong &lt;unit&gt; &amp; more" in yanked
    assert (
        f"rejected these figures as {bad} (1 critical check); A. Owner publishes them all the same: {WHY['reason']}"
        in promoted
    )
    assert "2026-01-01 exports_usd: 40,001,000,000 -&gt; 40,002,000,000 (+1,000,000)" in revised
    assert revised.count("<li>") == 10 and "<li>" not in first
    assert [e["id"] for e in everything] == [e["id"] for e in ours]


def test_a_feed_that_is_up_to_date_is_not_written(store: ObjectStore, candidates: Candidates) -> None:
    publish(store, candidates(1))
    moments: list[str] = []
    assert atom.refresh(Broken(store, lambda _, what: moments.append(what)), contract())
    assert len([m for m in moments if m.startswith("before")]) == 4, "latest.json, held.json and two feeds are read"
    assert not [m for m in moments if "replace" in m or "create" in m]


@pytest.mark.parametrize("damage", [None, b"<feed", b"<html/>", b'<feed xmlns="http://www.w3.org/2005/Atom"/>'])
def test_a_lost_or_damaged_feed_is_made_anew_as_it_was(
    damage: bytes | None, store: ObjectStore, candidates: Candidates
) -> None:
    for number in (1, 2):
        publish(store, candidates(number))
    for key in (layout.feed(DATASET), layout.feed()):
        whole = store.get(key)
        if damage is None:
            store.delete(key)
        else:
            store.replace(key, damage, whole.etag)
        assert atom.refresh(store, contract())
        assert store.get(key).body == whole.body


def test_the_feed_of_all_keeps_the_news_of_others_and_the_fifty_newest(
    local_store: ObjectStore, candidates: Candidates
) -> None:
    publish(local_store, candidates(1))
    at = "2026-01-01T00:00:00.000000Z"
    other = FeedEntry(
        "urn:uuid:1", "ip_trade_annual", "published", at, "theirs", "ip_trade_annual/news/x.html", "<p>x</p>"
    )
    many = [
        FeedEntry(f"urn:uuid:9{i}", *("partners", "published", at, "t", "partners/news/x.html", "b")) for i in range(60)
    ]
    known = parse(local_store.get(layout.feed()).body, None)
    for others, expected in (((other,), 2), ((other, *many), atom.ENTRIES)):
        body = render(Feed(known.id, None, known.title, known.author, (*others, *known.entries)))
        local_store.replace(layout.feed(), body, local_store.get(layout.feed()).etag)
        publish(local_store, candidates(expected))
        told = parse(local_store.get(layout.feed()).body, None)
        assert (len(told.entries), told.id) == (min(expected + 1, atom.ENTRIES), known.id)
        assert told.entries[0].dataset == DATASET


def test_what_is_damaged_is_told_as_such_and_the_event_stays_news(store: ObjectStore, candidates: Candidates) -> None:
    one, two = (publish(store, candidates(n)) for n in (1, 2))
    for version, path in ((one.version, "manifest.json"), (two.version, "changes.parquet")):
        key = layout.version(DATASET, version, path)
        store.replace(key, b"torn", store.get(key).etag)
    for key in (layout.feed(DATASET), layout.feed()):
        store.delete(key)
    announce(store, contract())
    ours, _ = feeds(store)
    assert "changes.parquet is not what was sealed" in ours[0]["summary"] and "6 revised" in ours[0]["title"]
    assert "What changed cannot be told" in ours[1]["summary"] and one.version in ours[1]["title"]


# ------------------------------------------------------------ pages


def test_a_lost_page_is_made_again_by_the_upkeep_as_it_was(store: ObjectStore, candidates: Candidates) -> None:
    for number in (1, 2):
        publish(store, candidates(number))
    key = layout.news(DATASET, protocol.read_head(store, DATASET).manifest.version)  # type: ignore[union-attr]
    whole = store.get(key).body
    store.delete(key)
    announce(store, contract())
    assert store.get(key).body == whole


def test_a_feed_from_before_there_were_pages_is_made_anew_with_them(
    local_store: ObjectStore, candidates: Candidates
) -> None:
    one = publish(local_store, candidates(1))
    before = {key: local_store.get(key) for key in (layout.feed(DATASET), layout.feed())}
    for key, stored in before.items():
        old = stored.body.replace(b'type="text/html"', b'type="application/json"')
        local_store.replace(key, old, stored.etag)
    local_store.delete(layout.news(DATASET, one.version))
    assert atom.refresh(local_store, contract())
    assert {key: local_store.get(key).body for key in before} == {key: s.body for key, s in before.items()}
    assert local_store.size(layout.news(DATASET, one.version))


@pytest.mark.s3
def test_a_browser_is_told_that_a_page_is_one(s3: Any, candidates: Candidates) -> None:
    store = open_store(s3.place().url)
    one = publish(store, candidates(1))
    told = {
        key: store.filesystem().info(store.uri(key)).get("ContentType", "")
        for key in (layout.news(DATASET, one.version), layout.feed(), layout.latest(DATASET))
    }
    assert list(told.values()) == ["text/html; charset=utf-8", "application/atom+xml", "application/json"]


text = st.text(min_size=1).filter(str.strip)


@given(st.lists(st.tuples(text, text), min_size=1, max_size=3))
def test_any_words_of_a_person_make_a_valid_feed(words: list[tuple[str, str]]) -> None:
    at = "2026-01-01T00:00:00.000000Z"
    entries = [
        FeedEntry(f"urn:uuid:{i}", DATASET, "yanked", at, f"{DATASET}: {a}", f"{DATASET}/news/x.html", f"<p>{b}</p>")
        for i, (a, b) in enumerate(words)
    ]
    feed = Feed("urn:uuid:f", DATASET, "title", "author", tuple(entries))
    assert len(checked(render(feed))) == len(words)
    again = render(parse(render(feed), DATASET))
    assert render(parse(again, DATASET)) == again, "taken over as it is"


@given(st.lists(st.tuples(text, text), min_size=1, max_size=3))
def test_a_page_shows_any_words_of_a_person_and_does_nothing(words: list[tuple[str, str]]) -> None:
    entry = LogEntry(seq=1, event="yanked", version="2026-01-01.0001", at="2026-01-01T00:00:00.000000Z")
    told = [News("urn:uuid:1", DATASET, entry, f"{a}<script>", (f"<img src=x>{b}",), (), "", None) for a, b in words]
    written = "# title\n\n<script>alert(1)</script> ![x](http://a/b) [y](javascript:z)\n\n" + "\n".join(
        b for _, b in words
    )
    page = news_page.render(load_contract(DATASET), told, [("<b>", "1")], written, None).decode()
    assert (
        "<script" not in page
        and 'javascript:z"' not in page
        and page.count("<a ") == 4
        and "<img" not in page
        and "<b>" not in page
    )
    assert "default-src 'none'" in page


def test_the_largest_changes_come_first_revisions_before_what_went_and_came() -> None:
    import polars as pl

    rows = [("revised", f"k{i}", "v", str(i), str(i + i * (-1) ** i)) for i in range(1, 13)]
    rows += [
        ("new", "n", "v", None, "99999"),
        ("removed", "r", "v", "5", None),
        ("representation", "p", "v", "0", "1e9"),
    ]
    frame = pl.DataFrame(rows, schema=["kind", "key", "column", "old", "new"], orient="row")
    assert [c.key for c in largest_of(frame)] == [f"k{i}" for i in range(12, 2, -1)]
    few = largest_of(frame.filter(pl.col("key").is_in(["k1", "n", "r", "p"])))
    assert [c.words() for c in few] == ["k1 v: 1 -> 0 (-1)", "r v: 5 -> none (removed)", "n v: none -> 99,999 (new)"]
    words = pl.DataFrame([("revised", "a", "g", "01", "02")], schema=frame.columns, orient="row")
    assert largest_of(words)[0].words() == "a g: 01 -> 02"


# ----------------------------------------------------------------------- subscribers


@contextmanager
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Every log line of every library; none has an address."""
    with caplog.at_level(logging.DEBUG):
        yield
    assert SECRET not in caplog.text


def test_a_subscriber_is_told_of_each_event_once_with_the_head_of_what_changed(
    store: ObjectStore, candidates: Candidates, subscribed: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    publish(store, candidates(1))
    with Receiver() as receiver, everything_logged(caplog):
        subscribed(ours=receiver.address, others=(receiver.address + "never", "ip_trade_annual"))
        two = publish(store, candidates(2))
        announce(store, contract())
        yank.yank(store, DATASET, two.version, "wrong")
        announce(store, contract(), ("yanked", two.version))
    assert [(t["event"], t["version"], t["seq"]) for t in receiver.told] == [
        ("published", two.version, 2), ("yanked", two.version, 3),
    ]  # fmt: skip
    first, second = receiver.told
    assert first["rows"] == 6 and first["changes"]["rows"]["revised"] == 6 and len(first["largest_changes"]) == 10
    assert first["largest_changes"][0]["kind"] == "revised" and store.size(first["manifest"])
    assert (second["reason"], second["rows"]) == ("wrong", None)
    assert {first["id"], second["id"]} <= {e["id"] for e in feeds(store)[0]}
    assert SECRET not in "".join(map(repr, bodies(store).values()))


@pytest.mark.parametrize("answers", [(503, 429), (0, 500)])
def test_a_subscriber_that_stumbles_is_asked_again_at_once(
    answers: tuple[int, ...], local_store: ObjectStore, candidates: Candidates, subscribed: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    with Receiver(*answers) as receiver, everything_logged(caplog):
        subscribed(ours=receiver.address)
        one = publish(local_store, candidates(1))
    assert [t["version"] for t in receiver.told] == [one.version] and receiver.requests == 3


@pytest.mark.parametrize(
    ("answers", "asked", "told"),
    [
        ((500, 500, 500), 3, "status 500, in 3 attempts"),
        ((404,), 1, "status 404, in 1 attempt"),
        ((307,), 1, "status 307, in 1 attempt"),
        ((0, 0, 0), 3, "in 3 attempts"),
    ],
)
def test_what_a_subscriber_did_not_take_is_told_by_the_next_run_and_hides_nothing_from_the_others(
    answers: tuple[int, ...], asked: int, told: str, local_store: ObjectStore, candidates: Candidates,
    subscribed: Callable[..., None], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    with Receiver(*answers) as broken, Receiver() as good, everything_logged(caplog):
        subscribed(broken=broken.address, good=good.address)
        one = publish(local_store, candidates(1))
        assert (broken.requests, broken.told) == (asked, [])
        assert [t["version"] for t in good.told] == [one.version]
        (line,) = [r.message for r in caplog.records if r.levelno >= logging.WARNING and r.name == "techtrade"]
        assert f"broken was not told that {DATASET}@{one.version} is published" in line and told in line
        two = publish(local_store, candidates(2))
    for receiver in (broken, good):
        assert [t["version"] for t in receiver.told] == [one.version, two.version], "oldest first, each once"


def test_a_subscriber_that_is_away_or_has_no_address_fails_no_publish(
    local_store: ObjectStore, candidates: Candidates, subscribed: Callable[..., None],
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with Receiver() as gone:
        pass
    with everything_logged(caplog):
        subscribed(
            gone=gone.address,
            none=" ",
            odd=f"ftp://{SECRET}",
            plain=f"http://example.org/{SECRET}",
            bad=f"https://[{SECRET}",
        )
        one = publish(local_store, candidates(1))
    assert drill.intact(local_store) == one.version
    told = [r.message for r in caplog.records if r.levelno >= logging.WARNING and r.name == "techtrade"]
    assert [t.split(" ")[0] for t in told] == ["gone", "none", "odd", "plain", "bad"]
    assert "ConnectError" in told[0] and "HOOK_NONE is not set" in told[1] and "no https:// address" in told[2]


def test_a_killed_run_s_news_are_told_by_the_next(
    local_store: ObjectStore, candidates: Candidates, subscribed: Callable[..., None]
) -> None:
    with Receiver() as receiver:
        subscribed(ours=receiver.address)
        publish(local_store, candidates(1))
        silent = drill.publish(local_store, candidates(2)).manifest.version  # published, and killed before it told
        announce(local_store, contract())
        assert [t["version"] for t in receiver.told][1:] == [silent]
        assert [silent in e["title"] for e in feeds(local_store)[0]] == [True, False]


def test_events_are_told_in_their_order_however_often_one_is_not_taken(
    local_store: ObjectStore, candidates: Candidates, subscribed: Callable[..., None]
) -> None:
    with Receiver() as receiver:
        subscribed(ours=receiver.address)
        one = publish(local_store, candidates(1))
        two = drill.publish(local_store, candidates(2)).manifest  # published, and killed before it told
        receiver.answers = [500, 500, 500]
        three = publish(local_store, candidates(3))
        assert [t["version"] for t in receiver.told] == [one.version], "the third does not overtake the second"
        announce(local_store, contract())
        assert [t["version"] for t in receiver.told] == [one.version, two.version, three.version]


def test_nothing_is_read_or_written_where_nobody_subscribed(local_store: ObjectStore, candidates: Candidates) -> None:
    publish(local_store, candidates(1))
    assert local_store.size(layout.announced(DATASET)) is None
    moments: list[str] = []
    assert webhooks.deliver(Broken(local_store, lambda _, what: moments.append(what)), contract())
    assert moments == []


@pytest.mark.parametrize("broken", ["feed", "subscribers"])
def test_news_that_cannot_be_told_fail_nothing(
    broken: str, local_store: ObjectStore, candidates: Candidates, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    if broken == "feed":
        replace = local_store.replace

        def full(key: str, body: bytes, etag: str | None) -> str:
            if key.endswith("feed.xml"):
                raise StoreUnavailableError("full")
            return replace(key, body, etag)

        monkeypatch.setattr(local_store, "replace", full)
    else:
        (tmp_path / "subscribers.yaml").write_text("subscribers: [{id: a, address: https://example.org}]")
        monkeypatch.setattr(config, "SUBSCRIBERS", tmp_path / "subscribers.yaml")
    one = publish(local_store, candidates(1))
    assert drill.intact(local_store) == one.version
    (line,) = [r.message for r in caplog.records if r.levelno >= logging.WARNING]
    assert "a later run will" in line if broken == "feed" else "the subscribers were not told: ConfigError" in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("subscribers: [{id: a, address_variable: https://hooks.example.org/x}]", "address_variable"),
        ("subscribers: [{id: a, address_variable: A, datasets: [no_such]}]", "no_such"),
        ("subscribers: [{id: a, address_variable: A}, {id: a, address_variable: B}]", "stands twice"),
        ("subscribers: {", "not YAML"),
    ],
)
def test_a_wrong_file_of_subscribers_is_told(text: str, told: str, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "subscribers.yaml").write_text(text)
    monkeypatch.setattr(config, "SUBSCRIBERS", tmp_path / "subscribers.yaml")
    with pytest.raises(ConfigError, match=told):
        config.load_subscribers()


def test_the_news_of_a_major_step_say_what_readers_have_to_change(
    local_store: ObjectStore, candidates: Candidates
) -> None:
    publish(local_store, candidates(1))
    head = protocol.read_head(local_store, DATASET)
    for number, more in ((2, {}), (3, {"schema_version": "2.0.0", "breaking_note": "exports are in another unit"})):
        draft = protocol.stage_data(local_store, protocol.claim(local_store, head), candidates(number))
        manifest = drill.manifest_of(draft, candidates(number), "passed", utc_now)
        told = {"schema_version": "1.0.0"} | more
        protocol.swap(local_store, protocol.seal(local_store, draft, manifest.model_copy(update=told)))
        head = protocol.read_head(local_store, DATASET)
    latest = head.latest
    lines = [" ".join(news_of(local_store, load_contract(DATASET), latest, e).lines) for e in latest.log]
    assert ["exports are in another unit" in line for line in lines] == [False, False, True]
