"""How many rows are watched where nobody says: by density, never more than a quarter of a dense gradient at a time, and
in as many samples as a window has steps for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparserec.interactions import split, synthetic
from sparserec.settings import STEPS_OF_SAMPLE, load_config
from sparserec.sparsity import random_mask
from sparserec.starts import Context, begin
from sparserec.tables import SparseTable
from sparserec.training.build import build_explorer, default_sample, default_samples


def table(density, rows=400, dim=32):
    mask = random_mask(rows, dim, int(density * rows * dim), np.random.default_rng(0))
    return SparseTable(mask.indptr, mask.columns, mask.values, dim)


@pytest.mark.parametrize(
    ("density", "share"), [(0.04, 0.16), (0.0625, 0.25), (0.1, 0.25), (0.25, 0.25), (0.5, 0.25), (1.0, 0.25)]
)
def test_four_times_the_density_and_at_most_a_quarter(density, share):
    assert default_sample([table(density)]) == pytest.approx(share, rel=0.01)
    assert default_sample([table(density), table(density, rows=30)]) == pytest.approx(share, rel=0.01)


@pytest.fixture(scope="module")
def tiny():
    return synthetic(n_users=120, n_items=80, interactions_per_user=10, n_clusters=4, seed=1)[0]


@pytest.mark.parametrize("model", ["mf", "lightgcn", "neumf"])
@pytest.mark.parametrize("density", [0.1, 0.3, 0.9])
def test_evidence_is_at_most_a_quarter_of_a_dense_gradient(tiny, tmp_path, model, density):
    settings = {"dim": 16, "density": density, "init": "random", "method": "sparserec", "batch_size": 64}
    config = load_config(model, **settings)
    parts = split(tiny, kind="random")
    built, task = begin(Context(config, parts, tmp_path))
    explorer = build_explorer(config, built, parts, steps=100)
    explorer.watch(0)
    task.loss(built, np.arange(64), np.random.default_rng(0)).backward()
    explorer.observe()
    evidence = sum(array.nbytes for name, array in explorer.state().items() if name.startswith("evidence"))
    dense = 4 * sum(part.n_rows * part.dim for part in built.tables.values() if isinstance(part, SparseTable))
    assert 0.2 * dense < evidence <= 0.25 * dense


def test_a_share_that_is_asked_for_is_taken(tiny, tmp_path):
    config = load_config("mf", dim=16, density=0.3, init="random", exploration={"sample_fraction": 0.8})
    parts = split(tiny, kind="random")
    built, _ = begin(Context(config, parts, tmp_path))
    explorer = build_explorer(config, built, parts, steps=100)
    explorer.watch(0)
    watched = sum(len(rows) for rows in explorer._rows())
    assert watched == round(0.8 * sum(part.n_rows for part in built.tables.values()))


@pytest.mark.parametrize(
    ("share", "interval", "samples"),
    [
        (0.25, 63, 1),  # ml-latest-small, 60 moves in 100 epochs
        (0.25, 630, 4),  # 6 moves there
        (0.25, 760, 4),  # gowalla, 60 moves in 100 epochs
        (0.08, 760, 5),
        (0.08, 10_000, 12),
        (0.25, 255, 1),
        (0.25, 256, 2),
        (1.0, 10_000, 1),
        (1e-6, 128, 1),
    ],
)
def test_as_many_samples_as_see_all_rows_with_enough_steps_each(share, interval, samples):
    assert default_samples(share, interval) == samples


@given(st.floats(1e-4, 1.0), st.integers(1, 100_000))
def test_samples_are_never_short_nor_more_than_rows_are_for(share, interval):
    samples = default_samples(share, interval)
    assert samples >= 1
    assert samples == 1 or interval // samples >= STEPS_OF_SAMPLE
    assert (samples - 0.5) * share <= 1.0 + 1e-9


@pytest.mark.parametrize(("asked", "steps", "seen"), [(None, 2560, 4), (None, 500, 1), (1, 2560, 1), (2, 500, 2)])
def test_a_long_window_sees_all_rows_with_the_evidence_of_one_sample(tiny, tmp_path, asked, steps, seen):
    exploration = {"rounds": 2, "end": 0.5, "samples": asked}
    config = load_config("mf", dim=16, density=0.3, init="random", exploration=exploration)
    parts = split(tiny, kind="random")
    built, _ = begin(Context(config, parts, tmp_path))
    explorer = build_explorer(config, built, parts, steps)
    rows = sum(part.n_rows for part in built.tables.values())
    watched = []
    for step in range(steps // 4):
        explorer.watch(step)
        now = [*explorer._rows()]
        if not watched or any(a is not b for a, b in zip(now, watched[-1], strict=True)):
            watched.append(now)
    assert len(watched) == seen
    assert {sum(map(len, now)) for now in watched} == {rows // 4}
    users = np.concatenate([now[0] for now in watched])
    assert len(np.unique(users)) == len(users)
