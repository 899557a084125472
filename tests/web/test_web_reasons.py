"""Why the demo page recommends something: which pick speaks for it more than for the others."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def named(node, tmp_path):
    def reasons(shares: list[dict[str, float]], picks: str = "a,b,c") -> list[list[str]]:
        (tmp_path / "shares.json").write_text(json.dumps(shares))
        return node("reasons.mjs", tmp_path / "shares.json", picks)

    return reasons


def test_rows_differ_where_their_shares_do(named):
    """`a` adds most to every score, but what is particular about the second and third row is not `a`."""
    assert named([{"a": 9, "b": 1, "c": 0}, {"a": 5, "b": 4, "c": 1}, {"a": 5, "b": 0, "c": 4}]) == [
        ["a"],
        ["b"],
        ["c"],
    ]


def test_equal_rows_name_what_adds_most(named):
    assert named([{"a": 6, "b": 3}] * 3) == [["a"]] * 3
    assert named([{"a": 5}] * 2) == [["a"]] * 2


def test_two_are_named_where_both_stand_out(named):
    assert named([{"a": 5, "b": 5, "c": 0}, {"a": 0, "b": 0, "c": 5}, {"a": 1, "b": 1, "c": 6}])[0] == ["a", "b"]


def test_what_adds_little_is_no_reason(named):
    """`b` is twice what it is elsewhere, and still next to nothing."""
    assert named([{"a": 96, "b": 4}, {"a": 98, "b": 2}]) == [["a"], ["a"]]


def test_what_speaks_against_it_is_no_reason(named):
    assert named([{"a": -1, "b": 0}, {"a": 2, "b": -3}]) == [[], ["a"]]


def test_only_picks_are_named(named):
    """What was turned down may have a part in the score, too."""
    assert named([{"a": 1, "x": 50}, {"a": 1, "b": 1}], "a,b") == [["a"], ["b"]]
