"""A budget of bytes is a ceiling of the whole file, used well, and what the file takes is known before training."""

from __future__ import annotations

import numpy as np
import pytest

import sparserec
from sparserec import SparserecError
from sparserec.artefact import sparse_file_bytes
from sparserec.device import Recommender
from sparserec.runs.data import cut
from sparserec.settings import load_config
from sparserec.starts import planned_file_bytes, smallest_budget
from sparserec.starts.budget import columns_budget

QUICK = {"epochs": 0, "threads": 1, "refit": False, "dim": 48}
KINDS = {
    "fism coded": {"recipe": "fism"},
    "mf int8": {"recipe": "mf"},
    "mf float16": {"recipe": "mf", "values": "float16"},
    "mf coded": {"recipe": "mf", "values": "coded"},
}


def catalogue(path, n_users: int, n_items: int, *, texts: bool):
    """Users who like items of their own kind; ids are numbers, or texts."""
    generator = np.random.default_rng(0)
    lines = ["user,item"]
    for user in range(n_users):
        items = sorted(set((generator.integers(0, n_items // 4, 24) * 4 + user % 4).tolist()))
        lines += [f"reader {user:04d},book {item:05d}" if texts else f"{7 * user},{3 * item}" for item in items]
    path.write_text("\n".join(lines) + "\n")
    return sparserec.load(path)


@pytest.fixture(scope="module", params=["numbers", "texts"])
def data(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return catalogue(folder / "data.csv", 160, 240, texts=request.param == "texts")


def exported(data, folder, settings, budget: str, **more):
    run = sparserec.train(data, folder / "run", **{**QUICK, **settings, "budget": budget}, **more)
    report = run.export(folder / "model")
    size = (folder / "model").stat().st_size
    assert size == report.total
    return run, report


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("budget", [9_000, 14_000])
def test_the_file_as_it_is_downloaded_keeps_the_budget_and_uses_it(data, tmp_path, kind, budget):
    run, report = exported(data, tmp_path, KINDS[kind], f"{budget}B")
    promised = planned_file_bytes(run.config, run.split())
    assert promised.bytes == budget
    assert promised.ceiling
    assert promised.ids == report.ids
    assert 0.985 * budget < report.total <= budget
    if "coded" in kind:
        assert report.total > budget - 16
    assert len(Recommender.open(tmp_path / "model").item_ids) == run.facts.n_items


@pytest.mark.parametrize("kind", KINDS)
def test_a_budget_beyond_what_is_useful_takes_what_is(data, tmp_path, kind):
    run, report = exported(data, tmp_path, KINDS[kind], "1GB")
    promised = planned_file_bytes(run.config, run.split())
    assert report.total <= promised.bytes < 1.4 * report.total
    full = Recommender.open(tmp_path / "model").card
    assert full.density == 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_the_smallest_budget_works_and_less_is_refused_before_training(data, tmp_path, kind):
    config = load_config(**{**{k: v for k, v in QUICK.items() if k != "threads"}, **KINDS[kind]}).settled(
        test_file=False
    )
    smallest = smallest_budget(config, cut(data, config.data))
    with pytest.raises(
        SparserecError, match=r"budget of \d+B is too small for [\d,]+ items: the smallest that works is \d+B"
    ):
        exported(data, tmp_path, KINDS[kind], f"{smallest - 60}B")
    assert not (tmp_path / "run").exists()
    _, report = exported(data, tmp_path, KINDS[kind], f"{smallest}B")
    assert report.total <= smallest


def test_a_budget_by_the_item_counts_no_ids(data, tmp_path):
    run, report = exported(data, tmp_path, KINDS["fism coded"], "40B/item")
    limit = 40 * run.facts.n_items
    assert limit - 16 < report.total - report.ids <= limit
    promised = planned_file_bytes(run.config, run.split())
    assert report.total <= promised.bytes == limit + report.ids


def test_without_ids_the_table_has_their_bytes(data, tmp_path):
    run, report = exported(data, tmp_path, KINDS["fism coded"], "9kB", ids="none")
    assert report.ids == 0
    assert 9000 - 16 < report.total <= 9000
    assert planned_file_bytes(run.config, run.split()).ids == 0
    rows = [str(row) for row in range(run.facts.n_items)]
    assert Recommender.open(tmp_path / "model").item_ids == rows
    with_ids = run.export(tmp_path / "again", ids=True)
    assert with_ids.ids > 0
    assert with_ids.total <= 9000
    assert len(set(Recommender.open(tmp_path / "again").item_ids) - set(rows)) > 100


def test_an_export_can_leave_out_the_ids_of_a_run_that_has_them(data, tmp_path):
    run = sparserec.train(data, tmp_path / "run", recipe="mf", **QUICK)
    report = run.export(tmp_path / "model")
    bare = run.export(tmp_path / "bare", ids=False)
    assert (bare.ids, bare.items, bare.users) == (0, report.items, report.users)
    model, rows = Recommender.open(tmp_path / "model"), Recommender.open(tmp_path / "bare")
    ids = model.item_ids
    there = model.recommend([ids[3], ids[8]], k=5)
    assert [(ids[int(row)], score) for row, score in rows.recommend([3, 8], k=5)] == there


def test_the_size_of_a_training_by_density(data, tmp_path):
    run = sparserec.train(data, tmp_path / "run", recipe="mf", **QUICK, density=0.2)
    promised = planned_file_bytes(run.config, run.split())
    assert not promised.ceiling
    assert run.export(tmp_path / "model").total == pytest.approx(promised.bytes, rel=0.05)


@pytest.mark.parametrize("budget", ["40B/item", "12000B"])
def test_a_table_of_item_columns_alone_has_room_for_more(data, budget):
    """Its values need no signs, and it has no history factors."""
    split, n = cut(data, load_config(recipe="fism").data), data.interactions.n_items
    for values, stored in (("coded", "positive"), ("int8", "int8")):
        config = load_config(recipe="fism", budget=budget, values=values)
        count = columns_budget(config, split, n, item_columns=True)
        assert count > (1.1 if values == "coded" else 1) * columns_budget(config, split, n)
        sizes = {"n_items": n, "nnz": count, "dim": n, "values_dtype": stored}
        if budget.endswith("item"):
            assert sparse_file_bytes(**sizes) <= 40 * n < sparse_file_bytes(**{**sizes, "nnz": count + 2})
