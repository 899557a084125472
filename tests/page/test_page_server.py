"""The local server answers with the files of its folder, to this machine, and with nothing else."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from contextlib import contextmanager

import pytest

from sparserec import SparserecError
from sparserec.page import PageServer


@pytest.fixture
def folder(tmp_path):
    """A folder of a page and of other things, with a secret beside it."""
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "site"
    (folder / "sub").mkdir(parents=True)
    for name in ("index.html", "sw.js", "sub/app.js", "sub/index.html", "m.wasm", "model.safetensors", "a b.css"):
        (folder / name).write_text(name)
    (folder / "link").symlink_to(tmp_path / "secret")
    return folder


@contextmanager
def running(server):
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def site(folder):
    """All of the folder is served."""
    with running(PageServer(folder, names=None)) as server:
        yield server


def ask(server: PageServer, path: str, method: str = "GET", host: str | None = None) -> tuple[int, dict, str]:
    link = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    link.putrequest(method, path, skip_host=True)
    link.putheader("Host", host if host is not None else f"127.0.0.1:{server.server_port}")
    link.endheaders()
    answer = link.getresponse()
    received = answer.status, dict(answer.getheaders()), answer.read().decode()
    link.close()
    return received


@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/index.html?x=1", "index.html", "text/html; charset=utf-8"),
        ("/sub/app.js", "sub/app.js", "text/javascript; charset=utf-8"),
        ("/m.wasm", "m.wasm", "application/wasm"),
        ("/model.safetensors", "model.safetensors", "application/octet-stream"),
        ("/a%20b.css", "a b.css", "text/css; charset=utf-8"),
    ],
)
def test_files(site, path, name, kind):
    status, headers, body = ask(site, path)
    assert (status, body) == (200, name)
    assert headers["Content-Type"] == kind
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Length"] == str(len(name))
    assert ask(site, path, "HEAD")[::2] == (200, "")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/sub/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/sub/..%5c..%5csecret",
        "//secret",
        "/link",
        "/sub",
        "/sub/",
        "/absent",
        "/index.html/",
        "/index.html%00",
        "secret",
        "http://127.0.0.1/secret",
    ],
)
def test_nothing_else(site, path):
    status, _, body = ask(site, path)
    assert status == 404
    assert "secret" not in body.replace(path, "")


def test_only_the_page_is_served(folder):
    """Whatever else lies in its folder: the model, notes, a key."""
    with running(PageServer(folder)) as server:
        assert [ask(server, path)[::2] for path in ("/", "/index.html", "/sw.js")] == [
            (200, "index.html"),
            (200, "index.html"),
            (200, "sw.js"),
        ]
        for path in ("/model.safetensors", "/m.wasm", "/sub/app.js", "/sub/index.html", "/sub/", "/link", "/a%20b.css"):
            assert ask(server, path)[0] == 404, path


def test_a_page_that_leads_elsewhere_is_not_served(tmp_path, folder):
    (folder / "sw.js").unlink()
    (folder / "sw.js").symlink_to(tmp_path / "secret")
    with running(PageServer(folder)) as server:
        assert ask(server, "/sw.js")[0] == 404
        assert ask(server, "/")[0] == 200


def test_other_methods(site):
    assert ask(site, "/", "POST")[0] == 501


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1:8000", 200),
        # What a browser sends to port 80.
        ("localhost", 200),
        ("127.0.0.1", 200),
        ("LOCALHOST", 200),
        ("evil.example", 403),
        ("evil.example:8000", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost:evil", 403),
        ("localhost:8000:8000", 403),
        ("evil.example:localhost", 403),
        (":8000", 403),
        ("", 403),
    ],
)
def test_names_of_this_machine(site, host, status):
    assert ask(site, "/", host=host)[0] == status


def test_it_listens_on_the_loopback_address_alone(site):
    assert site.server_address[0] == "127.0.0.1"
    assert site.url == f"http://127.0.0.1:{site.server_port}/"


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SparserecError, match=f"port {port} cannot be used .*; give another"):
            PageServer(tmp_path, port)


def test_a_browser_that_goes_away_writes_nothing_and_stops_nothing(folder, capfd):
    with running(PageServer(folder)) as server:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            raise ConnectionResetError
        except ConnectionResetError:
            server.handle_error(None, None)
        assert ask(server, "/")[0] == 200
    assert capfd.readouterr() == ("", "")
