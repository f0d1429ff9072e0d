"""Reads requests from the network and writes the answers."""

from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from . import routing, smart_http
from .answers import Answer, Refused
from .requests import Request, Sent

if TYPE_CHECKING:
    from .service import GitHub


class Listener(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def serve(self) -> None:
        """Answer one request and record it."""
        github: GitHub = self.server.github  # type: ignore[attr-defined]
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request.read(github, self.command, self.path, headers, self._body())
        secret = request.secret()
        request.token = github.tokens.get(secret) if secret else None
        actor = request.token.actor.login if request.token else None
        sent = Sent(request.method, request.path, request.query, request.body, actor, request.token)
        with github.lock:
            github.sent.append(sent)
            fault = github.faults.meet(f"{request.method} {request.path}")
        if fault and fault.action:
            fault.action()
        elif fault and fault.answer is None and fault.heard == 1.0:
            self.close_connection = True
            return
        answer = fault.answer if fault and fault.answer else self._answer(request, sent, secret)
        sent.status = answer.status
        self._write(answer, fault.heard if fault else 1.0)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve

    def _answer(self, request: Request, sent: Sent, secret: str | None) -> Answer:
        """Git, or the API."""
        try:
            if secret and request.token is None and not routing.is_storage(request):
                raise Refused(401)
            if (address := smart_http.ADDRESS.fullmatch(request.path)) is not None:
                return smart_http.serve(request, address)
            with request.github.lock:
                return routing.serve(request, sent)
        except Refused as refused:
            return refused.answer()
        except Exception:
            # The client sees a failure, the test's output the cause.
            self.server.handle_error(self.request, self.client_address)
            return Refused(500, "Server Error").answer()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _write(self, answer: Answer, heard: float) -> None:
        body = answer.body()
        self.close_connection |= heard < 1.0
        if not heard:
            return
        self.send_response(answer.status)
        kind = "application/octet-stream" if isinstance(answer.content, bytes) else None
        headers = {"Content-Type": kind or "application/json; charset=utf-8", **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: round(heard * len(body))])

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing: `sent` has it all."""
