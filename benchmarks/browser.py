"""The browser runtime in headless Chromium: time to open a file and to recommend, and agreement with Python.

    python benchmarks/browser.py model.safetensors

Histories are items drawn at random, 5, 30 and 200 of them. The page is served to this machine alone, isolated from
other origins, for which Chromium gives it a clock of 5 microseconds. Writes docs/results/browser.json. Needs
Chromium and Playwright (`pip install playwright`); with several, SPARSEREC_CHROMIUM says which.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

import common
from sparserec.device import Recommender
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
  return { ...took, kept: model.nbytes, isolated: crossOriginIsolated, agent: navigator.userAgent };
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


def random_histories(ids: list[str], length: int, count: int, generator: np.random.Generator) -> list[dict]:
    return [
        {"history": [ids[i] for i in generator.choice(len(ids), length, replace=False)], "k": K} for _ in range(count)
    ]


def agreement(model: Recommender, page, generator: np.random.Generator, count: int) -> dict:
    """The same queries to Python: how often the ids and their order are the same, and by how much scores differ."""
    ids = model.item_ids
    queries = [random_histories(ids, int(generator.integers(1, 201)), 1, generator)[0] for _ in range(count)]
    same, worst = 0, 0.0
    for query, found in zip(queries, page.evaluate(ANSWER, queries), strict=True):
        expected = model.recommend(**query)
        same += [item for item, _ in found] == [item for item, _ in expected]
        worst = max(worst, *(abs(a - b) for (_, a), (_, b) in zip(found, expected, strict=True)))
    return {"histories": count, "same ids in the same order": same, "largest difference of a score": worst}


def quantiles(times: list[float]) -> dict[str, float]:
    return {f"p{q} ms": round(float(np.percentile(times, q)), 3) for q in (50, 99)}


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
        "bytes kept beside the file": opened["kept"],
        "first opening ms": round(opened["open"][0], 1),
        "opening ms": round(float(np.median(opened["open"])), 1),
        "fetch from this machine ms": round(float(np.median(opened["fetch"])), 1),
        "agreement with Python": agreement(model, page, generator, 1000),
    }
    for length in LENGTHS:
        queries = random_histories(model.item_ids, length, calls, generator)
        times = page.evaluate(TIME, {"queries": queries, "warm": calls // 5})
        result[f"history of {length}"] = quantiles(times)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--calls", type=int, default=2000)
    args = parser.parse_args()
    program = os.environ.get("SPARSEREC_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit("needs Chromium: apt-get install chromium, or set SPARSEREC_CHROMIUM to its program")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        shutil.copytree(WEB / "src", site / "src")
        shutil.copy(args.model, site / "model.safetensors")
        (site / "index.html").write_text("<!doctype html><title>benchmark</title>")
        with PageServer(site) as server, sync_playwright() as playwright:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            window = playwright.chromium.launch_persistent_context(
                Path(folder) / "profile", executable_path=program, headless=True, args=list(FLAGS)
            )
            window.pages[0].goto(server.url)
            result = measure(args.model, window.pages[0], args.calls)
            window.close()
            server.shutdown()
    common.save("browser", f"python benchmarks/browser.py {args.model.name}", result)


if __name__ == "__main__":
    main()
