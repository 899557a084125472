"""The browser runtime in headless Chromium: the same top 20 as the Python runtime, on 1,000 histories."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from places import GOLDEN, WEB

from sparserec.artefact import TableData, write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

HISTORIES = 1000
RUN = """async (queries) => {
  const { Recommender } = await import("./src/index.js");
  const model = await Recommender.open("./model.safetensors");
  return queries.map((query) => model.recommend(query).map(({ item, score }) => [item, score]));
}"""


@pytest.fixture
def page_with(chromium, served, tmp_path):
    """A page that has the module and a model at its side; its console must stay empty."""

    def run(model: Path, script: str, argument=None):
        site = tmp_path / "site"
        site.mkdir()
        shutil.copytree(WEB / "src", site / "src")
        shutil.copy(model, site / "model.safetensors")
        (site / "index.html").write_text("<!doctype html><title>test</title><link rel=icon href=data:,>")
        said = []
        with chromium(tmp_path / "profile") as window:
            page = window.pages[0]
            page.on("console", lambda message: said.append(message.text))
            page.goto(served(site))
            result = page.evaluate(script, argument)
        assert said == []
        return result

    return run


def random_queries(model: Recommender, count: int) -> list[dict]:
    """Histories of 1 to 200 items, half of them of 20 at most."""
    generator, ids = np.random.default_rng(3), model.item_ids
    lengths = np.where(np.arange(count) % 2, generator.integers(1, 201, count), generator.integers(1, 21, count))
    return [{"history": [ids[i] for i in generator.choice(len(ids), n, replace=False)]} for n in lengths]


def same_top_20(model: Path, run) -> None:
    python = Recommender.open(model)
    queries = random_queries(python, HISTORIES)
    for query, result in zip(queries, run(model, RUN, queries), strict=True):
        expected = python.recommend(**query)
        assert [item for item, _ in result] == [item for item, _ in expected]
        np.testing.assert_allclose([score for _, score in result], [score for _, score in expected], rtol=0, atol=1e-3)
        assert len(result) == 20


def test_the_same_top_20_on_a_catalogue_of_the_size_of_gowalla(page_with, tmp_path):
    """40,981 items in 512 columns, 8 values each, columns as uneven as trained ones."""
    generator, n, dim, per_row = np.random.default_rng(0), 40_981, 512, 8
    weights = 1 / (1 + np.arange(dim)) ** 0.7
    keys = generator.exponential(size=(n, dim)).astype(np.float32) / weights.astype(np.float32)
    columns = np.sort(np.argpartition(keys, per_row, axis=1)[:, :per_row], axis=1).reshape(-1)
    values = generator.laplace(size=n * per_row).astype(np.float32)
    write(
        tmp_path / "large",
        items=TableData(np.arange(0, n * per_row + 1, per_row), columns, values, dim),
        item_ids=Vocabulary.of(map(str, range(n))),
        history_factors=generator.uniform(0.05, 1, n),
        values_dtype="coded",
    )
    same_top_20(tmp_path / "large", page_with)


@pytest.mark.data
@pytest.mark.slow
def test_the_same_top_20_on_gowalla(page_with, tmp_path):
    """Trained anew in 64 columns, which takes seconds; benchmarks/browser.py compares an artefact that is given."""
    root = os.environ.get("SPARSEREC_DATA")
    if not root or not (Path(root) / "gowalla").exists():
        pytest.skip("needs SPARSEREC_DATA with the folder gowalla")
    import sparserec

    data = sparserec.load(Path(root) / "gowalla")
    run = sparserec.train(data, tmp_path / "run", recipe="spectral", budget="12B/item", dim=64, seed=0)
    run.export(tmp_path / "gowalla")
    same_top_20(tmp_path / "gowalla", page_with)


SOURCES = """async () => {
  const { Recommender, SparserecError } = await import("./src/index.js");
  const answer = (model) => JSON.stringify(model.recommend({ history: ["item 3"], k: 5 }));
  const response = await fetch("./model.safetensors");
  const buffer = await response.clone().arrayBuffer();
  const shifted = new Uint8Array(buffer.byteLength + 3);
  shifted.set(new Uint8Array(buffer), 3);
  const sources = [
    "./model.safetensors",
    new URL("./model.safetensors", location.href),
    response,
    new File([buffer], "model.safetensors"),
    new Blob([buffer]),
    buffer,
    new Uint8Array(buffer),
    shifted.subarray(3),
  ];
  const answers = [];
  for (const source of sources) answers.push(answer(await Recommender.open(source)));
  const refusals = [];
  const bad = [
    "./missing.safetensors",
    "http://127.0.0.1:1/",
    new File([new Uint8Array(buffer, 0, 900)], "half.safetensors"),
    buffer.slice(0, 100),
    7,
  ];
  for (const source of bad) {
    const error = await Recommender.open(source).catch((result) => result);
    refusals.push([error instanceof SparserecError, error.message]);
  }
  return { answers, refusals };
}"""


def test_every_kind_of_source(chromium, served, tmp_path):
    site = tmp_path / "site"
    shutil.copytree(WEB / "src", site / "src")
    shutil.copy(GOLDEN / "golden.safetensors", site / "model.safetensors")
    (site / "index.html").write_text("<!doctype html><title>test</title>")
    with chromium(tmp_path / "profile") as window:
        window.pages[0].goto(served(site))
        result = window.pages[0].evaluate(SOURCES)
    expected = json.loads((GOLDEN / "expected.json").read_text(encoding="utf-8"))[0]["answer"]
    assert len(result["answers"]) == 8
    assert [[r["item"], pytest.approx(r["score"])] for r in json.loads(result["answers"][0])] == expected
    assert set(result["answers"]) == {result["answers"][0]}
    assert all(known for known, _ in result["refusals"])
    messages = [message for _, message in result["refusals"]]
    assert "the server answered 404" in messages[0]
    assert "cannot be fetched" in messages[1]
    assert messages[2].startswith("half.safetensors: ")
    assert messages[3].startswith("the buffer: ")
    assert messages[4].startswith("give a URL, a File")


HEAP = """async () => {
  const { Recommender } = await import("./src/index.js");
  const file = await (await fetch("./model.safetensors")).arrayBuffer();
  const heap = () => performance.memory.usedJSHeapSize;
  gc();
  const before = heap();
  const model = await Recommender.open(file);
  gc();
  return { grown: heap() - before, kept: model.nbytes, file: file.byteLength };
}"""


def test_the_heap_holds_no_copy(chromium, served, tmp_path):
    """Opening a file of megabytes takes what `nbytes` says and objects of fixed size."""
    n = 100_000
    columns = np.tile(np.arange(4), n)
    values = np.ones(4 * n, dtype=np.float32)
    site = tmp_path / "site"
    shutil.copytree(WEB / "src", site / "src")
    (site / "index.html").write_text("<!doctype html><title>test</title>")
    write(
        site / "model.safetensors",
        items=TableData(np.arange(0, 4 * n + 1, 4), columns, values, 64),
        item_ids=Vocabulary.of(f"a rather long id of an item, number {i}" for i in range(n)),
        values_dtype="float16",
    )
    exact = ["--js-flags=--expose-gc", "--enable-precise-memory-info"]
    with chromium(tmp_path / "profile", flags=exact) as window:
        window.pages[0].goto(served(site))
        result = window.pages[0].evaluate(HEAP)
    assert result["file"] > 4 << 20
    # What is kept beside the file counts as grown; a second copy of the file, or texts of its ids, would be megabytes.
    assert abs(result["grown"] - result["kept"]) < 1 << 19
