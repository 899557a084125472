"""Where the mask starts and how it moves are two axes: any start with any mover, the budget exact throughout."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import sparserec
from sparserec.axes import EXPLORERS, RECOMMENDERS, STARTS
from sparserec.interactions import split, synthetic
from sparserec.runs.run import Run
from sparserec.settings import load_config
from sparserec.sparsity import budget_of
from sparserec.starts import Context, begin
from sparserec.starts.factorised import sparse_tables
from sparserec.tables import SparseTable
from sparserec.training import build_plan
from sparserec.training.build import build_trainer

MOVERS = [name for name, kind in EXPLORERS.items() if kind.table == "sparse" and not kind.pruned_from]
OF_ROWS = [name for name, kind in RECOMMENDERS.items() if set(kind.tables.values()) == {"users", "items"}]
DIM, DENSITY = 8, 0.3
SMALL = {"dim": DIM, "density": DENSITY, "epochs": 1, "batch_size": 64, "n_negatives": 8, "patience": 1}
SMALL |= {"exploration": {"rounds": 3, "end": 1.0, "drop_fraction": 0.5}}


@pytest.fixture(scope="module")
def tiny():
    return synthetic(n_users=40, n_items=30, interactions_per_user=8, n_clusters=4, seed=1)[0]


def test_the_lists_have_what_is_compared():
    assert {"static", "set", "rigl", "dsl", "sparserec"} <= set(MOVERS)
    assert {"random", "nmf-mask", "nmf", "spectral"} <= set(STARTS)
    assert {"mf", "lightgcn", "neumf"} <= set(OF_ROWS)


@pytest.mark.parametrize(("start", "mover"), list(itertools.product(STARTS, MOVERS)))
@pytest.mark.parametrize("model", OF_ROWS)
def test_any_start_with_any_mover(tiny, tmp_path, model, start, mover):
    config = load_config(model, init=start, method=mover, **SMALL)
    context = Context(config, split(tiny, kind="random"), tmp_path)
    built, task = begin(context)
    plan = build_plan(config, context.split, built)
    trainer = build_trainer(config, context.split, built, task, plan, tmp_path)
    sparse = {name: table for name, table in built.tables.items() if isinstance(table, SparseTable)}
    budget = budget_of(DENSITY, sum(table.n_rows for table in sparse.values()), DIM)
    before = {name: masked(table) for name, table in sparse.items()}
    seen = []
    revise = trainer._explorer.revise

    def counted(step):
        revise(step)
        seen.append(sum(table.nnz for table in sparse.values()))
        assert all((np.diff(table.structure()[0]) >= 1).all() for table in sparse.values())

    trainer._explorer.revise = counted
    trainer.run()
    assert sum(table.nnz for table in sparse.values()) == budget
    assert seen == [budget] * (0 if mover == "static" else len(seen))
    moved = any(not np.array_equal(before[name], masked(table)) for name, table in sparse.items())
    assert moved == (mover != "static")
    assert bool(seen) == (mover != "static")


def masked(table: SparseTable) -> np.ndarray:
    """The coordinates that are active, one number each."""
    indptr, columns = table.structure()[:2]
    return np.repeat(np.arange(table.n_rows), np.diff(indptr)) * table.dim + columns


def start_of(tiny, folder, **settings):
    config = load_config("mf", **{**SMALL, **settings})
    return sparse_tables(Context(config, split(tiny, kind="random"), folder))


def test_the_mask_of_nmf_alone_has_its_places_and_the_values_of_chance(tiny, tmp_path):
    whole, alone, named = (
        start_of(tiny, tmp_path, **settings)
        for settings in ({"init": "nmf"}, {"init": "nmf-mask"}, {"init": "nmf", "init_values": "normal"})
    )
    for name in ("users", "items"):
        of_factors, by_chance, as_before = (tables[name].mask for tables in (whole, alone, named))
        assert np.array_equal(of_factors.indptr, by_chance.indptr)
        assert np.array_equal(of_factors.columns, by_chance.columns)
        assert np.array_equal(by_chance.values, as_before.values)
        assert (of_factors.values >= 0).all()
        assert (by_chance.values < 0).any()
        assert 0.005 < by_chance.values.std() < 0.02
        lengths = np.sqrt(np.add.reduceat(of_factors.values**2, of_factors.indptr[:-1]))
        assert lengths == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("mover", MOVERS)
def test_from_the_command_line(sparserec, tmp_path, mover):
    rows = [f"{user},{(user * 7 + place * place) % 25}" for user in range(30) for place in range(8)]
    (tmp_path / "ratings.csv").write_text("user,item\n" + "\n".join(rows) + "\n")
    options = ("--model", "mf", "--method", mover, "--init", "nmf-mask", "--dim", 8, "--density", 0.3, "--epochs", 1)
    run = tmp_path / "run"
    code, _, err = sparserec("train", tmp_path / "ratings.csv", "--out", run, *options, "--threads", 1, "--quiet")
    assert (code, err) == (0, "")
    config = Run.open(run).config
    assert (config.method, config.init) == (mover, "nmf-mask")


def test_from_a_file_of_settings(tiny, tmp_path):
    (tmp_path / "mine.toml").write_text(
        'model = "lightgcn"\nmethod = "dsl"\ninit = "nmf-mask"\ndim = 8\ndensity = 0.3\nepochs = 1\nbatch_size = 64\n'
    )
    run = sparserec.train(tiny, tmp_path / "run", config=tmp_path / "mine.toml", threads=1)
    assert (run.config.method, run.config.init) == ("dsl", "nmf-mask")
