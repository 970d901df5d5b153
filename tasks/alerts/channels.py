"""Getting a message to somebody: apprise, asked again by stamina, then the fallback.

apprise answers False and logs why, at debug level with addresses, tokens and payloads; the HTTP library below it logs
each path, which for a chat service *is* the password. So while it works none of these loggers is heard, whatever level
anybody set; the reasons it gives are caught, and told without any part of the address.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import stamina

from configs.alerts import AlertSettings
from tasks.alerts.message import TEXT, Attached, Message
from tasks.common.redact import Redactor

TALKATIVE = ("apprise", "urllib3", "urllib3.connectionpool", "urllib3.util.retry", "requests", "charset_normalizer")
_TYPES = {"failure": "failure", "warning": "warning", "good": "success"}

# From the name of a channel to its address, None where it is not set.
Resolve = Callable[[str], str | None]


class NotTakenError(Exception):
    """A channel did not take a message. The text has no part of its address."""


class NoSuchAddressError(NotTakenError):
    """What is set is no address, so that trying again changes nothing."""


@dataclass(frozen=True)
class Delivery:
    """What came of a message: the channels that took it, and why others did not."""

    taken_by: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())

    @property
    def delivered(self) -> bool:
        return bool(self.taken_by)


def deliver(message: Message, owner: str, settings: AlertSettings, resolve: Resolve) -> Delivery:
    """Sends to each of the owner's channels; to the fallback as well, if one of them does not take it or if there is
    none. Never raises: what went wrong is in the answer."""
    first = reachable(settings.channels(owner), resolve)
    taken, problems = _each(message, first, settings, resolve)
    if problems or not first:
        spare = [c for c in reachable(settings.fallback, resolve) if c not in first]
        more, also = _each(message, spare, settings, resolve)
        taken, problems = [*taken, *more], [*problems, *also]
    return Delivery(tuple(taken), tuple(problems))


def reachable(channels: Sequence[str], resolve: Resolve) -> list[str]:
    """Those of the channels that are set. One that cannot be looked up counts: sending to it will say so."""
    found = []
    for channel in channels:
        try:
            if resolve(channel):
                found.append(channel)
        except Exception:  # noqa: BLE001 - of whatever keeps the addresses, Prefect's server for one
            found.append(channel)
    return found


def _each(
    message: Message, channels: Sequence[str], settings: AlertSettings, resolve: Resolve
) -> tuple[list[str], list[str]]:  # fmt: skip
    taken, problems = [], []
    for channel in channels:
        try:
            _insist(message, channel, settings, resolve)
            taken.append(channel)
        except NotTakenError as e:
            problems.append(f"{channel}: {e}")
    return taken, problems


def _insist(message: Message, channel: str, settings: AlertSettings, resolve: Resolve) -> None:
    # A mail server greylists, a chat service limits: both say no at first and yes a little later.
    for attempt in stamina.retry_context(
        on=lambda e: isinstance(e, NotTakenError) and not isinstance(e, NoSuchAddressError),
        attempts=settings.attempts,
        timeout=None,
        wait_initial=settings.backoff_seconds,
        wait_max=30,
        wait_jitter=settings.backoff_seconds / 2,
    ):
        with attempt:
            _once(message, channel, resolve)


def _once(message: Message, channel: str, resolve: Resolve) -> None:
    try:
        url = resolve(channel)
    except Exception as e:  # noqa: BLE001 - its text may hold anything
        raise NotTakenError(f"its address could not be looked up ({type(e).__name__})") from None
    if not url:
        raise NoSuchAddressError("it is not set")
    told: list[str] = []
    with _unheard(told):
        taken = _notify(message, url, told)
    if not taken:
        raise NotTakenError(_reason(told, url))


def _notify(message: Message, url: str, told: list[str]) -> bool:
    import apprise

    try:
        service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        taken = service is not None and bool(service.notify(**_as_taken_by(service, message)))
    except Exception as e:  # noqa: BLE001 - of any of a hundred plugins; its text may hold the address
        told[:] = [type(e).__name__]
        return False
    if service is None:
        raise NoSuchAddressError("what it holds is no address that apprise knows")
    return taken


def _as_taken_by(service: Any, message: Message) -> dict[str, Any]:
    """Return HTML and files for mail, text for all others: what they make of HTML differs too much."""
    import apprise

    by_mail = service.secure_protocol == "mailtos"
    return {
        "title": message.subject,
        "body": message.html if by_mail else message.cut(room(service, message.subject)),
        "body_format": apprise.NotifyFormat.HTML if by_mail else apprise.NotifyFormat.TEXT,
        "notify_type": apprise.NotifyType(_TYPES[message.level]),
        "attach": [_file(a) for a in message.attached] if by_mail and message.attached else None,
    }


def room(service: Any, subject: str) -> int:
    """Return how long the text may be: some services take less than a chat window, and some put the subject into it."""
    return max(80, min(TEXT, int(service.body_maxlen) - (0 if service.title_maxlen > 0 else len(subject) + 4)))


def _file(attached: Attached) -> Any:
    from apprise.attachment.memory import AttachMemory

    return AttachMemory(  # type: ignore[no-untyped-call]
        content=attached.body.encode(), name=attached.name, mimetype="text/html"
    )


@contextmanager
def _unheard(told: list[str]) -> Iterator[None]:
    """Keeps what talks of addresses from every handler; reasons of apprise go to ``told``."""

    def catch(record: logging.LogRecord) -> bool:
        if record.name == "apprise" and record.levelno >= logging.WARNING:
            told.append(record.getMessage())
        return False

    loggers = [logging.getLogger(name) for name in TALKATIVE]
    for logger in loggers:
        logger.addFilter(catch)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(catch)


def _reason(told: Sequence[str], url: str) -> str:
    return Redactor(parts_of(url)).text(" ".join(" ".join(told).split()) or "it gave no reason")[:200]


def parts_of(url: str) -> list[str]:
    """Every part of an address that could be a secret: all but the kind of service, and what is too short to be told
    from a word, unless it is a password."""
    split = urlsplit(url)
    parts = [p for p in re.split(r"[/?&=:@,;#+]+", url.partition("://")[2]) if len(p) > 3]
    named = [p for p in (split.username, split.password) if p]
    return [url, *parts, *named, *(unquote(p) for p in (*parts, *named))]
