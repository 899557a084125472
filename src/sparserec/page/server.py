"""A server for this machine alone, to look at a page."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from sparserec.errors import SparserecError

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".safetensors": "application/octet-stream",
    ".wasm": "application/wasm",
}
HEADERS = {
    # Keeps other sites out of this page's process, for which browsers give it a finer clock.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


PAGE = ("index.html", "sw.js")
"""What `write_page` writes."""
_THIS_MACHINE = re.compile(r"(?:127\.0\.0\.1|localhost)(?::\d+)?", re.IGNORECASE)


class PageServer(ThreadingHTTPServer):
    """Serves a page on the loopback address. Use `with`, then `serve_forever`.

    Args:
        folder: where the files are; links that lead out of it are not served.
        port: 0 for any that is free.
        names: the files of the folder that are served; all that are in it when None. By default those of a page, so
            that a folder may hold anything else.

    Raises:
        SparserecError: when the port is taken.
    """

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0, names: Sequence[str] | None = PAGE):
        root = folder.resolve()
        wanted = root.rglob("*") if names is None else map(root.joinpath, names)
        paths = (path for path in wanted if path.is_file() and path.resolve().is_relative_to(root))
        # Only names in this table are answered, so no request can reach another file.
        files = {"/" + path.relative_to(root).as_posix(): path for path in paths}
        if "/index.html" in files:
            files["/"] = files["/index.html"]
        try:
            super().__init__(("127.0.0.1", port), partial(_Handler, files))
        except OSError as error:
            raise SparserecError(f"port {port} cannot be used ({error.strerror}); give another") from None

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing where a browser went away, as one does whose tab is closed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # what the server hands on

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, files: dict[str, Path], *args: object):
        self._files = files
        super().__init__(*args)  # type: ignore[arg-type]  # what the server hands on

    def do_GET(self) -> None:
        """Answer with a file."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer with the headers of a file."""
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        # A name that leads here from elsewhere is how another site could read the page. Browsers leave port 80 out.
        if not _THIS_MACHINE.fullmatch(self.headers.get("Host", "")):
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        path = self._files.get(unquote(self.path.partition("?")[0]))
        try:
            data = None if path is None else path.read_bytes()
        except OSError:
            data = None
        if path is None or data is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", TYPES.get(path.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(data)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: library code does not print."""
