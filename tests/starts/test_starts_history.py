from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

import sparserec
from sparserec.course import Course
from sparserec.device import Recommender
from sparserec.errors import SparserecError
from sparserec.evaluation import Popularity, evaluate
from sparserec.interactions import Interactions, split, synthetic
from sparserec.runs import api, evaluate_on_device
from sparserec.settings import load_config
from sparserec.sparsity import item_spectrum
from sparserec.sparsity.initial import Normalisation
from sparserec.starts import Context, filters, history, judging, spectrum, teaching, thresholds, width
from sparserec.starts import trained as trained_teachers
from sparserec.teachers import EaseTeacher, open_lists
from sparserec.training import needs_teacher
from sparserec.training.trainer import Trainer

FISM = {"recipe": "fism", "dim": 64, "budget": "30B/item", "batch_size": 64, "epochs": 3, "threads": 1, "refit": False}
TEACHER = {"power": 0.25, "rank": 48, "neighbours": 0.0, "length": 40, "share": 0.0, "ease": 0.0}


@pytest.fixture(scope="module")
def small():
    dataset, _ = synthetic(n_users=300, n_items=200, interactions_per_user=14, n_clusters=8, seed=3)
    return dataset


@pytest.fixture
def fism():
    return dict(FISM)


@pytest.fixture(scope="module")
def trained(small, tmp_path_factory):
    """A run that other tests look at and leave as it is."""
    return sparserec.train(small, tmp_path_factory.mktemp("fism") / "run", **FISM)


def facts_of(path):
    with safe_open(path, framework="np") as file:
        return json.loads(file.metadata()["sparserec"])


def assert_equal_files(one, other):
    one, other = load_file(one), load_file(other)
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def interrupt_after(monkeypatch, stop_at):
    real, steps = Trainer._step, 0

    def step_then_stop(self, *args):
        nonlocal steps
        real(self, *args)
        if self._folder.name == "trial":  # not the training yet
            return
        steps += 1
        self._stop = lambda: steps >= stop_at

    monkeypatch.setattr(Trainer, "_step", step_then_stop)
    return lambda: monkeypatch.setattr(Trainer, "_step", real)


def count_calls(monkeypatch, name):
    real, calls = getattr(spectrum, name), []

    def counted(*args, **settings):
        calls.append(name)
        return real(*args, **settings)

    monkeypatch.setattr(spectrum, name, counted)
    return calls


# -- what a run gives -----------------------------------------------------------------------------------------------


def test_it_learns_more_than_popularity_and_is_no_worse_than_its_start(trained):
    parts = trained.split()
    popular = evaluate(Popularity(parts.history("test"), parts.test.n_items), parts.history("test"), parts.test)
    assert trained.evaluate("test")["ndcg@20"] > 1.15 * popular["ndcg@20"]
    history = trained.log()
    assert [entry["epoch"] for entry in history] == list(range(-1, len(history) - 1))
    assert "loss" not in history[0]
    losses = [entry["loss"] for entry in history[1:]]
    assert losses[-1] < losses[0]
    values = [entry["ndcg@20"] for entry in history]
    assert trained.valid_metrics()["epoch"] == int(np.argmax(values)) - 1


@pytest.mark.parametrize("loss", ["list-softmax", "relaxed-ranking", "softmax", "bpr"])
def test_every_loss_trains(small, fism, tmp_path, loss):
    run = sparserec.train(small, tmp_path / "run", **fism, loss=loss, n_negatives=16, teacher=TEACHER, values="float16")
    losses = [entry["loss"] for entry in run.log()[1:]]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    assert (tmp_path / "run" / "teacher.npy").exists() == (loss in ("list-softmax", "relaxed-ranking"))


@pytest.mark.parametrize("method", ["sparserec", "static", "set", "rigl"])
@pytest.mark.parametrize("init", ["spectral", "random"])
def test_the_number_of_parameters_stays_and_methods_move_the_mask(small, fism, tmp_path, method, init):
    seen = set()
    run = sparserec.train(
        small,
        tmp_path / "run",
        **fism,
        method=method,
        init=init,
        teacher={**TEACHER, "item_columns": False},  # which come after the last step
        exploration={"rounds": 3},
        report=lambda progress: seen.add(progress.active),
    )
    assert len(seen) == 1
    assert run.parameters() in seen
    before, after = (load_file(tmp_path / "run" / name) for name in ("start.safetensors", "checkpoint.safetensors"))
    assert len(before["columns"]) == len(after["items.columns"])
    same = np.array_equal(before["columns"], after["items.columns"])
    assert same == (method == "static")


