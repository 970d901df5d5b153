"""One extraction: asks a publisher, archives what comes, and takes up where an interrupted run was cut off.

What a run has got is noted in the archive, one note a document, when the next one is asked for; a run that comes to
its end drops its notes. The next run of the same *plan* (the same things asked for, in the same state of the
publisher) begins with what is noted and asks only for the rest. A plan is named by the source: with the newest month
expected in it, a document of before a release is never put together with one of after it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from configs.errors import MissingKeyError, PassingAnswerError, SourceLayoutError, SourceResponseError
from configs.settings import Keys, source_key, source_settings
from tasks.common.redact import without_secrets
from tasks.extract.http.client import Client
from tasks.extract.http.responses import Answer, RemoteFile
from tasks.extract.source import FetchRequest
from tasks.raw.documents import Archive, RawDocument

log = logging.getLogger("techtrade")
END, END_BYTES = "end sha256:", 65_536
Judge = Callable[[RawDocument], object]


class Session:
    """A context: leaving it without an error means that the plan came to its end.

    Args:
        source: names settings, key and archive.
        plan: what makes documents of two runs belong together, beyond source and dataset. None: nothing does (pages
            of one state that must be read in one go), and nothing is resumed.
        lasting: what was got is noted at once, and the notes stay until they are old, whatever plan ended: for
            documents that are each told by themselves whether they are still what the publisher has (``download``).

    Raises:
        MissingKeyError: the source needs a key and its address is not a file.
        ConfigError: the key does not look like one.
    """

    def __init__(
        self, source: str, ask: FetchRequest, archive: Archive, *, plan: str | None = None, lasting: bool = False
    ) -> None:
        self._lasting = lasting
        self.source, self.settings = source, source_settings(source)
        self._archive, self._ask = archive, ask
        self._client = Client(source, self.settings, _key(source, self.settings.url, ask.keys), ask.meter, ask.began)
        # Without what may be a signature: it changes from day to day, and a hash of it would be written down.
        digest = hashlib.sha256(f"{plan} {without_secrets(self.settings.url)}".encode()).hexdigest()[:16]
        self._plan = f"{ask.dataset}/{digest}" if plan is not None else None
        self._pending: RawDocument | None = None
        self._had: Mapping[str, RawDocument] = {}

    def __enter__(self) -> Session:
        if self._plan is not None:
            since = self._ask.now - timedelta(hours=self.settings.resume_hours)
            self._had = self._archive.unfinished(self.source, self._plan, since)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._plan is None:
            return
        if kind is None and not self._lasting:
            self._archive.finished(self.source, self._plan)
        else:
            self._note_pending()

    def get(
        self,
        role: str,
        url: str,
        params: Mapping[str, str] | None = None,
        *,
        judge: Judge | None = None,
        suffix: str = ".json",
        empty_ok: bool = False,
        attempts: int | None = None,
        media: str = "",
    ) -> RawDocument:
        """One document, archived verbatim with secrets removed before ``judge`` looks into it.

        ``judge`` raises ``PassingAnswerError`` for an answer that is worth asking again, or any ``SourceError``. With
        ``media`` an answer of another content type is refused, after ``judge`` has had the chance to say what it is.

        Raises:
            SourceError: see ``Client.get``; or what ``judge`` raises.
        """
        if (had := self._had.get(role)) is not None:
            self._ask.meter.resumed += 1
            return had
        self._note_pending()

        def receive(answer: Answer) -> RawDocument:
            body = self._client.scrub.bytes(answer.body)
            document = self._archive.keep(self.source, role, answer.url, body, suffix)
            if empty_ok and answer.status == 200 and not body:
                told = f"{answer.url} answered with status 200 and nothing in it"
                raise PassingAnswerError(self.source, told, raw_keys=(document.raw_key,))
            if judge is not None:
                judge(document)
            if media and answer.status == 200 and answer.content_type and not answer.content_type.startswith(media):
                told = f"{answer.url} answered with {answer.content_type}, not {media}; check the address"
                raise SourceResponseError(self.source, told, raw_keys=(document.raw_key,))
            return document

        document = self._client.get(url, params, receive, attempts=attempts, empty_ok=empty_ok)
        self._pending = document
        log.info("%s: %s, %s bytes", self.source, role, f"{document.size:,}")
        return document

    def same(self, found: RemoteFile, had: RawDocument) -> bool | None:
        """Whether a document is what the publisher has now. Told by ``Last-Modified``, or where that is missing by size
        and a hash of the end of the file, where a ZIP has the checksums of all its members; None where the publisher
        tells no time, no size, and gives no parts."""
        if found.modified and had.modified and not had.modified.startswith(END):
            return found.is_of(had)
        if found.size is not None and found.size != had.size:
            return False
        try:
            end = self._client.tail(found.url, END_BYTES, lambda answer: end_of(answer.body))
        except SourceLayoutError:  # given whole only
            return True if found.size is not None else None
        return end == (had.modified if had.modified.startswith(END) else end_of(had.body))

    def find(self, url: str) -> RemoteFile | None:
        """What the publisher says of a file, None if it is not there. Raises as ``Client.head`` does."""
        return self._client.head(url)

    def download(self, role: str, found: RemoteFile, judge: Callable[[Path], object], suffix: str) -> RawDocument:
        """One file of any size, archived verbatim from disk after ``judge`` has looked into it.

        Args:
            found: what the publisher says of the file now; what an earlier run got is taken only if it was of that.

        ``judge`` raises a ``SourceError``. What it refuses is not archived: such a file can be of any size, and be
        anything.

        Raises:
            SourceError: see ``Client.download``; or what ``judge`` raises.
        """
        had = self._had.get(role)
        if had is not None and self.same(found, had):
            self._ask.meter.resumed += 1
            return had
        self._note_pending()
        with TemporaryDirectory(prefix="techtrade-") as scratch:
            file = Path(scratch) / f"download{suffix}"
            got = self._client.download(found.url, file)
            judge(file)
            modified = got.modified or end_of(_last(file))
            document = self._archive.keep_file(self.source, role, got.url, file, suffix, modified)
        self._pending = document
        if self._lasting:
            self._note_pending()
        log.info("%s: %s, %s bytes", self.source, role, f"{document.size:,}")
        return document

    def _note_pending(self) -> None:
        if self._plan is not None and self._pending is not None:
            self._archive.note(self.source, self._plan, self._pending)
        self._pending = None


def end_of(body: bytes) -> str:
    """What stands for ``Last-Modified`` of a file that comes without: a hash of its end."""
    return END + hashlib.sha256(body[-END_BYTES:]).hexdigest()


def _last(file: Path) -> bytes:
    with open(file, "rb") as opened:
        opened.seek(max(0, file.stat().st_size - END_BYTES))
        return opened.read()


def _key(source: str, url: str, keys: Keys) -> str | None:
    try:
        return source_key(source, keys)
    except MissingKeyError:
        if url.startswith("file:"):
            return None
        raise
