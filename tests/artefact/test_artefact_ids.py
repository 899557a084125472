"""Coded ids come back as they were, in the way that takes the fewest bytes, and are found among others."""

from __future__ import annotations

import json
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.artefact import TableData, idcode, ids_bytes, inspect, read, write
from sparserec.artefact.codecs import encode_ids
from sparserec.artefact.idlists import MOST_NUMBER, RESTART, SharedTexts, number_of, place
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary


def natural(names) -> list[str]:
    """Distinct ids in the order in which data is read."""
    return sorted(set(names), key=lambda name: place(name.encode()))


def decoded(names: list[str]):
    """What a reader makes of the codes of ids, whether or not they are the shortest way."""
    tensors = idcode.encode(Vocabulary.of(names))
    assert tensors is not None
    return idcode.decode_ids("items", tensors, len(names))


def file_of(path, names, **options):
    n = len(names)
    table = TableData(np.arange(n + 1), np.arange(n) % 7, np.ones(n, dtype=np.float32), 7)
    return write(path, items=table, item_ids=Vocabulary.of(names), **options)


LETTERS = st.characters(codec="utf-8")
NAMES = st.lists(
    st.integers(0, 2**60).map(str)
    | st.integers(0, 300).map(str)
    | st.integers(0, 300).map("{:06d}".format)
    | st.text(st.sampled_from("01aé日😀"), max_size=5)
    | st.text(LETTERS, max_size=8),
    min_size=1,
    max_size=60,
)
STRANGE = ["", " ", "00", "007", "-1", "+7", "7 ", "1_0", "1e3", "٣", "\ud800", "a", "é", "9" * 30, "9" * 5000]


@settings(max_examples=300)
@given(NAMES, st.booleans())
def test_all_ids_come_back_and_no_others_are_known(names, long):
    names = natural(names)
    with pytest.MonkeyPatch.context() as patch:
        if long:
            patch.setattr(idcode, "SHORT", 0)
        ids = decoded(names)
    assert len(ids) == len(names)
    assert ids.to_list() == list(ids) == names
    assert ids == Vocabulary.of(names)
    assert [ids[row] for row in range(len(names))] == names
    assert ids.rows(names).tolist() == list(range(len(names)))
    assert ids.rows(names[::-1]).tolist() == list(range(len(names)))[::-1]
    assert ids.names(np.arange(len(names))[::-1]) == names[::-1]
    others = [name for name in STRANGE if name not in names]
    assert ids.find(others).tolist() == [-1] * len(others)
    mixed = [*others[:2], names[-1], *others[2:], names[0]]
    assert [row for row in ids.find(mixed).tolist() if row >= 0] == [len(names) - 1, 0]
    with pytest.raises(SparserecError, match="unknown item"):
        ids.rows([names[0], others[0]], "item")
    again = pickle.loads(pickle.dumps(ids))
    assert again.to_list() == names
    assert again.rows(names[:1]).tolist() == [0]


def test_numbers_by_hand():
    """Gaps 0, 5 and 1 after a first number of 300: no shift, in unary 1, 000001 and 01."""
    tensors = idcode.encode_numbers(np.array([300, 301, 307, 309]))
    assert tensors["id_gaps_low"].tolist() == [0, 0x2C, 1, 0, 0, 0, 0, 0]
    assert tensors["id_gaps_high"].tolist() == [0b01000001, 0b1]
    assert idcode.decode_numbers(*tensors.values()).tolist() == [300, 301, 307, 309]


def test_texts_by_hand():
    tensors = idcode.encode_texts([b"film 12", b"film 125", b"film 3", b"g"])
    shared = [0, 7, 5, 0]
    rest = [7, 1, 1, 1]
    assert tensors["id_texts"].tobytes() == b"film 1253g"
    for stem, numbers in (("id_shared", shared), ("id_rest", rest)):
        low, high = tensors[f"{stem}_low"], tensors[f"{stem}_high"]
        assert idcode.rice.unpack(low, high, 4, idcode.REST_NAMES).tolist() == numbers


def test_every_sixteenth_text_is_stored_in_full():
    names = [f"item number {i:04d}" for i in range(100)]
    tensors = idcode.encode_texts([name.encode() for name in names])
    shared = idcode.rice.unpack(tensors["id_shared_low"], tensors["id_shared_high"], 100, idcode.SHARED_NAMES)
    assert np.flatnonzero(shared == 0).tolist() == list(range(0, 100, RESTART))
    assert len(tensors["id_texts"]) < 100 * 3