def test_the_same_seed_gives_the_same_bytes(small, fism, trained, tmp_path):
    trained.export(tmp_path / "one.safetensors")
    for name, seed in (("two", 0), ("three", 1)):
        sparserec.train(small, tmp_path / name, **fism, seed=seed).export(tmp_path / f"{name}.safetensors")
    one, two, three = ((tmp_path / f"{name}.safetensors").read_bytes() for name in ("one", "two", "three"))
    assert one == two
    assert one != three


# -- the exported file ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", ["18B/item", "30B/item", "5kB"])
def test_the_file_keeps_the_budget_and_has_no_user_table(small, fism, tmp_path, budget):
    run = sparserec.train(small, tmp_path / "run", **{**fism, "budget": budget, "epochs": 1}, teacher=TEACHER)
    report = run.export(tmp_path / "model.safetensors")
    allowed = {"18B/item": 18 * 200, "30B/item": 30 * 200, "5kB": 5000}[budget]
    size = (tmp_path / "model.safetensors").stat().st_size - report.ids
    assert size <= allowed
    assert size > 0.8 * allowed
    names = load_file(tmp_path / "model.safetensors").keys()
    assert not [name for name in names if name.startswith("users")]
    model = Recommender.open(tmp_path / "model.safetensors")
    assert not model.has_users
    with pytest.raises(SparserecError, match="no user table"):
        model.recommend(user="u0001")


