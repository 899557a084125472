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
from places import GENRES, GOLDEN, ROOT

HERE = Path(__file__).resolve().parent
# The files are made by the same code as for the Python reader.
sys.path[:0] = [str(ROOT / "tests" / "hostile"), str(ROOT / "tests" / "device"), str(GOLDEN)]


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


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """An exported model of the synthetic catalogue, and the titles of its items."""
    import sparserec
    from sparserec.interactions import synthetic

    folder = tmp_path_factory.mktemp("catalogue")
    data, titles = synthetic(n_users=300, n_items=400, interactions_per_user=20, n_clusters=8, seed=5)
    run = sparserec.train(data, folder / "run", recipe="spectral", budget="24B/item", seed=0)
    run.export(folder / "model.safetensors")
    return folder / "model.safetensors", dict(zip(data.interactions.items.to_list(), titles, strict=True))


@pytest.fixture(scope="session")
def written(catalogue, tmp_path_factory) -> Path:
    """The demo page for it, without genres."""
    from sparserec.page import Title, write_page

    model, titles = catalogue
    out = tmp_path_factory.mktemp("page")
    write_page(model, out, {name: Title(title, "") for name, title in titles.items()}, "A made-up catalogue")
    return out


@pytest.fixture(scope="session")
def genres(catalogue) -> dict[str, list[str]]:
    """Made-up genres by item: two of four, and none for every ninth."""
    _, titles = catalogue
    pairs = [[GENRES[i % 4], GENRES[(i // 4 + 1 + i) % 4]] for i in range(len(titles))]
    made = enumerate(zip(titles, pairs, strict=True))
    return {name: list(dict.fromkeys(pair)) if i % 9 else [] for i, (name, pair) in made}


@pytest.fixture(scope="session")
def with_genres(catalogue, genres, tmp_path_factory) -> Path:
    """The demo page for it, with genres, of films."""
    from sparserec.page import Title, write_page

    model, titles = catalogue
    out = tmp_path_factory.mktemp("genres")
    known = {name: Title(title, ", ".join(genres[name])) for name, title in titles.items()}
    write_page(model, out, known, "Films", "films")
    return out


@pytest.fixture
def served():
    """Serve all of a folder to this machine; gives its address."""
    from sparserec.page import PageServer

    running = []

    def serve(folder: Path) -> str:
        server = PageServer(folder, names=None)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return server.url

    yield serve
    for server in running:
        server.shutdown()
        server.server_close()
