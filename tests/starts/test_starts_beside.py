"""Item columns beside a trained table: when they come, that files rank as models do, and that kills lose nothing."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from sparserec import train
from sparserec.artefact import inspect, read
from sparserec.device import Recommender
from sparserec.interactions import synthetic
from sparserec.runs import evaluate_on_device
from sparserec.settings import load_config
from sparserec.sparsity import residual
from sparserec.starts import beside, thresholds
from sparserec.starts.beside import weights_within
from sparserec.starts.planning import has_item_columns, stage_names
from sparserec.training import load_state

N_ITEMS = 500
SMALL = {"dim": 24, "epochs": 2, "batch_size": 64, "budget": "24B/item", "rounding": 0.5}
CUT = {"data": {"holdout": True, "split": "random"}}


@pytest.fixture(scope="module")
def catalogue():
    return synthetic(n_users=400, n_items=N_ITEMS, interactions_per_user=16, n_clusters=40, seed=1)[0]


def trained(catalogue, folder, wanted, **settings):
    given = {"teacher": {"epochs": 1, "dim": 8, "item_columns": wanted, **settings.pop("teacher", {})}}
    return train(catalogue, folder, **SMALL, **given, **settings)


@pytest.fixture(scope="module")
def run(catalogue, tmp_path_factory):
    return trained(catalogue, tmp_path_factory.mktemp("beside") / "run", True, **CUT)


def test_a_table_with_item_columns_takes_the_place_of_the_trained_one(run):
    _, before = load_state(run.folder / "trained.safetensors")
    state, facts = load_state(run.folder / "best.safetensors")
    assert facts["item_columns"] is True
    assert facts["dims"]["items"] == before["dims"]["items"] + N_ITEMS
    assert state["ages.values"].tolist() == [1, 1]
    assert facts["epoch"] == before["epoch"]
    in_item_columns = state["items.columns"].numpy() >= before["dims"]["items"]
    values = np.abs(state["items.values"].numpy())
    assert 0.05 < in_item_columns.mean() < 0.5
    assert values[in_item_columns].mean() == pytest.approx(values[~in_item_columns].mean(), rel=1e-4)


def test_metrics_are_those_of_the_model_with_them(run):
    known = run.valid_metrics()["ndcg@20"]
    assert run.evaluate("valid")["ndcg@20"] == pytest.approx(known, abs=1e-6)
    assert known != load_state(run.folder / "trained.safetensors")[1]["valid"]["ndcg@20"]


@pytest.mark.parametrize("refitted", [False, True])
def test_a_file_ranks_as_the_model_within_the_budget(run, tmp_path, refitted):
    path = tmp_path / "model.safetensors"
    run.export(path, refitted=refitted)
    sizes = inspect(path)["bytes"]
    assert sizes["total"] - sizes["ids"] <= 24 * N_ITEMS
    artefact = read(path)
    assert artefact.items.age_decay.tolist() == [1, 1]
    device = Recommender.open(path)
    assert not device.ordered
    split = run.split()
    part = "test" if refitted else "valid"
    file = evaluate_on_device(device, split, part)["ndcg@20"]
    assert file == pytest.approx(run.evaluate(part)["ndcg@20"], rel=0.08)  # values are rounded
    there = device.recommend([split.train.items[0], split.train.items[1]], k=5)
    again = device.recommend([split.train.items[1], split.train.items[0]], k=5)
    assert [item for item, _ in there] == [item for item, _ in again]


def test_the_second_training_begins_at_the_trained_table_and_gets_its_own(run):
    facts = load_state(run.folder / "final" / "best.safetensors")[1]
    assert facts["item_columns"] is True
    assert (run.folder / "final" / "trained.safetensors").exists()


def test_none_are_fitted_where_none_are_wanted(catalogue, tmp_path):
    without = trained(catalogue, tmp_path / "run", False, **CUT)
    assert "item_columns" not in load_state(tmp_path / "run" / "best.safetensors")[1]
    assert not (tmp_path / "run" / "trained.safetensors").exists()
    assert set(without.best()[0].tables) == {"items", "weights"}


@pytest.mark.parametrize("worth", [-1.0, 9.0])
def test_validation_decides_for_both_trainings(catalogue, tmp_path, monkeypatch, worth):
    monkeypatch.setattr(thresholds, "WORTH_ITEM_COLUMNS", worth)
    said = []
    trained(catalogue, tmp_path / "run", None, **CUT, stage=said.append)
    for folder in (tmp_path / "run", tmp_path / "run" / "final"):
        facts = load_state(folder / "best.safetensors")[1]
        assert ("ages" in facts["dims"]) == (worth < 0)
    assert load_state(tmp_path / "run" / "best.safetensors")[1]["item_columns"] == (worth < 0)
    assert any("item columns beside" in words and "validation NDCG@20" in words for words in said)


@pytest.mark.parametrize("settings", [{"budget": None, "density": 0.3}, {"teacher": {"spectrum": "low"}}])
def test_a_run_that_can_have_none_has_none(catalogue, tmp_path, settings):
    given = {**SMALL, **settings}
    teacher = {"epochs": 1, "dim": 8, "item_columns": True, **given.pop("teacher", {})}
    train(catalogue, tmp_path / "run", teacher=teacher, **CUT, **{k: v for k, v in given.items() if v is not None})
    assert not (tmp_path / "run" / "trained.safetensors").exists()


def test_a_kill_while_they_are_fitted_loses_nothing(catalogue, tmp_path, monkeypatch, run):
    def digest(folder):
        parts = [folder / "best.safetensors", folder / "final" / "best.safetensors"]
        tensors = [tensor.numpy().tobytes() for part in parts for _, tensor in sorted(load_state(part)[0].items())]
        return hashlib.sha256(b"".join(tensors)).hexdigest()

    def interrupt(*_):
        raise KeyboardInterrupt

    folder = tmp_path / "run"
    plain = residual.Residual.weights
    for _ in range(2):  # of the first training, then of the second
        monkeypatch.setattr(residual.Residual, "weights", interrupt)
        assert trained(catalogue, folder, True, **CUT, resume=folder.exists()).ended == "interrupted"
        calls = []

        def once(self, count, calls=calls):
            calls.append(count)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return plain(self, count)

        monkeypatch.setattr(residual.Residual, "weights", once)
        trained(catalogue, folder, True, **CUT, resume=True)
    monkeypatch.setattr(residual.Residual, "weights", plain)
    assert trained(catalogue, folder, True, **CUT, resume=True).ended != "interrupted"
    assert digest(folder) == digest(run.folder)
    trained(catalogue, folder, True, **CUT, resume=True)
    assert digest(folder) == digest(run.folder)


@pytest.mark.parametrize(("n_items", "dim", "before"), [(1000, 64, 20_000), (40_000, 1024, 600_000), (50, 8, 100)])
def test_weights_take_the_bytes_that_values_leave(n_items, dim, before):
    counts = [weights_within(n_items, dim, before, int(share * before)) for share in (0.9, 0.6, 0.3)]
    assert counts == sorted(counts)
    for share, count in zip((0.9, 0.6, 0.3), counts, strict=True):
        taken = beside._bits(n_items * dim, int(share * before), 3.75) + beside._bits(n_items * n_items, count, 3.75)
        assert taken <= beside._bits(n_items * dim, before, 3.75)
        more = beside._bits(n_items * n_items, count + 1, 3.75) - beside._bits(n_items * n_items, count, 3.75)
        most = n_items * min(thresholds.NEAREST, n_items - 1)
        left = beside._bits(n_items * dim, before, 3.75) - taken - 8 * beside.HEADER_BYTES
        assert count in (0, most) or left < more


@pytest.mark.parametrize(
    ("wanted", "stages"), [(None, ["training", "beside"]), (True, ["training", "beside"]), (False, ["training"])]
)
def test_the_search_for_item_columns_is_a_stage_where_there_may_be_some(wanted, stages):
    config = load_config("fism", None, teacher={"item_columns": wanted})
    assert stage_names(config, N_ITEMS)[-len(stages) :] == stages
    assert has_item_columns(config) is (wanted is not False)


@pytest.mark.parametrize("other", [{"values": "int8"}, {"teacher": {"spectrum": "low"}}, {"loss": "softmax"}])
def test_there_is_no_such_stage_where_a_table_can_have_none(other):
    assert not has_item_columns(load_config("fism", None, **other))


def test_whoever_follows_a_run_hears_of_the_stage(catalogue, tmp_path):
    heard = []
    trained(catalogue, tmp_path / "run", True, refit=False, follow=heard.append, **CUT)
    begun = [(news.number, news.words) for news in heard if news.kind == "stage"]
    assert "links between items" in begun[-1][1]
    assert begun[-1][0] == heard[-1].stages
