"""A real mail server and a real web hook on loopback, as channels of alerts. Both ask for a password."""

from __future__ import annotations

import email
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage, Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

USER, PASSWORD = "watch", "canary-p4ssw0rd-of-mail"
TOKEN = "canary-t0ken-of-hook"


class Mailbox:
    """What came. ``refuse``: the server answers every mail with an error that passes."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuse = False
        self.tries = 0
        self.url = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.tries += 1
        if self.refuse:
            return "451 4.7.1 try again later"
        self.mails.append(cast(EmailMessage, email.message_from_bytes(envelope.content, policy=default)))
        return "250 OK"

    @property
    def subjects(self) -> list[str]:
        return [str(m["subject"]) for m in self.mails]


def body(mail: Message, kind: str) -> str:
    """The part of that kind (``plain``, ``html``) of a mail."""
    part = cast(EmailMessage, mail).get_body((kind,))
    assert part is not None
    return str(part.get_content())


class _AnyPort(Controller):
    """On a port that the system chose; the base would look for itself at port 0."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    box = Mailbox()

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)  # so that the server says no, and is not waited for

    controller = _AnyPort(
        box, hostname="127.0.0.1", port=0, authenticator=authenticate, auth_required=True, auth_require_tls=False
    )
    controller.start()
    try:
        box.url = f"mailto://{USER}:{PASSWORD}@127.0.0.1:{controller.port}/?from=watch@example.org&to=owner@example.org&mode=insecure"
        yield box
    finally:
        controller.stop()


class Hook:
    """A web hook. ``status``: what it answers; ``refusals``: how often it says 503 first; ``posts``: what it took."""

    def __init__(self) -> None:
        self.status = 200
        self.refusals = 0
        self.tries = 0
        self.posts: list[dict[str, Any]] = []
        self.url = ""


def headings(posts: Iterable[Mapping[str, Any]]) -> list[str]:
    """The titles of alerts, with the kind of failure (the second line) in place of the diagnosis, whose words vary."""
    return [_heading(str(p["title"]), str(p["message"]).splitlines()) for p in posts]


def _heading(title: str, lines: list[str]) -> str:
    failed = re.match(r"techtrade (?:FAILED|WARNING): [^:]+: ", title)
    if failed is None or len(lines) < 2:
        return title
    kind = re.split(r", in stage |: ", lines[1])[0]
    return failed[0] + kind[0].lower() + kind[1:]


@contextmanager
def web_hook() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers["Content-Length"]))
            hook.tries += 1
            status = 503 if hook.tries <= hook.refusals else hook.status if self.path == f"/{TOKEN}" else 403
            if status == 200:
                hook.posts.append(json.loads(said))
            # Like services that say back what they did not like.
            answer = b"ok" if status == 200 else b"no such thing: " + self.path.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        hook.url = f"json://127.0.0.1:{server.server_port}/{TOKEN}"
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
