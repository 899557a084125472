"""The recommender of one's own of CONTRIBUTING.md: short, and it goes with every method, loss and resume."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import sparserec
from sparserec.axes import RECOMMENDERS
from sparserec.evaluation import Popularity, evaluate
from sparserec.interactions import split, synthetic
from sparserec.sparsity import EXPLORERS

PAGE = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"
SETTINGS = {"recipe": "mf", "model": "nearest", "dim": 8, "density": 0.5, "lr": 0.01}
SETTINGS |= {"batch_size": 256, "n_negatives": 16}


@pytest.fixture(scope="module")
def catalogue():
    return synthetic(n_users=150, n_items=80, interactions_per_user=15, n_clusters=5, seed=2)[0]


@pytest.fixture(scope="module", autouse=True)
def nearest(catalogue, tmp_path_factory):
    """The code of the page, run as it stands."""
    text = PAGE.read_text()
    code = re.findall(r"```python\n(.*?)```", text[text.index("## Add a recommender") :], re.DOTALL)[0]
    assert len([line for line in code.splitlines() if line.strip()]) < 50
    folder = tmp_path_factory.mktemp("own")
    facts = catalogue.interactions
    pairs = zip(facts.rows(), facts.indices, strict=True)
    (folder / "ratings.csv").write_text("user,item\n" + "".join(f"u{u},i{i}\n" for u, i in pairs))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("builtins.print", lambda *words, **options: None)
        namespace = {}
        exec(compile(code, str(PAGE), "exec"), namespace)  # the project's own page
        yield namespace
    RECOMMENDERS.unregister("nearest")


@pytest.mark.parametrize("method", EXPLORERS)
@pytest.mark.parametrize("loss", ["softmax", "bpr"])
def test_it_learns_with_every_method_and_loss(catalogue, tmp_path, method, loss):
    own = {"loss": loss, "n_negatives": 16 if loss == "softmax" else 2}
    own |= {"data": {"split": "random"}}  # the times of this catalogue say nothing of what was taken
    run = sparserec.train(catalogue, tmp_path / "run", method=method, epochs=8, **{**SETTINGS, **own}, threads=1)
    parts = split(catalogue, kind="random")
    popular = evaluate(Popularity(parts.train, parts.train.n_items), parts.train, parts.valid)
    assert run.valid_metrics()["ndcg@20"] > 1.05 * popular["ndcg@20"]
    assert run.parameters() == (230 * 8 if method == "dense" else 230 * 4)


def test_its_scores_in_training_are_those_of_full_ranking(catalogue, tmp_path):
    import torch

    from sparserec.recommenders import Batch

    run = sparserec.train(catalogue, tmp_path / "run", epochs=1, **SETTINGS, threads=1)
    model, _ = run.best()
    users = torch.tensor([3, 8])
    expected = model.scorer(run.split().train).score(users.numpy())
    positive, shared = model.scores(Batch(users, torch.tensor([5, 6]), torch.tensor([0, 2, 4])))
    _, own = model.scores(Batch(users, torch.tensor([5, 6]), torch.tensor([[1], [7]])))
    np.testing.assert_allclose(positive.detach(), expected[[0, 1], [5, 6]], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(shared.detach(), expected[:, [0, 2, 4]], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(own.detach(), expected[[0, 1], [1, 7]][:, None], rtol=1e-4, atol=1e-5)
