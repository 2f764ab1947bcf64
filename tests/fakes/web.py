"""A web server that answers as a test says, byte by byte where it must."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request, with what a test needs to answer it."""

    protocol_version = "HTTP/1.1"
    server: FakeWeb

    def answer(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def content(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _serve(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        self.server.respond(self)

    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815 - the standard library's names

    def log_message(self, *_: object) -> None:
        pass


class FakeWeb(ThreadingHTTPServer):
    """Listens on loopback; `requests` are the request lines, `respond` may be set at any time."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, respond: Answer = Request.answer) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.respond = respond
        self.requests: list[str] = []
        self.connections = 0
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def verify_request(self, request: object, client_address: object) -> bool:
        self.connections += 1
        return True

    @property
    def door(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()
