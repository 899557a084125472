"""The default teacher: a linear model of items, and a filter that is chosen beside it."""

from __future__ import annotations

import numpy as np
import pytest

import sparserec
from sparserec.course import Course
from sparserec.interactions import split, synthetic
from sparserec.settings import load_config
from sparserec.sparsity import Spectrum, item_spectrum, spectral
from sparserec.starts import Context, filters, history, judging, teaching, thresholds
from sparserec.starts import spectrum as spectra
from sparserec.starts.history import FirstTable, vectors_needed
from sparserec.teachers import AverageScorer, EaseTeacher, LocalEase, OfHistories, PooledTeacher, Raised, ease
from sparserec.training import load_state


@pytest.fixture(scope="module")
def small():
    return synthetic(n_users=300, n_items=200, interactions_per_user=14, n_clusters=8, seed=3)[0]


def context_of(small, said=None, folder=None, **settings):
    config = load_config("fism", **{"dim": 64, "budget": "30B/item", **settings})
    words = [] if said is None else said
    return Context(config, split(small), folder, Course(lambda news: words.append(news.words)))


def teachers_of(small, said=None, **teacher):
    context = context_of(small, said, teacher={"rank": 32, **teacher})
    return teaching.choose_teachers(context, item_spectrum(context.split.train.csr(), 64, seed=0)), context


def kinds(one):
    return [type(member.teacher) for member in one.members]


@pytest.mark.parametrize(("ease_items", "kind"), [(12_000, EaseTeacher), (20, LocalEase)])
def test_a_linear_model_and_one_filter_teach_and_nothing_is_trained(small, ease_items, kind):
    said: list[str] = []
    found, context = teachers_of(small, said, ease_items=ease_items, share=0.0)
    assert len(found) == 1
    assert kinds(found[0]) == [kind]
    assert found[0].members[0].share in thresholds.SHARES[1:]
    assert not any(words.startswith("teacher: epoch") for words in said)
    assert any("beside the linear model" in words for words in said)
    assert found[0].facts()["share"] == 0
    users = judging.judged_users(context.config, context.split)
    by_share = found[0].by_share(context.split, users)
    assert found[0].members[0].share == max(by_share, key=lambda share: by_share[share])


@pytest.mark.parametrize(("gain", "share"), [(0.5, 0.75), (0.01, 0.0)])
def test_a_trained_teacher_comes_last_and_has_a_share_where_it_is_worth_it(small, monkeypatch, gain, share):
    def by_share(self, parts, users):
        worth = {EaseTeacher: 0.5, PooledTeacher: gain}[type(self.members[-1].teacher)]
        return {share: 0.1 * (1 + worth * share) for share in thresholds.SHARES}

    monkeypatch.setattr(teaching.Teaching, "by_share", by_share)
    found, _ = teachers_of(small, epochs=1)
    assert kinds(found[0]) == [EaseTeacher, PooledTeacher]
    assert [member.share for member in found[0].members] == [0.75, share]
    assert found[0].facts()["share"] == share


def test_where_no_linear_model_is_of_use_the_filter_is_chosen_for_itself(small, monkeypatch):
    monkeypatch.setattr(thresholds, "WORTH_SHARE", 10.0)
    said: list[str] = []
    found, _ = teachers_of(small, said, epochs=2)
    assert kinds(found[0]) == [PooledTeacher]
    chosen = [words for words in said if words.startswith("filter: rank")]
    assert ["beside" in words for words in chosen] == [True, False]


def test_a_trained_teacher_that_is_asked_for_joins_last(small):
    found, _ = teachers_of(small, share=0.25, epochs=1, ease=0.5)
    assert kinds(found[0]) == [EaseTeacher, PooledTeacher]
    assert [member.share for member in found[0].members] == [0.5, 0.25]
    none, _ = teachers_of(small, share=0.0, ease=0.0)
    assert none[0].members == ()


def test_filters_are_judged_by_the_average_with_the_teachers_beside_them(small):
    context = context_of(small)
    train, users = context.split.train, judging.judged_users(context.config, context.split)
    make = filters.filters_of(context, item_spectrum(train.csr(), 64, seed=0))
    tried = [
        make(32, filters.Response()),
        make(16, filters.Response(0.5)),
        make(32, filters.Response(steepness=2.0, neighbours=1.5, exponent=0.4)),
    ]
    model = Raised(OfHistories(ease(train.csr(), 100.0), train.csr()), 1.0)
    found = judging.qualities(tried, context.split, users, model)
    for one, quality in zip(tried, found, strict=True):
        average = AverageScorer([(one.scorer(train.csr()), 0.5), (model, 0.5)], train.csr())
        assert quality == pytest.approx(judging.quality(average, context.split, users), abs=1e-4)
    assert judging.qualities(tried, context.split, users) != found


@pytest.mark.parametrize(
    ("dim", "given", "judges", "ranks"),
    [
        (1024, {}, True, [512, 256]),
        (600, {}, True, [512, 300, 150]),
        (64, {}, True, [64, 32, 16]),
        (1024, {}, False, [512]),
        (1024, {"spectrum": "low"}, True, [1024, 512, 256]),
        (1024, {"rank": 900}, True, [900]),
        (1024, {"rank": 2000}, True, [1024]),
    ],
)
def test_a_filter_beside_a_linear_model_has_few_vectors(dim, given, judges, ranks):
    assert filters._ranks(load_config("fism", teacher=given).teacher, dim, judges) == ranks