@pytest.mark.parametrize(("values", "tolerance"), [("coded", 0.1), ("int8", 0.05), ("float16", 0.05)])
def test_the_device_ranks_like_the_run(small, fism, tmp_path, values, tolerance):
    run = sparserec.train(small, tmp_path / "run", **{**fism, "budget": "40B/item"}, values=values, teacher=TEACHER)
    report = run.export(tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").stat().st_size - report.ids <= 40 * 200
    model = Recommender.open(tmp_path / "model.safetensors")
    from_run, from_file = run.evaluate("test"), evaluate_on_device(model, run.split(), "test")
    for name in ("ndcg@20", "recall@20"):
        assert from_file[name] == pytest.approx(from_run[name], rel=tolerance)
    assert from_file.users == from_run.users


def test_a_new_user_is_served_from_a_history(small, trained, tmp_path):
    trained.export(tmp_path / "model.safetensors")
    model = Recommender.open(tmp_path / "model.safetensors")
    items = small.interactions.items
    history = [items[number] for number in (1, 5, 40)]
    found = model.recommend(history=history, k=10)
    assert len(found) == 10
    assert not {name for name, _ in found} & set(history)
    # The same scores as the run's own model for such a history, up to the rounding of the file.
    unseen = Interactions.of(np.zeros(3, dtype=np.int64), np.array([1, 5, 40]), small.interactions.users, items)
    own = trained.best()[0].scorer(unseen).score(np.array([0]))[0]
    ranks = np.argsort(np.argsort(-own))
    assert np.median([ranks[items.index(name)] for name, _ in found]) < 20
    with pytest.raises(SparserecError, match="history is empty"):
        model.recommend(history=[])


# -- the start ------------------------------------------------------------------------------------------------------


def test_without_epochs_the_start_is_the_model(small, tmp_path):
    run = sparserec.train(small, tmp_path / "run", recipe="spectral", dim=64, budget="30B/item", threads=1)
    assert run.ended == "finished"
    assert run.valid_metrics()["epoch"] == -1
    assert len(run.log()) == 1
    assert not (tmp_path / "run" / "teacher.npy").exists()
    kept, best = load_file(tmp_path / "run" / "start.safetensors"), load_file(tmp_path / "run" / "best.safetensors")
    for name in ("indptr", "columns", "values"):
        np.testing.assert_array_equal(best[f"items.{name}"], kept[name])
    np.testing.assert_allclose(np.exp(best["weights.values"]), kept["weights"], rtol=1e-5)
    parts = run.split()
    popular = evaluate(Popularity(parts.history("test"), parts.test.n_items), parts.history("test"), parts.test)
    assert run.evaluate("test")["ndcg@20"] > 1.1 * popular["ndcg@20"]
    report = run.export(tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").stat().st_size - report.ids <= 30 * 200
    again = sparserec.train(
        small, tmp_path / "run", recipe="spectral", dim=64, budget="30B/item", threads=1, resume=True
    )
    assert again.ended == "finished"
    assert len(again.log()) == 1


def test_wide_recipes_fit_a_catalogue_that_is_smaller(small, tmp_path):
    config, parts = load_config("fism"), split(small)
    assert config.dim == 1024
    assert width(config, parts) == 199
    few = dataclasses.replace(parts, train=parts.train.where(parts.train.rows() < 5))
    assert width(config, few) == min(few.train.n_users, few.train.n_items) - 1
    run = sparserec.train(small, tmp_path / "run", recipe="fism", budget="30B/item", epochs=1, threads=1)
    assert run.best()[0].tables["items"].dim >= 1
    assert run.evaluate("test")["ndcg@20"] > 0


@pytest.mark.parametrize("stop_at", [1, 4, 9])
def test_a_resumed_run_ends_like_an_uninterrupted_one(small, fism, trained, tmp_path, monkeypatch, stop_at):
    restore = interrupt_after(monkeypatch, stop_at)
    part = sparserec.train(small, tmp_path / "part", **fism)
    assert part.ended == "interrupted"
    assert part.evaluate("valid")["recall@20"] >= 0  # usable as it is
    restore()
    made = count_calls(monkeypatch, "choose_spectrum")
    resumed = sparserec.train(small, tmp_path / "part", **fism, resume=True)
    assert resumed.ended == trained.ended
    assert not made  # the start and the teacher were read, not made again
    for name in ("checkpoint.safetensors", "best.safetensors", "start.safetensors"):
        assert_equal_files(resumed.folder / name, trained.folder / name)
    trained.export(tmp_path / "whole.safetensors")
    resumed.export(tmp_path / "part.safetensors")
    assert (tmp_path / "whole.safetensors").read_bytes() == (tmp_path / "part.safetensors").read_bytes()


@pytest.mark.parametrize("lost", ["start.safetensors", "teacher.npy"])
def test_a_start_that_was_lost_is_made_again_the_same(small, fism, trained, tmp_path, monkeypatch, lost):
    restore = interrupt_after(monkeypatch, 4)
    sparserec.train(small, tmp_path / "part", **fism)
    restore()
    (tmp_path / "part" / lost).unlink()
    made = count_calls(monkeypatch, "choose_spectrum")
    resumed = sparserec.train(small, tmp_path / "part", **fism, resume=True)
    assert made == ["choose_spectrum"]
    assert (tmp_path / "part" / "teacher.npy").read_bytes() == (trained.folder / "teacher.npy").read_bytes()
    assert_equal_files(resumed.folder / "best.safetensors", trained.folder / "best.safetensors")


def test_a_start_of_a_run_that_never_began_is_taken_by_the_same_run_only(small, fism, tmp_path, monkeypatch):
    folder = tmp_path / "run"

    def killed(*args, **settings):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(api.Run, "create", killed)
        with pytest.raises(KeyboardInterrupt):
            sparserec.train(small, folder, **fism, teacher=TEACHER)
    assert sorted(path.name for path in folder.iterdir()) == ["start.safetensors", "teacher.npy"]
    made = count_calls(monkeypatch, "choose_spectrum")
    with monkeypatch.context() as patch:
        patch.setattr(api.Run, "create", killed)
        with pytest.raises(KeyboardInterrupt):
            sparserec.train(small, folder, **fism, teacher=TEACHER)
    assert not made
    other = sparserec.train(small, folder, **fism, teacher={**TEACHER, "power": 0.5, "length": 30})
    assert made == ["choose_spectrum"]
    assert np.load(folder / "teacher.npy").shape == (300, 30)
    assert facts_of(folder / "start.safetensors")["teacher"]["power"] == 0.5
    assert other.ended in ("finished", "stopped early")


def test_another_configuration_is_refused_and_leaves_the_run_as_it_is(small, fism, tmp_path):
    run = sparserec.train(small, tmp_path / "run", **{**fism, "epochs": 1}, teacher=TEACHER)
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    changed = {**fism, "epochs": 1, "budget": "35B/item", "resume": True}
    with pytest.raises(SparserecError, match="another configuration"):
        sparserec.train(small, tmp_path / "run", **changed, teacher=TEACHER)
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before


# -- the teacher ----------------------------------------------------------------------------------------------------


def context_of(small, folder=None, report=lambda words: None, **settings):
    config = load_config("fism", **{"dim": 64, "budget": "30B/item", **settings})
    parts = split(small, kind="random")  # their times say nothing of what they take
    return Context(config, parts, folder, Course(lambda news: report(news.words)))


def chosen(small, **settings):
    context = context_of(small, **settings)
    return filters.choose_filters(context, item_spectrum(context.split.train.csr(), 64, seed=0))[0]


@pytest.mark.parametrize(
    "wanted",
    [
        {"power": 0.7},
        {"rank": 5},
        {"neighbours": 1.5},
        {"power": 0.0, "rank": 64, "neighbours": 0.0},
        {"power": 2.0, "rank": 1, "neighbours": 9.0},
    ],
)
def test_settings_of_the_teacher_that_are_given_are_obeyed(small, wanted):
    teacher = chosen(small, teacher=wanted)
    found = {"rank": teacher.rank, "power": teacher.response.power, "neighbours": teacher.response.neighbours}
    assert {name: found[name] for name in wanted} == wanted


def test_a_rank_beyond_the_spectrum_takes_all_of_it(small):
    assert chosen(small, teacher={"rank": 500}).rank == 64


def test_the_teacher_is_chosen_among_its_options(small):
    teacher = chosen(small)
    assert teacher.response.power in thresholds.POWERS
    assert teacher.rank in (64, 32, 16)
    assert teacher.response.neighbours in (*thresholds.NEIGHBOURS, *thresholds.SLOPES)


def test_of_powers_about_as_good_the_largest_and_of_the_graph_only_what_is_worth_it():
    assert filters.smoothest({0.0: 0.2, 0.125: 0.1999, 0.25: 0.1985, 0.5: 0.15}) == 0.25
    assert filters.smoothest({0.0: 0.1, 0.125: 0.2, 0.25: 0.15, 0.5: 0.1}) == 0.125
    assert filters.largest_worth_it({0.0: 0.2, 0.3: 0.202, 1.0: 0.204}) == 0.0
    assert filters.largest_worth_it({0.0: 0.2, 0.3: 0.205, 1.0: 0.22, 3.0: 0.1}) == 1.0


def teachers_of(small, said=None, **teacher):
    words = [] if said is None else said
    context = context_of(small, report=words.append, teacher={"rank": 32, **teacher})
    teachings = teaching.choose_teachers(context, item_spectrum(context.split.train.csr(), 64, seed=0))
    return teachings, context.config, context.split


def linear_of(one):
    """EASE in a teacher, and its share."""
    members = [member for member in one.members if isinstance(member.teacher, EaseTeacher)]
    return (members[0].teacher, members[0].share) if members else (None, 0.0)


@pytest.mark.parametrize("wanted", [{"ease": 0.4, "regularisation": 50.0}, {"ease": 0.25, "share": 0.5}, {"ease": 0.0}])
def test_a_share_of_ease_that_is_given_is_obeyed(small, wanted):
    (found,), _, parts = teachers_of(small, **{"share": 0.0, **wanted})
    facts = found.facts()
    assert facts["ease"] == wanted["ease"]
    assert (linear_of(found)[0] is None) == (wanted["ease"] == 0)
    if "regularisation" in wanted:
        assert facts["regularisation"] == 50.0
    users = np.arange(3)
    scores = found.scorer(parts.train.csr()).score(users)
    plain = found.closed.scorer(parts.train.csr()).score(users)
    assert np.allclose(scores, plain) == (wanted == {"ease": 0.0})


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_shares_are_those_that_validation_likes_best(small, share):
    (found,), config, parts = teachers_of(small, share=share, epochs=1, spectrum="low")
    users = judging.judged_users(config, parts)
    by_share = found.by_share(parts, users)
    for other, quality in by_share.items():
        alone = found.with_share(other)
        measured = judging.quality(alone.scorer(parts.train.csr()), parts, users)
        assert quality == pytest.approx(measured, abs=1e-4)
    best = max(by_share, key=lambda value: by_share[value])
    worth = by_share[best] >= (1 + thresholds.WORTH_SHARE) * by_share[0.0]
    assert linear_of(found)[1] == (best if worth else 0.0)


def test_large_catalogues_have_no_linear_model_unless_it_is_asked_for(small):
    said: list[str] = []
    low = {"share": 0.0, "ease_items": 20, "spectrum": "low"}
    assert teachers_of(small, said, **low)[0][0].members == ()
    assert not any("EASE" in words for words in said)
    assert teachers_of(small, **low, ease=0.5)[0][0].members[-1].share == 0.5


@pytest.mark.parametrize("teacher", [{"ease": 0.5, "share": 0.0}, {"trained": "lightgcn", "share": 0.5, "epochs": 2}])
def test_the_second_training_has_the_teachers_of_the_first(small, fism, tmp_path, teacher):
    given = {"power": 0.25, "rank": 48, "neighbours": 0.0, "length": 40, "dim": 16, **teacher}
    said: list[str] = []
    run = sparserec.train(
        small, tmp_path / "run", **{**fism, "epochs": 1, "refit": True}, teacher=given, stage=said.append
    )
    found = [facts_of(folder / "start.safetensors")["teacher"] for folder in (run.folder, run.folder / "final")]
    assert found[0] == found[1]
    assert (found[0]["ease"], found[0]["share"]) == (teacher.get("ease", found[0]["ease"]), teacher["share"])
    epochs = [words for words in said if words.startswith("teacher: epoch")]
    assert len(epochs) == (4 if "trained" in teacher else 0)
    assert not (run.folder / "lightgcn").exists()
    lists = [np.load(folder / "teacher.npy") for folder in (run.folder, run.folder / "final")]
    assert not np.array_equal(lists[0]["item"], lists[1]["item"])
    assert run.ended in ("finished", "stopped early")


def test_the_graph_teacher_is_dense_lightgcn_and_repeatable(small, fism, tmp_path):
    context = context_of(small, tmp_path, teacher={"trained": "lightgcn", "epochs": 3, "dim": 16})
    parts = context.split
    one, two = (trained_teachers.train_lightgcn(context, None) for _ in range(2))
    users = np.arange(parts.train.n_users)
    assert np.array_equal(one.score(users), two.score(users))
    assert np.abs(one.score(users)).max() <= 1 + 1e-5  # cosines
    popular = Popularity(parts.train.csr(), parts.train.n_items)
    found = [evaluate(scorer, parts.train, parts.valid)["ndcg@20"] for scorer in (one, popular)]
    assert found[0] > found[1]


# -- the normalisation ----------------------------------------------------------------------------------------------


def normalisation_of(small, judge=None, **teacher):
    return spectrum.choose_spectrum(context_of(small, dim=32, teacher=teacher), 32, judge).normalisation


def test_dense_data_keep_the_usual_normalisation_without_another_spectrum(small, monkeypatch):
    monkeypatch.setattr(thresholds, "WORTH_TRYING", 1e9)
    tried = []
    assert normalisation_of(small, tried.append) == Normalisation()
    assert tried == []


@pytest.mark.parametrize(
    ("qualities", "best"),
    [
        ((0.5, 0.4, 0.7, 0.6), Normalisation(0.5, 5.0)),
        ((0.5, 0.6, 0.4, 0.7), Normalisation(0.5, 20.0)),
        ((0.5, 0.505, 0.4, 0.507), Normalisation()),
        ((0.5, 0.52, 0.521, 0.3), Normalisation(0.5, 5.0)),
    ],
)
def test_the_normalisation_that_is_judged_best_is_taken_if_it_is_worth_it(small, monkeypatch, qualities, best):
    monkeypatch.setattr(thresholds, "WORTH_TRYING", -1.0)
    order = [Normalisation(), *(Normalisation(*values) for values in thresholds.NORMALISATIONS)]
    by_normalisation = dict(zip(order, qualities, strict=True))
    assert normalisation_of(small, lambda spectrum: by_normalisation[spectrum.normalisation]) == best


@pytest.mark.parametrize("given", [{"smoothing": 3.0, "user_power": 0.25}, {"smoothing": 3.0}, {"user_power": 0.0}])
def test_a_normalisation_that_is_given_is_obeyed(small, monkeypatch, given):
    monkeypatch.setattr(thresholds, "WORTH_TRYING", -1.0)
    found = normalisation_of(small, **given)
    for name, value in given.items():
        assert getattr(found, name) == value


@pytest.mark.parametrize("recipe", ["fism", "spectral"])
def test_the_second_training_has_the_normalisation_of_the_first(small, fism, tmp_path, monkeypatch, recipe):
    monkeypatch.setattr(thresholds, "WORTH_TRYING", -1.0)
    monkeypatch.setattr(thresholds, "WORTH_NORMALISATION", -1.0)
    settings = {**fism, "epochs": 1} if recipe == "fism" else {"recipe": "spectral", "budget": "30B/item", "dim": 64}
    run = sparserec.train(small, tmp_path / "run", **{**settings, "refit": True, "threads": 1}, data={"holdout": True})
    found = [facts_of(folder / "start.safetensors") for folder in (run.folder, run.folder / "final")]
    assert found[0]["normalisation"] == found[1]["normalisation"] != {"user_power": 1.0, "smoothing": 0.0}
    run.export(tmp_path / "model.safetensors")
    on_device = evaluate_on_device(Recommender.open(tmp_path / "model.safetensors"), run.split(), "test")
    assert on_device["ndcg@20"] == pytest.approx(run.evaluate("test")["ndcg@20"], rel=0.1)


def test_another_run_lends_its_normalisation_with_its_teacher(small, fism, tmp_path):
    given = {**TEACHER, "smoothing": 7.0, "user_power": 0.5}
    lender = sparserec.train(small, tmp_path / "lender", **{**fism, "epochs": 1}, teacher=given)
    changed = {**fism, "epochs": 1, "budget": "24B/item"}
    sparserec.train(small, tmp_path / "run", **changed, teacher=given, teacher_from=lender.folder)
    assert facts_of(tmp_path / "run" / "start.safetensors")["normalisation"] == {"user_power": 0.5, "smoothing": 7.0}


def test_a_run_remembers_its_teacher_and_lists_as_long_as_asked_for(small, fism, tmp_path):
    sparserec.train(small, tmp_path / "run", **{**fism, "epochs": 1}, teacher=TEACHER)
    facts = facts_of(tmp_path / "run" / "start.safetensors")
    usual = {"user_power": 1.0, "smoothing": 0.0}
    usual |= {"steepness": 0.0, "ideal": 0.0, "exponent": 0.5, "local": 0.0}
    assert facts["teacher"] == {**usual, "power": 0.25, "rank": 48, "neighbours": 0.0, "share": 0.0, "ease": 0.0}
    lists = np.load(tmp_path / "run" / "teacher.npy")
    assert lists.shape == (300, 40)
    parts = split(small)
    for user in range(parts.train.n_users):
        own = parts.train.indices[parts.train.indptr[user] : parts.train.indptr[user + 1]]
        assert not np.isin(lists["item"][user], own).any()
    assert (np.diff(lists["score"], axis=1) <= 0).all()


@pytest.mark.parametrize(("better", "columns"), [(64, 64), (32, 32)])
def test_columns_of_the_start_are_chosen_on_validation(small, fism, tmp_path, monkeypatch, better, columns):
    monkeypatch.setattr(history, "after_an_epoch", lambda context, table, lists: float(table.dim == better))
    teacher = {**TEACHER, "rank": 64, "spectrum": "low"}
    run = sparserec.train(small, tmp_path / "run", **{**fism, "epochs": 1, "refit": True}, teacher=teacher)
    for folder in (run.folder, run.folder / "final"):
        facts = facts_of(folder / "start.safetensors")
        assert (facts["columns"], facts["dim"]) == (columns, columns)
        assert facts["teacher"]["rank"] == 64


@pytest.mark.parametrize(("better", "rank", "columns"), [(64, 64, 64), (32, 32, 32), (16, 32, 16), (31, 32, 32)])
def test_the_rank_of_the_teacher_is_chosen_by_what_an_epoch_of_training_makes_of_it(
    small, fism, tmp_path, monkeypatch, better, rank, columns
):
    monkeypatch.setattr(history, "after_an_epoch", lambda context, table, lists: -abs(table.dim - better))
    monkeypatch.setattr(thresholds, "RANKS", (1, 2))
    teacher = {name: value for name, value in TEACHER.items() if name != "rank"} | {"spectrum": "low"}
    run = sparserec.train(small, tmp_path / "run", **{**fism, "epochs": 1, "refit": True}, teacher=teacher)
    for folder in (run.folder, run.folder / "final"):
        facts = facts_of(folder / "start.safetensors")
        assert (facts["teacher"]["rank"], facts["columns"], facts["dim"]) == (rank, columns, columns)
        assert sorted(path.name for path in folder.iterdir() if "teacher" in path.name) == ["teacher.npy"]


def test_the_lists_that_stay_are_those_of_the_chosen_teacher(small, fism, tmp_path):
    run = sparserec.train(small, tmp_path / "run", **{**fism, "epochs": 1})
    known = facts_of(run.folder / "start.safetensors")["teacher"]
    again = sparserec.train(small, tmp_path / "again", **{**fism, "epochs": 1}, teacher=known)
    assert (run.folder / "teacher.npy").read_bytes() == (again.folder / "teacher.npy").read_bytes()


def test_a_trial_leaves_nothing_and_changes_nothing(small, tmp_path, monkeypatch):
    real, seen = history.after_an_epoch, []

    def twice(*arguments):
        seen.extend(real(*arguments) for _ in range(2))
        return seen[-1]

    monkeypatch.setattr(history, "after_an_epoch", twice)
    settings = {name: value for name, value in FISM.items() if name != "threads"}
    low = load_config(**settings, teacher={"spectrum": "low"})
    start = history.history_start_of(Context(low, split(small), tmp_path))
    assert seen[::2] == seen[1::2]
    assert len(set(seen)) > 1
    assert not (tmp_path / "trial").exists()
    assert start.lists is not None


def test_a_catalogue_too_large_for_its_columns_gets_fewer(small):
    config, parts = load_config("fism", start_numbers=1000), split(small)
    assert width(config, parts) == 1000 // parts.train.n_items
    assert width(load_config("fism", start_numbers=1), parts) == 1


def test_of_very_many_users_a_sample_learns_from_the_teacher(small, fism, tmp_path, monkeypatch):
    monkeypatch.setattr(thresholds, "FEWEST_TAUGHT", 1)
    told = []
    settings = {**fism, "lesson_numbers": 50 * small.interactions.n_items + 1, "epochs": 1}
    run = sparserec.train(small, tmp_path / "run", stage=told.append, **settings)
    parts, config = run.split(), run.config
    users = judging.taught_users(config, parts)
    assert len(users) == 50
    assert (np.diff(users) > 0).all()
    assert (parts.train.user_degrees()[users] > 0).all()
    np.testing.assert_array_equal(users, judging.taught_users(config, parts))
    assert not np.array_equal(users, judging.taught_users(config.model_copy(update={"seed": 1}), parts))
    assert any(f"50 of {parts.train.n_users:,} users" in words for words in told)
    assert len(open_lists(run.folder / "teacher.npy", users, parts.train.n_items).users) == 50
    assert run.evaluate("valid")["ndcg@20"] > 0


def test_users_who_took_nearly_everything_do_not_shorten_the_lists_of_all(small):
    parts = split(small)
    train = parts.train
    user, every = np.full(train.n_items, 7), np.arange(train.n_items)
    rows, items = np.concatenate([train.rows(), user]), np.concatenate([train.indices, every])
    greedy = dataclasses.replace(parts, train=Interactions.of(rows, items, train.users, train.items))
    users = judging.taught_users(load_config("fism"), greedy)
    np.testing.assert_array_equal(users, np.delete(np.arange(train.n_users), 7))


def test_a_catalogue_that_everybody_has_taken_leaves_nothing_to_learn(small):
    parts = split(small)
    train = parts.train
    n_users, n_items = train.n_users, train.n_items
    rows, items = np.repeat(np.arange(n_users), n_items), np.tile(np.arange(n_items), n_users)
    whole = dataclasses.replace(parts, train=Interactions.of(rows, items, train.users, train.items))
    with pytest.raises(SparserecError, match="nothing to rank"):
        judging.taught_users(load_config("fism"), whole)


def test_columns_of_the_start_that_are_given_are_obeyed(small, fism, tmp_path):
    run = sparserec.train(small, tmp_path / "run", **{**fism, "epochs": 1}, teacher={**TEACHER, "columns": 20})
    facts = facts_of(run.folder / "start.safetensors")
    assert (facts["columns"], facts["dim"], facts["teacher"]["rank"]) == (20, 20, 48)


def test_only_distillation_needs_a_teacher():
    assert needs_teacher(load_config("fism"))
    assert not needs_teacher(load_config("spectral"))
    assert not needs_teacher(load_config("fism", epochs=0))
    assert not needs_teacher(load_config("fism", loss="bpr"))


@pytest.mark.parametrize(
    ("settings", "epochs"),
    [
        ({}, 3),
        ({"small_epochs": 7}, 7),
        ({"small_epochs": 7, "batch_size": 32}, 3),
        ({"small_epochs": 7, "loss": "bpr"}, 3),
    ],
)
def test_few_users_are_passed_over_more_often(small, fism, tmp_path, settings, epochs):
    # 300 users: a 40th is less than the smallest batch, of 32, which a batch size of 32 is already
    run = sparserec.train(small, tmp_path / "run", **{**fism, "patience": 9, **settings}, teacher=TEACHER)
    assert [entry["epoch"] for entry in run.log() if "loss" in entry] == list(range(epochs))


def test_a_poisoned_test_part_changes_nothing_that_is_chosen(small, fism, trained, tmp_path, monkeypatch):
    real = api.cut

    def poisoned(dataset, config):
        parts = real(dataset, config)
        facts = parts.test
        every = np.tile(np.arange(facts.n_items, dtype=np.int32), facts.n_users)
        indptr = np.arange(facts.n_users + 1, dtype=np.int64) * facts.n_items
        return dataclasses.replace(parts, test=Interactions(indptr, every, facts.users, facts.items, None, 0))

    monkeypatch.setattr(api, "cut", poisoned)
    other = sparserec.train(small, tmp_path / "poisoned", **fism)
    assert other.valid_metrics()["epoch"] == trained.valid_metrics()["epoch"]
    for name in ("best.safetensors", "start.safetensors"):
        assert_equal_files(other.folder / name, trained.folder / name)
    assert (other.folder / "teacher.npy").read_bytes() == (trained.folder / "teacher.npy").read_bytes()
    one, two = (facts_of(run.folder / "start.safetensors") for run in (other, trained))
    assert one["teacher"] == two["teacher"]


def test_users_and_items_that_training_knows_nothing_of_do_no_harm(fism, tmp_path):
    """With a split by time there are users without a history, and items that nobody took before."""
    dataset, _ = synthetic(n_users=250, n_items=200, interactions_per_user=14, n_clusters=8, seed=3)
    run = sparserec.train(dataset, tmp_path / "run", **fism, data={"split": "global-time", "test_fraction": 0.5})
    train = run.split().train
    assert (train.user_degrees() == 0).any()
    assert np.isfinite([entry["loss"] for entry in run.log()[1:]]).all()
    assert run.evaluate("test")["ndcg@20"] > 0


# -- settings that cannot work --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"recipe": "mf", "loss": "list-regression"}, "needs model fism, not mf"),
        ({"recipe": "mf", "loss": "list-softmax"}, "needs model fism, not mf"),
        ({"recipe": "mf", "loss": "relaxed-ranking", "method": "dense"}, "needs model fism, not mf"),
        ({"recipe": "fism", "method": "dense"}, "fism has sparse tables only"),
        ({"recipe": "fism", "init": "nmf", "budget": "30B/item"}, "spectral or random, not nmf"),
        ({"recipe": "fism", "budget": "1B/item"}, "too small"),
        ({"recipe": "fism", "teacher": {"strength": 3}}, r"teacher\.strength"),
        ({"recipe": "fism", "teacher": {"rank": 0}}, r"teacher\.rank"),
    ],
)
def test_settings_that_cannot_work_leave_nothing_behind(small, tmp_path, settings, message):
    with pytest.raises(SparserecError, match=message):
        sparserec.train(small, tmp_path / "run", **{"dim": 16, "threads": 1, **settings})
    assert not (tmp_path / "run").exists()
