"""The browser runtime in headless Chromium: time to open a file and to recommend, and agreement with Python.

    python benchmarks/browser.py model.safetensors

Histories are items drawn at random, 5, 30 and 200 of them. The page is served to this machine alone, isolated from
other origins, for which Chromium gives it a clock of 5 microseconds. Writes docs/results/browser.json. Needs
Chromium and Playwright (`pip install playwright`); with several, SPARSEREC_CHROMIUM says which.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from pathlib import Path

import numpy as np

from sparserec.bench.histories import random_histories
from sparserec.bench.script import run
from sparserec.bench.timing import quantiles
from sparserec.device import Recommender
from sparserec.errors import SparserecError
from sparserec.page import PageServer
from sparserec.page.write import WEB

LENGTHS = (5, 30, 200)
K = 20
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

OPEN = """async (times) => {
  const { Recommender } = await import("./src/index.js");
  const took = { fetch: [], open: [] };
  for (let i = 0; i < times; i += 1) {
    let began = performance.now();
    const buffer = await (await fetch("./model.safetensors", { cache: "reload" })).arrayBuffer();
    took.fetch.push(performance.now() - began);
    began = performance.now();
    globalThis.model = await Recommender.open(buffer);
    took.open.push(performance.now() - began);
  }
  return { ...took, nbytes: model.nbytes, isolated: crossOriginIsolated, agent: navigator.userAgent };
}"""
TIME = """({ queries, warm }) => {
  for (const query of queries.slice(0, warm)) model.recommend(query);
  return queries.map((query) => {
    const began = performance.now();
    model.recommend(query);
    return performance.now() - began;
  });
}"""
ANSWER = "(queries) => queries.map((query) => model.recommend(query).map(({ item, score }) => [item, score]))"


def queries_of(model: Recommender, length: int, count: int, generator: np.random.Generator) -> list[dict]:
    histories = random_histories(model.item_ids, length, count, generator)
    return [{"history": history, "k": K} for history in histories]


def agreement(model: Recommender, page, generator: np.random.Generator, count: int) -> dict:
    """The same queries to Python: how often the ids and their order are the same, and by how much scores differ."""
    most = min(LENGTHS[-1], model.n_items - K)
    queries = [queries_of(model, int(generator.integers(1, most + 1)), 1, generator)[0] for _ in range(count)]
    same, worst = 0, 0.0
    for query, answer in zip(queries, page.evaluate(ANSWER, queries), strict=True):
        expected = model.recommend(**query)
        same += [item for item, _ in answer] == [item for item, _ in expected]
        worst = max(worst, *(abs(a - b) for (_, a), (_, b) in zip(answer, expected, strict=True)))
    return {"histories": count, "same ids in the same order": same, "largest difference of a score": worst}


def measure(path: Path, page, calls: int) -> dict:
    model, generator = Recommender.open(path), np.random.default_rng(0)
    opened = page.evaluate(OPEN, 20)
    result = {
        "browser": opened["agent"].split("HeadlessChrome/")[-1].split()[0],
        "isolated": opened["isolated"],
        "items": model.n_items,
        "columns": model.card.dim,
        "values": model.card.nnz,
        "file bytes": path.stat().st_size,
        "bytes kept beside the file": opened["nbytes"],
        "first opening ms": round(opened["open"][0], 1),
        "opening ms": round(float(np.median(opened["open"])), 1),
        "fetch from this machine ms": round(float(np.median(opened["fetch"])), 1),
        "agreement with Python": agreement(model, page, generator, calls // 2),
    }
    for length in LENGTHS:
        queries = queries_of(model, length, calls, generator)
        times = page.evaluate(TIME, {"queries": queries, "warm": calls // 5})
        result[f"history of {length}"] = quantiles(np.array(times) / 1000)
    return result


def main(model: Path, calls: int = 2000) -> dict:
    program = os.environ.get("SPARSEREC_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise SparserecError("needs Chromium: apt-get install chromium, or set SPARSEREC_CHROMIUM to its program")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        shutil.copytree(WEB / "src", site / "src")
        shutil.copy(model, site / "model.safetensors")
        (site / "index.html").write_text("<!doctype html><title>benchmark</title>")
        with PageServer(site, names=None) as server, sync_playwright() as playwright:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            window = playwright.chromium.launch_persistent_context(
                Path(folder) / "profile", executable_path=program, headless=True, args=list(FLAGS)
            )
            window.pages[0].goto(server.url)
            result = measure(model, window.pages[0], calls)
            window.close()
            server.shutdown()
    return result


if __name__ == "__main__":
    run(main, quick={"calls": 50})
