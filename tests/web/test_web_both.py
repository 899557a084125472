"""Tables with both ordinary and item columns, whose gaps are coded apart, are read in JavaScript as in Python."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import test_hostile_files as hostile
from hostile_files import Parts, taken_apart, valid_file
from hypothesis import given, settings
from hypothesis import strategies as st
from test_web_hostile import opened
from test_web_questions import close

from sparserec import SparserecError
from sparserec.artefact import TableData, read, write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

KINDS = ("gaps_low", "gaps_high", "item_gaps_low", "item_gaps_high")


def shift_of(cells: int, nnz: int) -> int:
    return min(range(31), key=lambda shift: nnz * (1 + shift) + ((cells - nnz) >> shift))


def coded(positions: list[int], cells: int) -> tuple[bytes, bytes]:
    """The code of the gaps between these positions, bit by bit as the format says; none has no bytes."""
    shift = shift_of(cells, len(positions))
    gaps = [after - before - 1 for before, after in zip([-1, *positions], positions, strict=False)]
    low = [gap >> bit & 1 for gap in gaps for bit in range(shift)]
    high = [bit for gap in gaps for bit in [0] * (gap >> shift) + [1]]
    return as_bytes(low), as_bytes(high)


def as_bytes(bits: list[int]) -> bytes:
    return np.packbits(np.array(bits, dtype="u1"), bitorder="little").tobytes()


def both_codes(table: TableData) -> dict[str, bytes]:
    """The four tensors of a table with both kinds of columns."""
    n = len(table.indptr) - 1
    ordinary = table.dim - n
    cells = list(zip(np.repeat(np.arange(n), np.diff(table.indptr)).tolist(), table.columns.tolist(), strict=True))
    own = coded([row * ordinary + column for row, column in cells if column < ordinary], n * ordinary)
    of_items = coded([row * n + column - ordinary for row, column in cells if column >= ordinary], n * n)
    return dict(zip(KINDS, (*own, *of_items), strict=True))


def table_of(there: np.ndarray, values: np.ndarray | None = None) -> TableData:
    """The table with values where `there` (n, dim) is true."""
    rows, columns = np.nonzero(there)
    indptr = np.concatenate(([0], np.cumsum(there.sum(axis=1))))
    values = np.ones(len(rows)) if values is None else values[rows, columns]
    return TableData(indptr, columns, values.astype(np.float32), there.shape[1])


@st.composite
def places(draw) -> np.ndarray:
    """Where a table has values, (n, ordinary + n): each row has one, but perhaps not in columns of either kind."""
    n, ordinary = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    there = np.zeros((n, ordinary + n), dtype=bool)
    for kind in (slice(ordinary), slice(ordinary, None)):
        there[:, kind] = random.random(there[:, kind].shape) < draw(st.sampled_from([0, 0.02, 0.2, 1]))
        there[random.random(n) < draw(st.sampled_from([0, 0, 0.5])), kind] = False
    for row in np.flatnonzero(~there.any(axis=1)):
        there[row, random.integers(draw(st.sampled_from([ordinary, ordinary + n])))] = True
    return there


def write_table(path: Path, table: TableData, **options) -> Recommender:
    """A file of it, whose items have the ids 0, 1, ..., opened."""
    ids = Vocabulary.of(map(str, range(len(table.indptr) - 1)))
    write(path, items=table, item_ids=ids, **options)
    return Recommender.open(path)


def asked(node, path: Path, calls: list) -> list:
    """What JavaScript answers."""
    questions = path.with_suffix(".json")
    questions.write_text(json.dumps(calls))
    return node("questions.mjs", path, questions)


def same_answers(node, path: Path, model: Recommender, histories: list[list[str]], last_bits: bool) -> None:
    """Recommendations, likenesses and popular items are those of Python."""
    n = model.n_items
    calls, expected = [("popular", [{"k": n}])], [model.popular(n)]
    for history in histories:
        taken = ("recommend", [{"history": history, "k": n, "excludeHistory": False}])
        calls += [taken, ("similar", [history[-1], {"k": n}])]
        expected += [model.recommend(history, k=n, exclude_history=False), model.similar(history[-1], n)]
    for call, answer, right in zip(calls, asked(node, path, calls), expected, strict=True):
        if last_bits:
            assert [tuple(one) for one in answer] == right, call
        else:
            assert len(answer) == len(right), call
            scores = dict(right)
            assert all(close(score, scores[item]) for item, score in answer), call
            assert close([score for _, score in answer], [score for _, score in right]), call


@given(there=places())
@settings(max_examples=60, deadline=None)
def test_the_bytes_are_those_of_a_plain_encoder(there):
    table = table_of(there)
    with TemporaryDirectory() as folder:
        write_table(Path(folder) / "m", table, values_dtype="coded", age_decay=(1.0, 1.0))
        found = read(Path(folder) / "m")
    assert {kind: found.tensors[f"items.{kind}"].tobytes() for kind in KINDS} == both_codes(table)


@given(
    there=places(),
    seed=st.integers(0, 2**32 - 1),
    decay=st.sampled_from([(1.0, 1.0), (0.9, 0.5), (1.0, 0.25)]),
    values_dtype=st.sampled_from(["coded", "positive", "int8", "float16"]),
    factors=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_the_same_answers_as_python(node, there, seed, decay, values_dtype, factors):
    random = np.random.default_rng(seed)
    values = random.normal(size=there.shape)
    values = np.abs(values) + 0.01 if values_dtype == "positive" else values
    options = {"history_factors": random.choice([0.25, 0.5, 1], len(there))} if factors else {}
    options["values_dtype"] = "coded" if values_dtype == "positive" else values_dtype
    with TemporaryDirectory() as folder:
        path = Path(folder) / "m"
        model = write_table(path, table_of(there, values), age_decay=decay, **options)
        order = [str(row) for row in random.permutation(len(there))]
        histories = [order, order[:2], *([name] for name in order[:10])]
        same_answers(node, path, model, histories, last_bits=options["values_dtype"] == "coded")


@pytest.mark.parametrize(("n", "ordinary"), [(1, 1), (2, 1), (30, 226), (30, 227), (255, 1), (257, 2), (400, 300)])
def test_each_item_adds_what_a_dense_table_says(node, tmp_path, n, ordinary):
    """So it is not just that both readers make the same mistake."""
    random = np.random.default_rng(n)
    there = random.random((n, ordinary + n)) < 3 / (ordinary + n)
    there[np.arange(n), random.integers(ordinary + n, size=n)] = True
    dense = np.where(there, random.integers(1, 9, there.shape), 0).astype(np.float32)
    write_table(tmp_path / "m", table_of(there, dense), values_dtype="float16", age_decay=(1.0, 1.0))
    names = [str(row) for row in range(n)]
    answers = asked(node, tmp_path / "m", [("score", [names, {"history": [name]}]) for name in names])
    own, of_items = dense[:, :ordinary], dense[:, ordinary:]
    assert np.array_equal(np.array(answers), own @ own.T + of_items.T)


def test_the_example_of_the_format(node, tmp_path):
    dense = np.array([[3, 0, 0, 5], [4, 8, 0, 0], [1, 6, 2, 0]])
    options = {"history_factors": np.array([2.0, 1, 1]), "values_dtype": "float16", "age_decay": (0.5, 0.25)}
    model = write_table(tmp_path / "m", table_of(dense != 0, dense), **options)
    tensors = read(tmp_path / "m").tensors
    assert [tensors[f"items.{kind}"].tobytes().hex() for kind in KINDS] == ["", "07", "", "cc"]
    assert tensors["items.values"].tolist() == [3, 5, 4, 8, 1, 6, 2]
    scores = [("score", [["2"], {"history": history}]) for history in (["1", "0", "1"], ["1", "0"])]
    # History factors are off by 5.2% at most.
    answers = [answer for (answer,) in asked(node, tmp_path / "m", scores)]
    assert answers == pytest.approx([10.5, 14.5], rel=0.01)
    assert answers == [model.score(["2"], ["1", "0", "1"])[0], model.score(["2"], ["1", "0"])[0]]


@pytest.mark.parametrize("per_kind", [(70_000, 6), (70_000, 9), (70_000, 25), (1, 70_000), (70_001, 0)])
def test_more_items_than_65536_and_gaps_of_many_bits(node, tmp_path, per_kind):
    """In a part with few values, gaps have more low bits than those of a table all whose rows have one."""
    n, ordinary = 70_000, 3
    random = np.random.default_rng(sum(per_kind))
    values = {}
    for count, first, width in zip(per_kind, (0, ordinary), (ordinary, n), strict=True):
        for row in range(min(count, n)):
            values[row if count >= n else int(random.integers(n)), first + int(random.integers(width))] = 1.0
    rows, columns = np.array(sorted(values)).T
    indptr = np.searchsorted(rows, np.arange(n + 1))
    table = TableData(indptr, columns, np.exp(random.normal(size=len(rows))).astype(np.float32), ordinary + n)
    model = write_table(tmp_path / "m", table, values_dtype="coded", age_decay=(0.9, 0.5), ids=False)
    tensors = read(tmp_path / "m").tensors
    assert {kind: tensors[f"items.{kind}"].tobytes() for kind in KINDS} == both_codes(table)
    if 0 < per_kind[1] < n:
        assert shift_of(n * n, per_kind[1]) > 24
    # Each value in an item column is what the one item adds to the score of the other.
    pairs = list(zip(rows[columns >= ordinary].tolist(), columns[columns >= ordinary] - ordinary, strict=True))[:100]
    leading = list(dict.fromkeys(str(column) for _, column in pairs)) or ["17"]
    scored = [str(row) for row, _ in pairs] + ["0", "69999"]
    calls = [("score", [scored, {"history": [item]}]) for item in leading]
    asking = {"history": leading, "k": 200, "excludeHistory": False}
    calls += [("recommend", [asking]), ("similar", [leading[0], {"k": 20}])]
    *scores, best, similar = asked(node, tmp_path / "m", calls)
    assert np.array_equal(np.array(scores, np.float32), [model.score(scored, [item]) for item in leading])
    assert [tuple(one) for one in best] == model.recommend(leading, k=200, exclude_history=False)
    assert [tuple(one) for one in similar] == model.similar(leading[0], 20)


# Bad files. The one that they are made of has three items and eight columns. Values are at the positions 0, 3, 7 and 11
# of ordinary columns, and 2 and 7 of item columns. Gaps of both have one low bit.


def whole(folder: Path, values_dtype: str) -> Parts:
    return taken_apart(valid_file(folder / "whole", values_dtype=values_dtype, age_decay=(0.5, 0.25)))


def low(*numbers: int):
    return hostile.put("items.item_gaps_low", numbers, "u1")


def high(*numbers: int):
    return hostile.put("items.item_gaps_high", numbers, "u1")


def flat(kind: str):
    """One dimension more than a tensor has."""

    def change(parts: Parts) -> None:
        parts.tensors[f"items.{kind}"] = parts.tensors[f"items.{kind}"][None]

    return change


def own(low: Sequence[int], high: Sequence[int]):
    """The code of ordinary columns."""
    return hostile.both(hostile.put("items.gaps_low", list(low)), hostile.put("items.gaps_high", list(high)))


def of_users(parts: Parts) -> None:
    parts.tensors["users.item_gaps_low"] = np.zeros(1, "u1")


def all_dense(parts: Parts) -> None:
    parts.tensors["items.values"], parts.tensors["users.values"] = np.ones((3, 8), "i1"), np.ones((2, 8), "i1")
    hostile.drop(*(f"{side}.{kind}" for side in ("items", "users") for kind in KINDS[:2]), "items.age_decay")(parts)
    parts.card["nnz"] = 40


def only_item_columns(parts: Parts) -> None:
    """Three columns, in which there are all six values."""
    own([], [0b11011011])(parts)
    parts.card["dim"] = 3
    if "items.scales" in parts.tensors:
        parts.tensors["items.scales"] = parts.tensors["items.scales"][:3]


LOW, HIGH = "items.item_gaps_low", "items.item_gaps_high"
BELONG = "'items': 'item_gaps_low' and 'item_gaps_high' belong to tables with both ordinary and item columns$"
BAD = {
    "no low parts": (hostile.drop(LOW), BELONG),
    "no high parts": (hostile.drop(HIGH), BELONG),
    "neither": (hostile.drop(LOW, HIGH), BELONG),
    "low parts in two dimensions": (flat("item_gaps_low"), BELONG),
    "high parts in two dimensions": (flat("item_gaps_high"), BELONG),
    "one number": (hostile.decay(0.5), BELONG),
    "no number": (hostile.drop("items.age_decay"), BELONG),
    "no number, low parts alone": (hostile.drop("items.age_decay", HIGH), BELONG),
    "only item columns": (only_item_columns, BELONG),
    "of users": (of_users, "does not belong there: 'users.item_gaps_low'"),
    "of another type": (hostile.put(LOW, [0], "i1"), "tensor 'items.item_gaps_low' is I8, not U8"),
    "too many low parts": (low(0, 0), "'item_gaps_low' has 2 bytes of low parts; 2 item gaps of 1 low bits take 1"),
    "too few low parts": (low(), "'item_gaps_low' has 0 bytes of low parts; 2 item gaps of 1 low bits take 1"),
    "low bits after the last": (low(4), "'item_gaps_low' has bits set after the last item gap"),
    "high parts that go on": (high(0x12, 0), "'item_gaps_high' goes on after the last item gap"),
    "too many zero bits": (
        high(0x30),
        "'item_gaps_high' has 4 zero bits before its last one; with 2 item gaps 3 are possible",
    ),
    "beyond the last row": (hostile.both(low(3), high(0x18)), "'items': the item gaps go beyond the last row"),
    "ordinary ones beyond the last row": (own([15], [0xE0, 1]), "'items': the gaps go beyond the last row"),
    "a row without a value": (own(*coded([0, 3, 4, 11], 15)), "'items': row 1 is empty"),
    "the first row without a value": (
        hostile.both(own(*coded([5, 6, 10, 14], 15)), low(0), high(0x18)),
        "'items': row 0 is empty",
    ),
}
# Where values count themselves, and where the gaps alone do.
INT8 = {
    "too many": (high(0x32), "'item_gaps_high' has 3 one bits, but there are 2 item gaps"),
    "too few": (high(0x10), "'item_gaps_high' has 1 one bits, but there are 2 item gaps"),
    "no bytes": (hostile.both(low(), high()), "'item_gaps_low' has 0 bytes of low parts; 2 item gaps"),
    "more ordinary ones than values": (own([], [0x7F]), "-1 values can't fill 3 rows of 3 columns"),
    "as many ordinary ones": (own([], [0x3F]), "0 values can't fill 3 rows of 3 columns"),
}
CODED = {
    "low parts of nothing": (high(), "0 values can't fill 3 rows of 3 columns"),
    "high parts of nothing": (hostile.both(low(), high(0)), "0 values can't fill 3 rows of 3 columns"),
    "more than there are cells": (high(255, 255), "16 values can't fill 3 rows of 3 columns"),
    "fewer values than rows": (
        hostile.both(own([0], [1]), high(1)),
        "2 values can't fill 3 rows of 8 columns, at least one a row",
    ),
    "more ordinary ones than cells": (own([], [255, 255]), "16 values can't fill 3 rows of 5 columns"),
    "ordinary low parts of nothing": (hostile.both(own([0], []), low(), high(7)), "0 values can't fill 3 rows of 5"),
}


SUPERFLUOUS = {
    "in a dense table": all_dense,
    "in two dimensions": hostile.both(
        hostile.drop("items.age_decay"),
        own(*coded([0, 3, 7, 10, 17, 22], 24)),
        flat("item_gaps_low"),
        flat("item_gaps_high"),
    ),
}


def sentences(node, folder: Path, files: list[bytes]) -> list[tuple[str | None, str | None]]:
    """What Python and JavaScript refuse each file with, without the name of the file; None for one that opens."""
    pairs = []
    for data, outcome in zip(files, opened(node, folder, files), strict=True):
        (folder / "bad").write_bytes(data)
        here = None
        try:
            Recommender.open(folder / "bad")
        except SparserecError as error:
            here = str(error).removeprefix(f"{folder / 'bad'}: ")
        if not outcome["opened"]:
            assert outcome["name"] == "SparserecError", outcome
            assert outcome["taken"] < 1 << 20
        pairs.append((here, None if outcome["opened"] else outcome["error"].removeprefix("the buffer: ")))
    return pairs


def test_the_file_that_bad_ones_are_made_of(node, tmp_path):
    for values_dtype in ("int8", "coded"):
        parts = whole(tmp_path, values_dtype)
        codes = [parts.tensors[f"items.{kind}"].tobytes() for kind in KINDS]
        assert codes == [*coded([0, 3, 7, 11], 15), *coded([2, 7], 9)]
        assert sentences(node, tmp_path, [parts.pack()]) == [(None, None)]


@pytest.mark.parametrize("case", SUPERFLUOUS)
def test_other_tables_have_no_item_gaps_of_any_shape(node, tmp_path, case):
    parts = whole(tmp_path, "int8")
    SUPERFLUOUS[case](parts)
    ((here, there),) = sentences(node, tmp_path, [parts.pack()])
    assert re.fullmatch(BELONG, there)
    assert here == there


def test_bad_files_are_refused_with_the_same_sentence(node, tmp_path):
    cases = [(kind, name, case) for kind in ("int8", "coded") for name, case in BAD.items()]
    for kind, table in (("int8", INT8), ("coded", CODED)):
        cases += [(kind, name, case) for name, case in table.items()]
    files = []
    for kind, _, (change, _) in cases:
        parts = whole(tmp_path, kind)
        change(parts)
        files.append(parts.pack())
    wrong = []
    for (kind, name, (_, message)), (here, there) in zip(cases, sentences(node, tmp_path, files), strict=True):
        if here is None or here != there or not re.search(message, here):
            wrong.append((kind, name, message, here, there))
    assert wrong == [], json.dumps(wrong, indent=1)


def test_versions_before_do_not_know_item_gaps(node, tmp_path):
    parts = whole(tmp_path, "int8")
    hostile.drop("items.age_decay")(parts)
    for version in (1, 2):
        parts.card["format_version"] = version
        ((here, there),) = sentences(node, tmp_path, [parts.pack()])
        assert here == there
        assert re.fullmatch("it holds a tensor that does not belong there: 'items.item_gaps_(low|high)'", here)


def test_every_flipped_bit_of_both_codes(node, tmp_path):
    """With a digest that fits: either both readers open the file, or both refuse it with one sentence."""
    files = []
    for values_dtype in ("int8", "coded"):
        for kind in KINDS:
            for bit in range(8 * len(whole(tmp_path, values_dtype).tensors[f"items.{kind}"])):
                parts = whole(tmp_path, values_dtype)
                parts.tensors[f"items.{kind}"][bit // 8] ^= 1 << bit % 8
                files.append(parts.pack())
    pairs = sentences(node, tmp_path, files)
    assert [pair for pair in pairs if pair[0] != pair[1]] == []
    assert 0 < sum(here is None for here, _ in pairs) < len(files)


def test_huge_claims_take_no_memory(node, tmp_path):
    files = []
    for values_dtype in ("int8", "coded"):
        for n, dim in ((10**6, 10**6 + 5), (9 * 10**7, 9 * 10**7 + 1), (10**15, 10**15 + 1), (2**31, 2**31)):
            parts = whole(tmp_path, values_dtype)
            parts.card |= {"n_items": n, "dim": dim}
            hostile.drop("items.factors", "items.history_low", "items.history_high", "items.history_scale")(parts)
            if values_dtype == "int8":  # scales come before gaps; half-precision numbers have none
                hostile.drop("items.scales")(parts)
                parts.tensors["items.values"] = parts.tensors["items.values"].astype("f2")
            files.append(parts.pack())
    pairs = sentences(node, tmp_path, files)
    assert all(here is not None and here == there for here, there in pairs), pairs
    assert any("can't fill" in here for here, _ in pairs)
