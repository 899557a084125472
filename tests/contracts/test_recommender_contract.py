"""What every recommender promises, through the same trainer. A new one joins with its line in `RECOMMENDERS`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import sparserec
from sparserec.axes import RECOMMENDERS
from sparserec.device import Recommender as DeviceRecommender
from sparserec.errors import SparserecError
from sparserec.evaluation import Popularity, evaluate
from sparserec.interactions import split as cut
from sparserec.interactions import synthetic
from sparserec.recommenders import Batch
from sparserec.runs import evaluate_on_device
from sparserec.settings import load_config
from sparserec.starts import Context, begin
from sparserec.tables import SparseTable
from sparserec.training.trainer import Trainer

SETTINGS = {"dim": 16, "density": 0.25, "epochs": 3, "batch_size": 256, "n_negatives": 32, "seed": 1, "loss": "softmax"}
OWN = {"sasrec": {"batch_size": 16, "epochs": 8, "dropout": 0.2}}
"""Its examples are users, of whom there are fewer than interactions; 16 columns are few to drop a third of."""
SETTINGS |= {"values": "int8", "temperature": 1.0, "data": {"holdout": True}}


@pytest.fixture(scope="module")
def catalogue():
    return synthetic(n_users=300, n_items=200, interactions_per_user=20, n_clusters=8, seed=3)[0]


@pytest.fixture(scope="module")
def parts(catalogue):
    return cut(catalogue)


@pytest.fixture(params=RECOMMENDERS)
def kind(request):
    return request.param


@pytest.fixture
def trained(kind, catalogue, tmp_path):
    return lambda name, **more: sparserec.train(
        catalogue, tmp_path / name, model=kind, threads=1, **{**SETTINGS, **OWN.get(kind, {}), **more}
    )


@pytest.mark.usefixtures("one_thread")
class TestRecommenderContract:
    def model(self, kind, parts, tmp_path, **more):
        config = load_config(model=kind, **{**SETTINGS, **more})
        return begin(Context(config, parts, tmp_path / "built"))

    def test_training_scores_are_those_of_full_ranking(self, kind, parts, tmp_path):
        model, _ = self.model(kind, parts, tmp_path)
        users = np.array([4, 9, 4])
        taken = [set(parts.train.indices[parts.train.indptr[u] : parts.train.indptr[u + 1]].tolist()) for u in users]
        positives = [next(item for item in range(200) if item not in own) for own in taken]
        expected = model.scorer(parts.train).score(users)
        shared, own = torch.tensor([0, 7, 30]), torch.tensor([[0, 1], [2, 3], [4, 5]])
        positive, negative = model.scores(Batch(torch.from_numpy(users), torch.tensor(positives), shared))
        assert positive.shape == (3,)
        np.testing.assert_allclose(positive.detach(), expected[np.arange(3), positives], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(negative.detach(), expected[:, shared], rtol=1e-3, atol=1e-4)
        _, negative = model.scores(Batch(torch.from_numpy(users), torch.tensor(positives), own))
        np.testing.assert_allclose(
            negative.detach(), np.take_along_axis(expected, own.numpy(), axis=1), rtol=1e-3, atol=1e-4
        )

    def test_every_table_has_gradients_after_a_step_and_explored_ones_are_those_named(self, kind, parts, tmp_path):
        model, task = self.model(kind, parts, tmp_path)
        task.loss(model, np.arange(64), np.random.default_rng(0)).backward()
        for name, table in model.tables.items():
            gradients = table.take_gradients()
            assert gradients is not None, name
            assert gradients.values.abs().sum() > 0, name
            assert isinstance(table, SparseTable) == (name in RECOMMENDERS[kind].tables), name

    def test_the_budget_spans_the_tables_and_is_exact_throughout(self, kind, parts, trained):
        seen = set()
        run = trained("run", report=lambda progress: seen.add(progress.active))
        sides = list(RECOMMENDERS[kind].tables.values())
        rows = sides.count("users") * parts.train.n_users + sides.count("items") * parts.train.n_items
        model, _ = run.best()
        assert len(seen) == 1
        assert sum(model.tables[name].nnz for name in RECOMMENDERS[kind].tables) == rows * 4

    @pytest.mark.parametrize("loss", ["softmax", "bpr"])
    def test_it_learns_more_than_popularity(self, kind, parts, trained, loss):
        epochs = OWN.get(kind, {}).get("epochs", 5)
        run = trained("run", loss=loss, n_negatives=32 if loss == "softmax" else 4, epochs=epochs)
        own = run.split()
        popular = evaluate(Popularity(own.train, 200), own.train, own.valid)["ndcg@20"]
        assert run.valid_metrics()["ndcg@20"] > 1.15 * popular

    def test_the_same_seed_gives_the_same_run_and_a_resumed_one_ends_alike(self, kind, trained, monkeypatch):
        whole = trained("whole")
        real, steps = Trainer._step, 0

        def step_then_stop(self, *args):
            nonlocal steps
            real(self, *args)
            steps += 1
            self._stop = lambda: steps >= 21

        monkeypatch.setattr(Trainer, "_step", step_then_stop)
        assert trained("part").ended == "interrupted"
        monkeypatch.setattr(Trainer, "_step", real)
        resumed = trained("part", resume=True)
        for name in ("checkpoint.safetensors", "best.safetensors"):
            one, two = load_file(whole.folder / name), load_file(resumed.folder / name)
            assert one.keys() == two.keys()
            for key, array in one.items():
                np.testing.assert_array_equal(array, two[key], err_msg=key)

    def test_it_is_exported_and_ranks_like_the_run_or_says_why_not(self, kind, trained, tmp_path):
        run = trained("run", density=1.0 if kind != "fism" else 0.5)
        if not RECOMMENDERS[kind].exports:
            with pytest.raises(SparserecError, match="can't be exported"):
                run.export(tmp_path / "model.safetensors")
            assert not (tmp_path / "model.safetensors").exists()
            return
        run.export(tmp_path / "model.safetensors")
        device = DeviceRecommender.open(tmp_path / "model.safetensors")
        found = evaluate_on_device(device, run.split(), "test")["ndcg@20"]
        assert found == pytest.approx(run.evaluate("test")["ndcg@20"], rel=0.03)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("method", ["dense", "dsl", "magnitude", "pep"])
@pytest.mark.parametrize("model", ["mf", "lightgcn", "neumf"])
def test_every_method_goes_with_every_recommender(model, method, catalogue, tmp_path):
    run = sparserec.train(
        catalogue, tmp_path / "run", model=model, method=method, threads=1, **{**SETTINGS, "epochs": 4}
    )
    assert run.valid_metrics()["ndcg@20"] > 0.15
    tables = run.best()[0].tables
    cells = sum(tables[name].n_rows * 16 for name in RECOMMENDERS[model].tables)
    kept = sum(tables[name].nnz for name in RECOMMENDERS[model].tables)
    assert kept == (cells if method == "dense" else cells // 4)
