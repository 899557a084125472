"""Ablations: one setting at a time, and a page that compares each with the first of its table."""

from __future__ import annotations

import pytest

from sparserec.bench.ablations import QUESTIONS, ablation_jobs, ablations_page
from sparserec.bench.paper import Grid
from sparserec.bench.results import Entry
from sparserec.errors import SparserecError
from sparserec.settings import load_config

GRID = Grid.quick(bases=("mf",), seeds=(0, 1), extra={"epochs": 2})


def test_every_variant_is_a_configuration_that_is_known():
    for job in ablation_jobs(GRID):
        assert load_config(**job.settings).method in ("sparserec", "static", "set")


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.title)
def test_variants_differ_from_the_first_and_from_each_other(question):
    settings = [load_config("mf", **{**question.base, **own}) for own in question.variants.values()]
    assert len({config.model_dump_json() for config in settings}) == len(settings)


def test_the_first_variants_are_the_defaults_where_the_claim_is_not_another():
    default = load_config("mf")
    for question in QUESTIONS:
        first = load_config("mf", **{**question.base, **next(iter(question.variants.values()))})
        if question.title in ("How the initial budget is spread", "Evidence", "Rows with dense gradients"):
            assert first == default


def test_equal_settings_are_one_job():
    jobs = ablation_jobs(GRID)
    assert len({job.key for job in jobs}) == len(jobs)
    one = {"samples": 1}  # as SparseRec is published, where a variant says nothing else
    defaults = [job for job in jobs if job.settings["method"] == "sparserec" and job.settings["exploration"] == one]
    assert len([job for job in defaults if not any(name.startswith("init") for name in job.settings)]) == 2


def test_questions_can_be_asked_by_title():
    every, some = ablation_jobs(GRID), ablation_jobs(GRID, ["Evidence", "How rows are sampled"])
    assert {job.key for job in some} < {job.key for job in every}
    asked = {variant for q in QUESTIONS if q.title in ("Evidence", "How rows are sampled") for variant in q.variants}
    assert len(some) == len(asked) * len(GRID.seeds)


def test_an_unknown_question_is_an_error_that_names_those_there_are():
    with pytest.raises(SparserecError, match=r"unknown question 'Weather'.*'Evidence'"):
        ablation_jobs(GRID, ["Weather"])


def test_the_page_compares_with_the_first_line_and_names_the_best():
    entries = []
    for job in ablation_jobs(GRID):
        last = job.settings.get("exploration", {}).get("accumulate") == "last"
        score = (0.09 if last else 0.10) + job.settings["seed"] / 1000
        found = {"recall@20": 2 * score, "ndcg@20": score, "seconds": 3.0, "peak_rss": 5_000_000}
        entries.append(Entry(job, found))
    text = ablations_page(entries, GRID, "the command")
    assert "Made by `the command`" in text
    assert "| accumulated | 0.2010 ± 0.0014 | 0.1005 ± 0.0007 | - | - | 3 s | 5 MB | 2 |" in text
    assert "| last batch | 0.1810 ± 0.0014 | 0.0905 ± 0.0007 | -10.0 % | -14.1 | 3 s | 5 MB | 2 |" in text
    assert "Best here: accumulated." in text
    assert text.count("### ") == len(QUESTIONS)


def test_only_seeds_that_both_lines_have_are_compared():
    question = next(q for q in QUESTIONS if q.title == "Evidence")
    entries = []
    for job in ablation_jobs(GRID, [question.title]):
        first = "exploration" not in job.settings and job.settings["method"] == "sparserec"
        if not first and job.settings["seed"] == 1:
            continue
        score = 0.10 if job.settings["seed"] == 0 else 0.20  # a lucky seed that only the first line has
        entries.append(Entry(job, {"recall@20": score, "ndcg@20": score, "seconds": 3.0, "peak_rss": None}))
    text = ablations_page(entries, GRID, "the command")
    assert "| last batch | 0.1000 | 0.1000 | +0.0 % | - |" in text


@pytest.mark.parametrize(("noise", "words"), [(0.01, ", not clearly apart from the first."), (0.00001, ".")])
def test_the_best_is_said_to_be_level_where_seeds_differ_as_much(noise, words):
    title = "Evidence"
    grid = Grid.quick(bases=("mf",), seeds=(0, 1, 2))
    entries = []
    for job in ablation_jobs(grid, [title]):
        best = job.settings.get("exploration", {}).get("accumulate") == "absolute"
        score = 0.10 + 0.002 * best + noise * (job.settings["seed"] - 1)
        entries.append(Entry(job, {"recall@20": score, "ndcg@20": score, "seconds": 3.0, "peak_rss": None}))
    assert f"Best here: accumulated magnitudes{words}\n" in ablations_page(entries, grid, "the command")


def test_from_the_command_line(sparserec, tmp_path, monkeypatch):
    from sparserec.bench import ablations, work

    few = tuple(q for q in QUESTIONS if q.title in ("Evidence", "What NMF factorises"))
    monkeypatch.setattr(ablations, "QUESTIONS", few)

    def here(job, results, conditions, do):
        return do({**work.call_of(job, results, conditions), "device": "cpu", "parent": None})

    monkeypatch.setattr(work, "in_a_process", here)
    code, out, err = sparserec("bench", "ablations", "--quick", "--out", tmp_path, "--runs", tmp_path / "runs")
    assert code == 0, err
    assert "8 of 8 done" in out
    text = (tmp_path / "ablations.md").read_text()
    for variant in ("raw", "not balanced", "last batch", "chance"):
        assert f"| {variant} |" in text


def test_an_unknown_question_from_the_command_line(sparserec, tmp_path):
    asked = ("bench", "ablations", "--quick", "--out", tmp_path, "--question", "Weather")
    code, _, err = sparserec(*asked)
    assert code == 2
    assert "unknown question 'Weather'" in err
