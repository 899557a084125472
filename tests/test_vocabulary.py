"""Ids to rows and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.vocabulary import Vocabulary

ids = st.lists(st.text(st.characters(codec="utf-8"), max_size=6), unique=True, max_size=20)


@given(ids)
def test_ids_come_back_in_order(names):
    vocabulary = Vocabulary.of(names)
    assert len(vocabulary) == len(names)
    assert vocabulary.to_list() == list(vocabulary) == names
    assert [vocabulary[i] for i in range(len(names))] == names
    assert [vocabulary.index(name) for name in names] == list(range(len(names)))


def test_ids_are_packed_as_utf8():
    vocabulary = Vocabulary.of(["a", "é", "", "日本"])
    assert vocabulary.blob.tobytes() == "aé日本".encode()
    assert vocabulary.offsets.tolist() == [0, 1, 3, 3, 9]
    assert vocabulary.blob.dtype == np.uint8
    assert vocabulary.offsets.dtype == np.int64


def test_composed_and_decomposed_letters_are_different_ids():
    assert Vocabulary.of(["\u00e9", "e\u0301"]).index("e\u0301") == 1


def test_numbers_become_their_text():
    assert Vocabulary.of([7, 10]).to_list() == ["7", "10"]  # type: ignore[list-item]


def test_an_id_that_occurs_twice_is_refused():
    with pytest.raises(SparserecError, match="more than once"):
        Vocabulary.of(["a", "b", "a"])


def test_unknown_ids():
    vocabulary = Vocabulary.of(["a", "b"])
    assert vocabulary.get("c") is None
    with pytest.raises(SparserecError, match=r"unknown user 'c': not among the 2 known; for example, 'a' is one"):
        vocabulary.index("c", "user")
    with pytest.raises(SparserecError, match=r"not among the 0 known$"):
        Vocabulary.of([]).index("c")


@pytest.mark.parametrize("index", [-1, 2])
def test_an_index_outside_is_an_index_error(index):
    with pytest.raises(IndexError):
        Vocabulary.of(["a", "b"])[index]


def test_equality_is_by_content():
    assert Vocabulary.of(["a", "b"]) == Vocabulary.of(["a", "b"])
    assert Vocabulary.of(["a", "b"]) != Vocabulary.of(["ab", ""])
    assert Vocabulary.of(["a", "b"]) != Vocabulary.of(["b", "a"])
    assert Vocabulary.of(["a"]) != ["a"]


@given(st.lists(st.text(max_size=4), unique=True, max_size=30), st.data())
def test_rows_of_many_ids_at_once(names, data):
    known = Vocabulary.of(names)
    asked = data.draw(st.lists(st.sampled_from(names), max_size=40)) if names else []
    assert known.rows(asked).tolist() == [names.index(name) for name in asked]
    assert known.names(known.rows(asked)) == asked
    unknown = data.draw(st.text(max_size=5).filter(lambda name: name not in names))
    assert known.get(unknown) is None
    with pytest.raises(SparserecError, match="unknown item"):
        known.rows([*asked, unknown], "item")


def test_ids_that_share_a_hash_are_told_apart(monkeypatch):
    names = ["a", "bb", "é", "ccc", "dddd"]
    monkeypatch.setattr("sparserec.vocabulary.hash", lambda name: 7, raising=False)
    known = Vocabulary.of(names)
    assert not known.has_duplicates()
    assert known.rows(["ccc", "a", "é"]).tolist() == [3, 0, 2]
    assert (known.get("dddd"), known.get("x")) == (4, None)
    twice = Vocabulary(known.blob, np.array([0, 1, 1, 1]))
    assert twice.has_duplicates()


def test_more_ids_than_16_bits_count():
    names = [str(number) for number in range((1 << 16) + 9)]
    known = Vocabulary.of(names)
    assert not known.has_duplicates()
    assert known.rows(["65536", "0", "65544"]).tolist() == [65536, 0, 65544]
