from __future__ import annotations

import json

import numpy as np
import pytest

from sparserec.interactions import describe, load
from sparserec.interactions.describe import gini


def test_by_hand(tmp_path):
    (tmp_path / "train.csv").write_text("user,item,time\n1,a,5\n1,b,3\n1,a,4\n2,a,9\n3,a,2\n3,c,1\n")
    (tmp_path / "test.csv").write_text("user,item,time\n1,a,6\n3,d,7\n3,d,8\n")
    found = describe(load(tmp_path))
    assert json.loads(json.dumps(found)) == found
    fingerprint = found.pop("fingerprint")
    assert len(fingerprint) == 64
    notes = found.pop("notes")
    assert notes[0] == "6 rows read; 1 repeated pair folded"
    assert any(note.startswith("1 item of the test part, with 1 of its 2 pairs, is in no training") for note in notes)
    assert any("1 of 2 pairs of the test part stand in the training part too" in note for note in notes)
    assert found == {
        "source": str(tmp_path),
        "users": 3,
        "items": 3,
        "interactions": 5,
        "rows": 6,
        "left_out": {},
        "density": pytest.approx(5 / 9),
        "duplicates_folded": 1,
        "per_user": {"min": 1, "median": 2.0, "mean": pytest.approx(5 / 3), "max": 2},
        "per_item": {"min": 1, "median": 1.0, "mean": pytest.approx(5 / 3), "max": 3},
        "top_1_percent_items_share": pytest.approx(3 / 5),  # one item of three
        "gini_items": pytest.approx(4 / 15),  # (-2 * 1 + 0 * 1 + 2 * 3) / (3 * 5)
        "timestamps": {"first": 1, "last": 9},
        "test": {
            "users": 2,
            "interactions": 2,
            "duplicates_folded": 1,
            "overlap_with_train": 1,
            "items_unknown_in_train": 1,
        },
    }


def test_without_test_file_and_timestamps(tmp_path):
    (tmp_path / "x.txt").write_text("1 1 2 3\n")
    found = describe(load(tmp_path / "x.txt"))
    assert found["timestamps"] is None
    assert found["test"] is None
    assert found["density"] == 1.0
    assert found["gini_items"] == 0.0


def test_top_percent_of_a_larger_catalogue(tmp_path):
    lines = [f"{user} {' '.join(str(i) for i in range(150) if user % (i + 1) == 0)}" for user in range(1, 150)]
    (tmp_path / "x.txt").write_text("\n".join(lines))
    counts = sorted((sum(1 for u in range(1, 150) if u % (i + 1) == 0) for i in range(150)), reverse=True)
    found = describe(load(tmp_path / "x.txt"))
    assert found["items"] == sum(count > 0 for count in counts) == 149
    assert found["top_1_percent_items_share"] == pytest.approx(sum(counts[:2]) / sum(counts))


def test_gini_by_hand():
    assert gini(np.array([3, 3, 3])) == 0
    assert gini(np.array([0, 0, 0, 8])) == pytest.approx(0.75)
    assert gini(np.array([1, 3])) == pytest.approx(0.25)
    assert gini(np.array([0, 0])) == 0
    counts = np.array([5, 0, 2, 2, 9])
    differences = np.abs(counts[:, None] - counts).mean()  # the definition: half the relative mean difference
    assert gini(counts) == pytest.approx(differences / (2 * counts.mean()))