def test_a_smaller_exponent_must_be_worth_more_than_a_smaller_power():
    by_exponent = {0.5: 0.2, 0.4: 0.2045, 0.3: 0.19}
    assert filters.smoothest(by_exponent, thresholds.WORTH_EXPONENT) == 0.5
    assert filters.smoothest(by_exponent) == 0.4
    assert filters.smoothest({0.5: 0.2, 0.4: 0.2, 0.3: 0.21}, thresholds.WORTH_EXPONENT) == 0.3


@pytest.mark.parametrize(
    ("judged", "columns"),
    [
        ({64: 1.0, 32: 1.0}, 64),
        ({64: 1.0, 32: 1.02}, 64),
        ({64: 1.0, 32: 1.04, 16: 1.05}, 32),
        ({64: 1.0, 32: 1.04, 16: 1.1, 8: 1.0}, 16),
    ],
)
def test_fewer_columns_are_taken_where_they_are_clearly_better_untrained(small, tmp_path, monkeypatch, judged, columns):
    monkeypatch.setattr(history, "table_quality", lambda context, table, users: 0.1 * judged.get(table.dim, 0.0))
    monkeypatch.setattr(history, "after_an_epoch", None)  # would fail if it were called
    settings = {"recipe": "fism", "dim": 64, "budget": "20B/item", "batch_size": 64, "epochs": 1, "threads": 1}
    run = sparserec.train(small, tmp_path / "run", **settings, refit=False, teacher={"length": 40})
    facts = load_state(run.folder / "start.safetensors")[1]
    assert (facts["columns"], facts["dim"]) == (columns, columns)


@pytest.mark.parametrize(("gain", "stay"), [(1.02, False), (1.04, True)])
def test_columns_for_groups_of_items_stay_where_they_are_clearly_better(small, tmp_path, monkeypatch, gain, stay):
    monkeypatch.setattr(
        history, "table_quality", lambda context, table, users: 0.1 * (gain if table.dim > table.columns else 1.0)
    )
    settings = {"recipe": "fism", "dim": 64, "budget": "30B/item", "batch_size": 64, "epochs": 1, "threads": 1}
    teacher = {"length": 40, "ease": 0.5, "columns": 16}
    run = sparserec.train(small, tmp_path / "run", **settings, refit=True, teacher=teacher)
    for folder in (run.folder, run.folder / "final"):
        facts = load_state(folder / "start.safetensors")[1]
        assert facts["columns"] == 16
        assert (facts["dim"] > 16) == stay


def test_normalisations_are_told_apart_by_few_vectors_and_only_the_chosen_one_gets_all(small, monkeypatch):
    made: list[tuple[float, int]] = []

    def counted(matrix, dim, *, seed, normalisation):
        made.append((normalisation.smoothing, dim))
        return Spectrum(np.ones(dim, np.float32), np.ones((200, dim), np.float32), normalisation)

    monkeypatch.setattr(spectra, "item_spectrum", counted)
    monkeypatch.setattr(spectra, "_worth_trying", lambda *given: True)
    monkeypatch.setattr(thresholds, "NORMALISATION_VECTORS", 24)
    seen: list[int] = []

    def quality(context, spectrum, users):
        seen.append(len(spectrum.singular))
        return 0.2 if spectrum.normalisation.smoothing == 20 else 0.1

    monkeypatch.setattr(spectra, "_best_filter", quality)
    chosen = spectra.choose_spectrum(context_of(small), 64)
    assert (chosen.normalisation.smoothing, len(chosen.singular)) == (20.0, 64)
    assert seen == [24] * 4
    assert made == [(0.0, 64), (5.0, 24), (5.0, 24), (20.0, 24), (20.0, 64)]


@pytest.mark.parametrize(
    ("teacher", "vectors"),
    [({"rank": 100, "share": 0.0}, 100), ({"rank": 100, "share": 0.25}, 256), ({"rank": 300, "share": 0.25}, 300)],
)
def test_a_teacher_whose_settings_are_known_needs_few_vectors(teacher, vectors):
    assert vectors_needed(load_config("fism", teacher=teacher)) == vectors


@pytest.mark.parametrize("shape", [(50, 8), (200, 60), (30, 30)])
def test_orthonormal_columns_have_the_span_of_those_given(shape):
    columns = np.random.default_rng(0).standard_normal(shape).astype(np.float32) * np.logspace(0, -2, shape[1])
    found = spectral.orthonormal(columns.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.T @ found, np.eye(shape[1]), atol=1e-3)
    np.testing.assert_allclose(found @ (found.T @ columns), columns, atol=1e-3)


def test_columns_that_depend_on_others_become_0_instead_of_noise():
    columns = np.random.default_rng(0).standard_normal((80, 5)).astype(np.float32)
    found = spectral.orthonormal(np.hstack([columns, columns @ np.ones((5, 3), np.float32)]))
    lengths = np.sort(np.linalg.norm(found, axis=0))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(lengths[3:], 1, atol=1e-3)
    np.testing.assert_allclose(lengths[:3], 0, atol=1e-3)


def test_first_tables_know_how_many_of_their_columns_are_of_the_spectrum(small, tmp_path):
    context = context_of(small, folder=tmp_path)
    tables = history.Tables(context, item_spectrum(context.split.train.csr(), 64, seed=0))
    assert isinstance(tables.whole(), FirstTable)
    assert (tables.whole().dim, tables.whole().columns) == (64, 64)
