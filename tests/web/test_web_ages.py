"""Files in which the order of a history counts: in the browser as in Python, to the last bit where codes are whole."""

from __future__ import annotations

import json

import numpy as np
import pytest
from page_driver import demo_page

from sparserec.artefact import TableData, read, write
from sparserec.device import Recommender
from sparserec.page import Title, write_page
from sparserec.vocabulary import Vocabulary

N = 60


def chain(path, decay: tuple[float, ...] = (0.5, 0.25), n: int = N) -> Recommender:
    """Item columns by which item i leads to i + 1 most, and to i + 2 less; nothing leads to itself."""
    columns = np.sort((np.arange(n)[:, None] + [-1, -2]) % n, axis=1)
    values = np.where(columns == (np.arange(n)[:, None] - 1) % n, 2.0, 0.5).astype(np.float32)
    table = TableData(np.arange(0, 2 * n + 1, 2), columns.reshape(-1), values.reshape(-1), n)
    ids = Vocabulary.of(f"item {i:02d}" for i in range(n))
    write(path, items=table, item_ids=ids, values_dtype="float16", age_decay=decay)
    return Recommender.open(path)


def test_long_histories_have_the_same_bits(node, tmp_path):
    """Powers by multiplication: hundreds of ages, in both runtimes alike."""
    random, n, dim = np.random.default_rng(0), 700, 720
    indptr = np.arange(0, 4 * n + 1, 4)
    columns = np.sort(random.random((n, dim)).argsort(axis=1)[:, :4], axis=1).reshape(-1)
    table = TableData(indptr, columns, random.normal(size=4 * n).astype(np.float32), dim)
    ids = Vocabulary.of(map(str, range(n)))
    factors = np.exp(random.normal(size=n))
    path = tmp_path / "m"
    write(path, items=table, item_ids=ids, history_factors=factors, values_dtype="coded", age_decay=(0.97, 0.93))
    model, calls = Recommender.open(path), []
    for size in (1, 2, 30, 600):
        history = [str(row) for row in random.choice(n, size, replace=False)]
        calls.append(("score", [[*map(str, range(n))], {"history": history, "dislikes": ["5"]}]))
    (tmp_path / "questions.json").write_text(json.dumps(calls))
    answers = node("questions.mjs", path, tmp_path / "questions.json")
    for (_, (items, taste)), answer in zip(calls, answers, strict=True):
        assert np.array_equal(np.array(answer, np.float32), model.score(items, **taste))


def test_whether_order_counts_is_known(node, tmp_path):
    chain(tmp_path / "with")
    chain(tmp_path / "ones", (1.0, 1.0))  # item columns, and no age that counts
    write(tmp_path / "without", items=np.eye(3, dtype=np.float32), item_ids=Vocabulary.of("abc"))
    for name, expected in (("with", True), ("ones", False), ("without", False)):
        assert Recommender.open(tmp_path / name).ordered is expected
        assert node("ordered.mjs", tmp_path / name) is expected


def test_starters_do_not_lead_to_one_another(node, tmp_path):
    """By popularity alone they would come in the order of the catalogue."""
    chain(tmp_path / "m")
    first = [int(name.removeprefix("item ")) for name in node("starters.mjs", tmp_path / "m")[:8]]
    assert len(set(first)) == 8
    assert all(abs(a - b) % (N - 1) > 1 for a in first for b in first if a != b)


@pytest.mark.parametrize("decay", [(1.0, 0.25), (1.0, 1.0)])
def test_picks_are_a_history_the_newest_last(chromium, tmp_path, decay):
    model = chain(tmp_path / "model.safetensors", decay)
    names = {name: Title(f"Film {name.removeprefix('item ')}", "") for name in model.item_ids}
    write_page(tmp_path / "model.safetensors", tmp_path / "page", names, "A chain")
    with demo_page(chromium, tmp_path / "profile", (tmp_path / "page" / "index.html").as_uri()) as demo:
        for number in ("10", "40", "25"):
            demo.pick(f"Film {number}")
        history = ["item 10", "item 40", "item 25"]
        assert demo.recommended() == [item for item, _ in model.recommend(history)]
        first = demo.recommended()[0]
        assert first == ("item 26" if decay[1] < 1 else "item 11")
        assert demo.texts("because")[0] == f"because you like Film {'25' if decay[1] < 1 else '10'}"
        # Taken out and chosen again, an item is the newest.
        demo.page.click("#liked button >> nth=0")
        demo.pick("Film 10")
        history = ["item 40", "item 25", "item 10"]
        assert demo.recommended() == [item for item, _ in model.recommend(history)]
        assert demo.recommended()[0] == "item 11"
        demo.page.reload()
        demo.page.wait_for_selector("html[data-ready]")
        assert demo.recommended() == [item for item, _ in model.recommend(history)]
    assert read(tmp_path / "model.safetensors").card.format_version == 3


@pytest.mark.parametrize("decay", [None, (0.9, 0.5)])
def test_tables_wider_than_65536_columns(node, tmp_path, decay):
    random, n = np.random.default_rng(4), 66_000
    columns = np.sort(random.integers(0, n // 2, (n, 2)) * 2 + [0, 1], axis=1)
    columns[0] = 0, n - 1
    values = np.exp(random.normal(size=2 * n)).astype(np.float32)
    table = TableData(np.arange(0, 2 * n + 1, 2), columns.reshape(-1), values, n)
    path = tmp_path / "m"
    ids = Vocabulary.of(map(str, range(n)))
    write(path, items=table, item_ids=ids, values_dtype="coded", age_decay=decay, ids=False)
    model = Recommender.open(path)
    history = ["0", "65999", "17", "40001", "17"]
    calls = [("recommend", [{"history": history, "k": 30}]), ("similar", ["40001", {"k": 3}]), ("popular", [{"k": 3}])]
    (tmp_path / "questions.json").write_text(json.dumps(calls))
    best, similar, popular = node("questions.mjs", path, tmp_path / "questions.json")
    assert [tuple(one) for one in best] == model.recommend(history, k=30)
    assert [tuple(one) for one in similar] == model.similar("40001", 3)
    assert [tuple(one) for one in popular] == model.popular(3)