def test_one_id_is_found_without_decoding_others_than_its_block(monkeypatch):
    monkeypatch.setattr(idcode, "SHORT", 0)
    names = [f"item number {i:06d}" for i in range(5000)]
    ids = decoded(names)
    assert isinstance(ids, SharedTexts)
    seen = []
    real = SharedTexts.blocks

    def blocks(self, first, last):
        seen.append(last - first)
        return real(self, first, last)

    monkeypatch.setattr(SharedTexts, "blocks", blocks)
    assert ids.rows(["item number 003217"]).tolist() == [3217]
    assert ids.names(np.array([4999])) == ["item number 004999"]
    assert seen == [1, 1]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("0", 0),
        ("10", 10),
        (str(MOST_NUMBER), MOST_NUMBER),
        (str(MOST_NUMBER + 1), -1),
        ("01", -1),
        ("", -1),
        ("٣", -1),
    ],
)
def test_which_ids_are_numbers(name, number):
    assert number_of(name) == number


def kinds_of(names) -> set[str]:
    return {kind.split("_")[1] if "_" in kind else kind for kind in encode_ids("items", Vocabulary.of(names))}


def test_the_shortest_way_is_taken(tmp_path):
    numbers = [str(3 * i) for i in range(400)]
    texts = [f"item {i:05d}" for i in range(400)]
    assert kinds_of(numbers) == {"gaps"}
    assert kinds_of(texts) == {"shared", "rest", "texts"}
    assert kinds_of(numbers + texts) == {"gaps", "shared", "rest", "texts"}
    assert kinds_of([str(10**15 + 10**12 * i) for i in range(400)]) == {
        "shared",
        "rest",
        "texts",
    }  # no gap is this long
    assert kinds_of(texts[::-1]) == {"ids", "offsets"}  # in another order
    assert kinds_of([*numbers, "007"]) == {"ids", "offsets"}
    assert kinds_of(["a", "b"]) == {"ids", "offsets"}  # too few to be worth two more tensors
    for names, version in ((texts[::-1], 1), (texts, 2), (numbers, 2)):
        file_of(tmp_path / "model", names)
        assert read(tmp_path / "model").card.format_version == version


def test_ids_like_those_of_movielens_take_a_fifth():
    generator = np.random.default_rng(0)
    ids = Vocabulary.of(map(str, np.sort(generator.choice(193_609, 6170, replace=False))))
    assert ids_bytes(ids) < 5100
    assert len(ids.blob) + 4 * 6171 > 10 * 5000


def test_one_far_number_does_not_spoil_the_others():
    near = Vocabulary.of(map(str, range(0, 3000, 3)))
    far = Vocabulary.of([*map(str, range(0, 3000, 3)), str(MOST_NUMBER)])
    assert ids_bytes(near) < 400
    assert ids_bytes(far) < 3 * 1000


def test_a_file_without_ids_counts_its_rows(tmp_path):
    names = [f"name {i}" for i in range(30)]
    users = TableData(np.arange(3), np.array([0, 1]), np.ones(2, dtype=np.float32), 7)
    report = file_of(tmp_path / "model", names, users=users, user_ids=Vocabulary.of("uv"), ids=False)
    assert report.ids == 0
    facts = inspect(tmp_path / "model")
    assert facts["bytes"]["ids"] == 0
    assert not any("id" in tensor["name"] for tensor in facts["tensors"])
    assert facts["card"]["format_version"] == 2
    model = Recommender.open(tmp_path / "model")
    assert model.item_ids == [str(row) for row in range(30)]
    assert model.user_ids == ["0", "1"]
    assert model.recommend([7], k=1) == model.recommend(["7"], k=1) == [("0", 1.0)]
    assert model.recommend(user=1, k=1) == [("1", 1.0)]
    for unknown in ("30", "-1", "07", "name 3"):
        with pytest.raises(SparserecError, match=r"not among the 30 known; for example, '0' is one"):
            model.recommend([unknown])


def test_sizes_add_up_with_coded_ids(tmp_path):
    report = file_of(tmp_path / "model", [str(i) for i in range(1000)])
    size = (tmp_path / "model").stat().st_size
    assert report.total == size == report.header + report.items + report.users + report.ids
    assert report.ids == ids_bytes(Vocabulary.of(map(str, range(1000)))) < 140
    assert inspect(tmp_path / "model")["bytes"]["ids"] == report.ids
    assert json.dumps(inspect(tmp_path / "model"), allow_nan=False)


def test_shared_texts_take_no_more_memory_than_promised(tmp_path):
    """The most that ids can be of their bytes: sixteen long ones that differ in the last byte alone, many times."""
    names = sorted(f"{block:02d}" + "x" * 2000 + chr(97 + i) for block in range(60) for i in range(16))
    file_of(tmp_path / "model", names)
    size = (tmp_path / "model").stat().st_size
    assert size < sum(map(len, names)) / 10
    tracemalloc.start()
    try:
        Recommender.open(tmp_path / "model").recommend([names[3]])
        assert tracemalloc.get_traced_memory()[1] < 128 * size + (4 << 20)
    finally:
        tracemalloc.stop()
