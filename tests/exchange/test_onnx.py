"""The ONNX model answers as the device runtime does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from sparserec import SparserecError
from sparserec.artefact import TableData, read, write
from sparserec.device import Recommender
from sparserec.exchange import OPERATORS, OPSET, write_onnx
from sparserec.vocabulary import Vocabulary

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def answer(opened, history, k: int, exclude=()) -> tuple[list[int], list[float]]:
    inputs = {"history": history, "exclude": exclude, "k": [k]}
    inputs = {name: np.array(value, dtype=np.int64) for name, value in inputs.items()}
    items, scores = opened.run(["items", "scores"], inputs)
    return items.tolist(), scores.tolist()


def model(path: Path, values_dtype: str, n: int = 300, dim: int = 40, least: float | None = None, **more) -> Path:
    random = np.random.default_rng(0)
    rows = random.integers(1, 9, n)
    columns = np.concatenate([np.sort(random.choice(dim, size, replace=False)) for size in rows])
    values = random.normal(size=len(columns)).astype(np.float32)
    values = values if least is None else np.abs(values) + np.float32(least)
    table = TableData(np.concatenate(([0], np.cumsum(rows))), columns, values, dim)
    write(path, items=table, item_ids=Vocabulary.of(f"é {i}" for i in range(n)), values_dtype=values_dtype, **more)
    return path


FACTORS = np.exp(np.linspace(-3, 1, 300))


def transformer(dim: int, length: int, blocks: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    matrices = random.normal(size=(length + 5 * blocks * dim, dim)) / 2
    return matrices.astype(np.float32), random.normal(size=(6 * blocks + 2, dim)).astype(np.float32)


CASES = {
    "coded": ("coded", {"history_factors": FACTORS}),
    "coded, alone": ("coded", {}),
    "int8": ("int8", {"history_factors": FACTORS, "item_factors": FACTORS}),
    "float16": ("float16", {"item_factors": -FACTORS}),
    "coded, ages": ("coded", {"history_factors": FACTORS, "age_decay": (0.8,)}),
    "int8, columns of items": ("int8", {"history_factors": FACTORS, "age_decay": (0.9, 0.7), "dim": 330}),
    "coded, columns of items": ("coded", {"item_factors": FACTORS, "age_decay": (1, 0.7), "dim": 301}),
    "positive": ("coded", {"history_factors": FACTORS, "least": 0.0}),
    "positive, above a least one": ("coded", {"age_decay": (1, 0.7), "dim": 300, "least": 2.0}),
    "float16, only columns of items": ("float16", {"age_decay": (0.5, 0.95), "dim": 300}),
    "coded, transformer": ("coded", {"encoder": transformer(40, 50, 2)}),
    "int8, transformer": ("int8", {"encoder": transformer(9, 3, 1), "dim": 9}),
    "float16, transformer": ("float16", {"encoder": transformer(40, 400, 3)}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_thousand_histories(tmp_path, case):
    values_dtype, more = CASES[case]
    file = model(tmp_path / "model", values_dtype, **more)
    write_onnx(file, tmp_path / "onnx")
    opened, recommender = session(tmp_path / "onnx"), Recommender.open(file)
    random, names = np.random.default_rng(1), recommender.item_ids
    for number in range(1000 if case == "coded" else 50):
        history = random.choice(300, random.integers(1, 60))
        exclude = random.choice(300, number % 4)
        items, scores = answer(opened, history, 20, exclude)
        expected = recommender.recommend([names[i] for i in history], k=20, exclude=[names[i] for i in exclude])
        assert [names[i] for i in items] == [name for name, _ in expected]
        np.testing.assert_allclose(scores, [score for _, score in expected], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["golden", "coded", "ages", "columns", "positive", "encoder"])
def test_golden_files(tmp_path, name):
    file = GOLDEN / f"{name}.safetensors"
    write_onnx(file, tmp_path / "onnx")
    opened, ids = session(tmp_path / "onnx"), read(file).item_ids
    cases = json.loads((GOLDEN / {"golden": "expected.json"}.get(name, f"{name}.json")).read_text(encoding="utf-8"))
    for case in cases:
        query = case["query"]
        if query.keys() & {"user", "candidates", "dislikes"}:
            continue
        items, scores = answer(opened, [ids.index(i) for i in query["history"]], query["k"])
        assert [ids[i] for i in items] == [i for i, _ in case["answer"]]
        np.testing.assert_allclose(scores, [score for _, score in case["answer"]], rtol=1e-6)


def test_ties_and_what_is_left_out(tmp_path):
    """Six equal items: the lower index first; where none is left, -inf."""
    table = TableData(np.arange(7), np.zeros(6, dtype=int), np.ones(6, dtype=np.float32), 1)
    write(tmp_path / "m", items=table, item_ids=Vocabulary.of("abcdef"), values_dtype="int8")
    write_onnx(tmp_path / "m", tmp_path / "onnx")
    opened = session(tmp_path / "onnx")
    assert answer(opened, [2, 2], 3, [0])[0] == [1, 3, 4]
    items, scores = answer(opened, [0, 1, 2, 3], 10, [4])
    assert (items[0], len(items), scores[1:]) == (5, 6, [-np.inf] * 5)


OUTSIDE = [-1, -7, -300, -(2**63), 300, 301, 2**40, 2**63 - 1]


@pytest.mark.parametrize("case", CASES)
def test_indices_of_no_item_are_left_out(tmp_path, case):
    values_dtype, more = CASES[case]
    write_onnx(model(tmp_path / "model", values_dtype, **more), tmp_path / "onnx")
    opened = session(tmp_path / "onnx")
    expected = answer(opened, [3, 299, 0], 20, [5])
    assert answer(opened, [3, *OUTSIDE, 299, 0], 20, [*OUTSIDE, 5, -2]) == expected


@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][1].keys() & {"age_decay", "encoder"}])
def test_the_order_of_a_history(tmp_path, case):
    """Oldest first; what is there twice stands where it stands last, and a long history is as exact as a short one."""
    values_dtype, more = CASES[case]
    file = model(tmp_path / "model", values_dtype, **more)
    write_onnx(file, tmp_path / "onnx")
    opened, recommender = session(tmp_path / "onnx"), Recommender.open(file)
    names = recommender.item_ids
    assert answer(opened, [3, 7, 3, 5], 20) == answer(opened, [7, 3, 5], 20)
    assert answer(opened, [3, 7, 5], 20)[1] != answer(opened, [7, 3, 5], 20)[1]
    long = np.random.default_rng(3).permutation(300)[:280]
    items, scores = answer(opened, long, 20)
    expected = recommender.recommend([names[i] for i in long], k=20)
    assert [names[i] for i in items] == [name for name, _ in expected]
    np.testing.assert_allclose(scores, [score for _, score in expected], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_recommended_for_a_history_without_items(tmp_path, case):
    values_dtype, more = CASES[case]
    write_onnx(model(tmp_path / "model", values_dtype, **more), tmp_path / "onnx")
    opened = session(tmp_path / "onnx")
    for history in ([], [-1], OUTSIDE):
        for exclude in ([], [7]):
            items, scores = answer(opened, history, 5, exclude)
            assert (len(items), scores) == (5, [-np.inf] * 5)


@pytest.mark.parametrize("case", CASES)
def test_what_was_taken_can_be_ranked(tmp_path, case):
    values_dtype, more = CASES[case]
    file = model(tmp_path / "model", values_dtype, **more)
    write_onnx(file, tmp_path / "onnx", exclude_history=False)
    opened, recommender = session(tmp_path / "onnx"), Recommender.open(file)
    names = recommender.item_ids
    for history in ([3], [3, 299, 0, 3, -1]):
        items, scores = answer(opened, history, 300, [5])
        taken = [names[i] for i in history if i >= 0]
        expected = recommender.recommend(taken, k=300, exclude=[names[5]], exclude_history=False)
        assert [names[i] for i in items[:-1]] == [name for name, _ in expected]
        np.testing.assert_allclose(scores[:-1], [score for _, score in expected], rtol=1e-6, atol=1e-6)
        assert scores[-1] == -np.inf


def test_the_same_file_gives_the_same_self_contained_bytes(tmp_path):
    file = model(tmp_path / "model", "coded", history_factors=FACTORS)
    assert write_onnx(file, tmp_path / "a") == (tmp_path / "a").stat().st_size
    write_onnx(file, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    loaded = onnx.load(tmp_path / "a")
    metadata = {entry.key: entry.value for entry in loaded.metadata_props}
    assert json.loads(metadata["sparserec.ids"]) == read(file).item_ids.to_list()
    assert json.loads(metadata["sparserec"]) == read(file).card.as_dict()
    assert not loaded.graph.sparse_initializer
    assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in loaded.graph.initializer)
    # Nothing of the size of rows times columns is stored, and the codes as compactly as in the file.
    assert sum(len(tensor.raw_data) for tensor in loaded.graph.initializer) < file.stat().st_size


def test_the_operators_are_those_of_the_list_and_of_the_guide(tmp_path):
    used = set()
    for case, (values_dtype, more) in CASES.items():
        write_onnx(model(tmp_path / case, values_dtype, **more), tmp_path / "onnx")
        loaded = onnx.load(tmp_path / "onnx")
        assert [(entry.domain, entry.version) for entry in loaded.opset_import] == [("", OPSET)]
        used |= {node.op_type for node in loaded.graph.node}
    assert used == set(OPERATORS)
    guide = (ROOT / "docs" / "guide" / "device.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^Opset (\d+), operators: (.*?)\.\n\n", guide, re.MULTILINE | re.DOTALL)
    assert (int(listed[0]), re.findall(r"\w+", listed[1])) == (OPSET, list(OPERATORS))


def test_dense_tables_are_refused(tmp_path):
    write(tmp_path / "m", items=np.ones((3, 2), dtype=np.float32), item_ids=Vocabulary.of("abc"))
    with pytest.raises(SparserecError, match="item table is dense"):
        write_onnx(tmp_path / "m", tmp_path / "onnx")
