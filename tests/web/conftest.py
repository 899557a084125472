"""The browser runtime under Node.js and in Chromium; what is missing is named when a test is skipped."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from places import GOLDEN, ROOT

HERE = Path(__file__).resolve().parent
# The bad files are made by the same code as for the Python reader.
sys.path[:0] = [str(ROOT / "tests" / "hostile"), str(GOLDEN)]


@pytest.fixture(scope="session")
def node():
    """Run a script of this folder under Node.js: arguments in; what it prints, as JSON, out."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs Node.js 20 or newer: apt-get install nodejs")

    def run(script: str, *args: object, timeout: float = 120):
        done = subprocess.run(
            [program, "--expose-gc", HERE / script, *map(str, args)],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return json.loads(done.stdout)

    return run


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium():
    """Make windows of a headless Chromium, each with an empty profile: `chromium(folder, **options)`."""
    api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    program = os.environ.get("SPARSEREC_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium, or set SPARSEREC_CHROMIUM to its program")
    with api.sync_playwright() as playwright:

        @contextmanager
        def window(profile: Path, flags: Sequence[str] = (), **options):
            context = playwright.chromium.launch_persistent_context(
                profile, executable_path=program, headless=True, args=[*FLAGS, *flags], **options
            )
            context.set_default_timeout(20_000)
            try:
                yield context
            finally:
                context.close()

        yield window


@pytest.fixture
def served():
    """Serve a folder to this machine as `sparserec web --serve` does; gives its address."""
    from sparserec.page import PageServer

    running = []

    def serve(folder: Path) -> str:
        server = PageServer(folder)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return server.url

    yield serve
    for server in running:
        server.shutdown()
        server.server_close()
