"""The local server answers with the files of its folder, to this machine, and with nothing else."""

from __future__ import annotations

import http.client
import socket
import threading

import pytest

from sparserec import SparserecError
from sparserec.page import PageServer


@pytest.fixture
def site(tmp_path):
    """A served folder with a secret beside it."""
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "site"
    (folder / "sub").mkdir(parents=True)
    for name in ("index.html", "sub/app.js", "sub/m.wasm", "model.safetensors", "a b.css"):
        (folder / name).write_text(name)
    (folder / "link").symlink_to(tmp_path / "secret")
    with PageServer(folder) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


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
        ("/sub/m.wasm", "sub/m.wasm", "application/wasm"),
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


def test_other_methods_and_other_names_of_this_machine(site):
    assert ask(site, "/", "POST")[0] == 501
    assert ask(site, "/", host="evil.example")[0] == 403
    assert ask(site, "/", host="")[0] == 403
    assert ask(site, "/", host=f"localhost:{site.server_port}")[0] == 200


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
