"""The page kept by its service worker, whatever answers in place of its server."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from page_driver import DemoPage, demo_page

from sparserec.page import write_page

MODEL = Path(__file__).resolve().parents[1] / "golden" / "coded.safetensors"
PORTAL = b"<!doctype html><html><head><title>Welcome</title></head><body>Pay for the network here.</body></html>"


class Origin(ThreadingHTTPServer):
    """A server of a folder whose `mood` says what it answers for the page; it counts what it was asked."""

    daemon_threads = True

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.mood, self.asked, self.over = folder, "well", 0, threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Origin

    def do_GET(self) -> None:
        name = self.path.lstrip("/") or "index.html"
        if name == "portal" or (name != "index.html" and self.server.mood == "portal for everything"):
            return self.send(200, PORTAL)
        if name not in ("index.html", "sw.js"):
            return self.send(404, b"")
        data = (self.server.folder / name).read_bytes()
        if name == "sw.js":
            return self.send(200, data, "text/javascript")
        self.server.asked += 1
        return self.answer(self.server.mood, data)

    def answer(self, mood: str, data: bytes) -> None:
        if mood.isdigit():
            self.send(int(mood), PORTAL)
        elif mood.startswith("portal"):
            self.send(200, PORTAL)
        elif mood == "empty":
            self.send(200, b"")
        elif mood == "cut off":
            self.send(200, data[: len(data) // 2])
        elif mood == "broken off":
            self.send(200, data, length=2 * len(data))
            self.close_connection = True
        elif mood == "sent to a portal":
            self.send(302, b"", location="/portal")
        elif mood == "sent elsewhere":
            self.send(302, b"", location=f"http://localhost:{self.server.server_port}/portal")
        elif mood == "silent":
            self.server.over.wait(25)
        elif mood == "slow":
            time.sleep(5)
            self.send(200, data)
        else:
            self.send(200, data)

    def send(self, status: int, body: bytes, kind: str = "text/html", length: int | None = None, location: str = ""):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def origin(tmp_path):
    write_page(MODEL, tmp_path / "page", heading="First")
    with Origin(tmp_path / "page") as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def reload(demo: DemoPage, url: str) -> float:
    """Visit the page again; gives the seconds until it was ready."""
    began = time.monotonic()
    demo.page.goto(url)
    demo.page.wait_for_selector("html[data-ready]")
    return time.monotonic() - began


ANSWERS = {
    "502": 5,
    "404": 5,
    "portal": 5,
    "portal for everything": 5,
    "empty": 5,
    "cut off": 5,
    "broken off": 5,
    "sent to a portal": 5,
    "sent elsewhere": 5,
    "silent": 10,
}
"""What may answer, and the most seconds until the kept page is there."""


@pytest.mark.parametrize("mood", ANSWERS)
def test_the_kept_page_whatever_answers(chromium, origin, tmp_path, mood):
    with chromium(tmp_path / "profile") as window:
        demo = DemoPage(window.pages[0])
        demo.go(origin.url)
        demo.pick("item 3")
        before = demo.recommended()
        demo.until_kept()
        origin.mood = mood
        # Twice: what answered at first is not what is kept then.
        asked = origin.asked
        for _ in range(2):
            assert reload(demo, origin.url) < ANSWERS[mood]
            assert origin.asked > asked  # it does ask, so the page was not merely cached
            assert demo.page.inner_text("h1") == "First"
            assert (demo.liked(), demo.recommended()) == (["item 3"], before)
        origin.mood = "well"
        origin.over.set()
        write_page(MODEL, origin.folder, heading="Second")
        reload(demo, origin.url)
        assert demo.page.inner_text("h1") == "Second"


def test_a_server_without_an_answer_is_waited_for_a_few_seconds(chromium, origin, tmp_path):
    with demo_page(chromium, tmp_path / "profile", origin.url) as demo:
        demo.until_kept()
        origin.mood = "silent"
        assert 2 < reload(demo, origin.url) < 10


def test_a_page_that_comes_late_is_there_at_the_next_visit(chromium, origin, tmp_path):
    with demo_page(chromium, tmp_path / "profile", origin.url) as demo:
        demo.until_kept()
        write_page(MODEL, origin.folder, heading="Second")
        origin.mood = "slow"
        reload(demo, origin.url)
        assert demo.page.inner_text("h1") == "First"
        time.sleep(4)
        demo.page.context.set_offline(True)
        reload(demo, origin.url)
        assert demo.page.inner_text("h1") == "Second"


def test_index_html_is_the_same_page(chromium, origin, tmp_path):
    with demo_page(chromium, tmp_path / "profile", origin.url) as demo:
        demo.pick("item 3")
        demo.until_kept()
        origin.mood = "502"
        reload(demo, origin.url + "index.html?from=mail")
        assert demo.page.inner_text("h1") == "First"
        assert demo.liked() == ["item 3"]


def test_a_foreign_page_is_not_kept_at_the_first_visit(chromium, origin, tmp_path):
    """The page came, and then, when the worker asks for it, a portal does."""
    with chromium(tmp_path / "profile") as window:
        demo = DemoPage(window.pages[0])
        demo.page.add_init_script("navigator.serviceWorker.register = () => Promise.resolve()")
        demo.go(origin.url)
        origin.mood = "portal"
        script = "ServiceWorkerContainer.prototype.register.call(navigator.serviceWorker, 'sw.js').then(() => 'kept')"
        demo.page.evaluate(script)
        demo.page.wait_for_timeout(1500)
        assert demo.page.evaluate("navigator.serviceWorker.controller") is None
        kept = "caches.keys().then((k) => Promise.all(k.map((n) => caches.open(n).then((c) => c.keys()))))"
        assert sum(map(len, demo.page.evaluate(kept))) == 0


def test_a_page_that_is_gone_is_not_kept(chromium, origin, tmp_path):
    with chromium(tmp_path / "profile") as window:
        demo = DemoPage(window.pages[0])
        demo.go(origin.url)
        demo.until_kept()
        origin.mood = "410"
        demo.page.goto(origin.url)
        assert demo.page.title() == "Welcome"
        origin.mood = "portal"
        demo.page.goto(origin.url)
        assert demo.page.title() == "Welcome"
