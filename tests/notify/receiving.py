"""An HTTP server on loopback that keeps what it is sent, and what is sent to it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from temporal_graph import Accepted, Interrupt
from temporal_graph.notify import Notification

SECRET = "a secret for tests, and long enough"
OTHER_SECRET = "another secret for tests, as long"


def moment(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def question(**changed: Any) -> Interrupt:
    fields: dict[str, Any] = {
        "interrupt_id": "Review:1",
        "node_id": "Review",
        "kind": "node",
        "value": {"amount": 30, "log": []},
        "response_schema": {"type": "object"},
        "created_at": moment("2026-11-20 09:00"),
    }
    return Interrupt(**{**fields, **changed})


def accepted(**changed: Any) -> Accepted:
    fields: dict[str, Any] = {"interrupt_id": "Review:1", "answered_at": moment("2026-11-21 10:00")}
    return Accepted(**{**fields, **changed})


def notification(**changed: Any) -> Notification:
    fields: dict[str, Any] = {
        "id": "order-17/Review:1/opened",
        "event": "opened",
        "at": moment("2026-11-20 09:00"),
        "graph": "refund",
        "run_id": "order-17",
        "interrupt": question(),
    }
    return Notification(**{**fields, **changed})


@dataclass
class Request:
    method: str
    path: str
    headers: Message
    body: bytes


@dataclass
class Receiver:
    """Answers each request with the next of `statuses`, and the last of them from then on.

    Attributes:
        answered: With which status each request was answered.
        port: Where it listens; 0 for any that is free.
    """

    statuses: list[int] = field(default_factory=lambda: [200])
    reply: bytes = b"thank you"
    reply_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    requests: list[Request] = field(default_factory=list[Request])
    answered: list[int] = field(default_factory=list[int])
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with receiver.lock:
                    receiver.requests.append(Request(self.command, self.path, self.headers, body))
                    status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
                    receiver.answered.append(status)
                self.send_response(status)
                for name, value in receiver.reply_headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(receiver.reply)))
                self.end_headers()
                with suppress(ConnectionError):  # whoever asked may have seen enough
                    self.wfile.write(receiver.reply)

            do_GET = do_POST = handle_any

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"
