"""The paper's grid: which jobs it has, what its page says of made-up results, and one run from end to end."""

from __future__ import annotations

import dataclasses

import pytest

from sparserec.axes import EXPLORERS, RECOMMENDERS
from sparserec.bench import one as one_module
from sparserec.bench import work as work_module
from sparserec.bench.ablations import ablation_jobs
from sparserec.bench.pages import plots
from sparserec.bench.pages.paper import overview, page
from sparserec.bench.paper import (
    CANDIDATES,
    COMMON,
    DENSE,
    METHODS,
    NARROW,
    Grid,
    chosen,
    current,
    narrow_dim,
    run_jobs,
    tune_jobs,
)
from sparserec.bench.results import Entry, Job, Results
from sparserec.bench.statistics import difference, spread
from sparserec.errors import SparserecError

GRID = Grid.quick(bases=("mf",), methods=(DENSE, NARROW, "SET", "SparseRec"), seeds=(0, 1), densities=(0.5, 0.25))


def tuned(tmp_path, best=1):
    """Every candidate tried; the one number `best` did best."""
    jobs = tune_jobs(GRID, tmp_path)
    return [Entry(job, {"valid": float(n % len(CANDIDATES["mf"]) == best)}) for n, job in enumerate(jobs)]


def test_every_method_is_tuned_with_the_same_candidates(tmp_path):
    jobs = tune_jobs(GRID, tmp_path)
    assert len(jobs) == (1 + 3 * 2) * len(CANDIDATES["mf"])  # dense tables have no density
    for method in GRID.methods:
        for density in [None] if method == DENSE else GRID.densities:
            own = [job.settings for job in jobs if (job.method, job.density) == (method, density)]
            assert [settings["weight_decay"] for settings in own] == [c["weight_decay"] for c in CANDIDATES["mf"]]
            assert {settings["seed"] for settings in own} == {0}
    assert {job.phase for job in jobs} == {"tune"}


def test_no_run_stops_before_its_last_epoch(tmp_path):
    shorter = dataclasses.replace(GRID, extra={**GRID.extra, "epochs": 7})
    for grid, epochs in ((GRID, 3), (shorter, 7)):
        entries = [Entry(job, {"valid": 1.0}) for job in tune_jobs(grid, tmp_path)]
        jobs = [entry.job for entry in entries] + run_jobs(grid, entries, tmp_path) + ablation_jobs(grid)
        assert {job.settings["epochs"] for job in jobs} == {epochs}
        assert {job.settings["patience"] for job in jobs} == {epochs}


def test_every_run_has_the_candidate_that_validation_chose(tmp_path):
    for best in (0, 1):
        entries = tuned(tmp_path, best)
        assert chosen(GRID, entries, "mf", "SET", 0.5) == CANDIDATES["mf"][best]
        jobs = run_jobs(GRID, entries, tmp_path)
        assert {job.settings["weight_decay"] for job in jobs} == {CANDIDATES["mf"][best]["weight_decay"]}
    assert len(jobs) == 2 + 3 * 2 * 2  # dense tables have no density
    assert len({job.key for job in jobs}) == len(jobs)
    with pytest.raises(SparserecError, match="SET with mf has not been tuned yet on synthetic"):
        run_jobs(GRID, [entry for entry in entries if entry.job.method != "SET"], tmp_path)


def test_each_density_has_its_own_choice_and_one_that_was_not_tuned_the_nearest(tmp_path):
    first, second = CANDIDATES["mf"]
    entries = [
        Entry(job, {"valid": float((job.settings["weight_decay"] == first["weight_decay"]) == (job.density == 0.5))})
        for job in tune_jobs(GRID, tmp_path)
    ]
    found = [chosen(GRID, entries, "mf", "SparseRec", density) for density in (0.9, 0.5, 0.4, 0.3, 0.25, 0.01)]
    assert found == [first, first, first, second, second, second]
    one = dataclasses.replace(GRID, tuned_at=(0.5,))
    assert {job.density for job in tune_jobs(one, tmp_path)} == {None, 0.5}
    half = [entry for entry in entries if entry.job.density != 0.25 or entry.job.settings["weight_decay"] == 3e-5]
    assert chosen(GRID, half, "mf", "SparseRec", 0.25) == first  # of two candidates one alone is no choice


def test_runs_of_settings_that_are_no_longer_chosen_are_out_of_date(tmp_path):
    entries = tuned(tmp_path, best=1)
    fresh = [Entry(job, {}) for job in run_jobs(GRID, entries, tmp_path)]
    stale = [Entry(job, {}) for job in run_jobs(GRID, tuned(tmp_path, best=0), tmp_path)]
    assert current([*entries, *stale, *fresh]) == fresh
    assert current(stale) == stale  # nothing is known of how they were tuned
    assert current([*entries, *stale[-1:], *fresh[:-2]]) == fresh[:-2]  # whatever else of its data set is there


def test_runs_with_other_shared_settings_are_shown_until_all_of_them_are_there_again(tmp_path):
    before = dataclasses.replace(GRID, extra={**GRID.extra, "batch_size": 128})
    old, new = ([Entry(job, {"valid": 1.0}) for job in tune_jobs(grid, tmp_path)] for grid in (before, GRID))
    older, newer = ([Entry(job, {}) for job in run_jobs(*of, tmp_path)] for of in ((before, old), (GRID, new)))
    assert current([*old, *older, *new, *newer[:-2]]) == older  # SparseRec at one density is missing
    assert current([*old, *older, *new, *newer[:-1]]) == newer[:-1]  # a seed is missing, and nothing else


def test_runs_of_fewer_epochs_than_others_of_their_base_are_out_of_date(tmp_path):
    fresh = [Entry(job, {}) for job in run_jobs(GRID, tuned(tmp_path, best=1), tmp_path)]
    first = fresh[0].job
    short = Entry(dataclasses.replace(first, settings={**first.settings, "epochs": first.settings["epochs"] - 1}), {})
    assert current([short, *fresh[1:]]) == fresh[1:]
    assert current([short]) == [short]


def test_what_an_entry_notes_is_told_on_the_page(tmp_path):
    figures = {"threads": 1, "seconds": 1.0, "valid": 0.1, "epoch": 1, "bytes": 10, "parameters": 5}
    found = figures | {"recall@20": 0.1, "ndcg@20": 0.1}
    job = run_jobs(GRID, tuned(tmp_path), tmp_path)[-1]
    plain, noted = (page([Entry(job, found | more)], "A page", "x") for more in ({}, {"note": "an older version."}))
    assert "| mf SparseRec | an older version. |" in noted
    assert "Rows of" not in plain


def test_methods_of_one_base_differ_in_nothing_but_the_method(tmp_path):
    jobs = run_jobs(GRID, tuned(tmp_path), tmp_path)
    for job in jobs:
        common = {k: v for k, v in job.settings.items() if k not in ("method", "init", "dim", "density")}
        first = {k: v for k, v in jobs[0].settings.items() if k not in ("method", "init", "dim", "density")}
        assert common == {**first, "seed": common["seed"]}
        if job.method != NARROW:
            assert job.settings["dim"] == GRID.dim
    assert set(METHODS) > {job.method for job in jobs}


def test_a_narrow_dense_table_takes_no_more_bytes(tmp_path):
    from sparserec.artefact import dense_file_bytes, sparse_file_bytes

    dim = narrow_dim(tmp_path, "synthetic", "mf", 16, 0.25)
    rows = {"n_users": 300, "n_items": 200, "values_dtype": "int8"}
    allowed = sparse_file_bytes(**rows, nnz=2000, dim=16)
    assert dense_file_bytes(**rows, dim=dim) <= allowed < dense_file_bytes(**rows, dim=dim + 1)


@pytest.mark.parametrize(
    ("given", "words"),
    [({"methods": ("Magic",)}, "method 'Magic'"), ({"bases": ("x",)}, "base 'x'"), ({"densities": (2.0,)}, "not 2.0")],
)
def test_a_grid_of_unknown_names_is_refused(given, words):
    with pytest.raises(SparserecError, match=words):
        Grid.of(**given).check()


def test_differences_by_hand():
    found = difference([0.12, 0.14], [0.10, 0.10])
    assert found.percent == pytest.approx(30)
    assert found.errors == pytest.approx(0.03 / 0.01)  # variances 2e-4 and 0, two seeds each
    assert found.worst == pytest.approx(20)
    assert found.clear == 0  # fewer than 4.3 standard errors
    assert difference([0.2, 0.2], [0.1, 0.1]).clear == 1
    assert difference([0.1, 0.1], [0.2, 0.2]).clear == -1
    assert spread([0.1]) == "0.1000"
    assert spread([0.1, 0.2]) == "0.1500 ± 0.0707"


def entry(method, density, seed, ndcg, base="mf", **more):
    found = {"ndcg@20": ndcg, "recall@20": ndcg, "valid": ndcg, "epoch": 2, "bytes": 100, "parameters": 50}
    job = Job("run", "d", base, method, density, {"dim": 8, "seed": seed})
    return Entry(job, {**found, "seconds": 1.0, "threads": 1, **more})


def test_the_page_says_how_the_claims_stand():
    entries = [entry("dense", None, 0, 0.100), entry("magnitude pruning", 0.1, 0, 0.099)]
    for seed, (ours, rigl, other) in enumerate([(0.096, 0.080, 0.070), (0.098, 0.082, 0.071), (0.097, 0.081, 0.071)]):
        entries += [entry("SparseRec", 0.1, seed, ours), entry("RigL", 0.1, seed, rigl), entry("SET", 0.1, seed, other)]
    entries += [entry("SparseRec", 0.05, 0, 0.060), entry("RigL", 0.05, 0, 0.075), entry("SET", 0.05, 0, 0.05)]
    entries += [entry("SparseRec, NMF start", 0.05, 0, 0.057), entry("RigL, random start", 0.05, 0, 0.05)]
    text = page(entries, "A title", "the command")
    assert text.startswith("# A title\n\nMade by `the command`")
    assert "| 0.1 | SparseRec | RigL | +19.75 % | +19.6 | 1 of 3 |" in text
    assert "| 0.05 | SparseRec | RigL | -20.00 % | - | - |" in text
    assert "| 0.05 | SparseRec, NMF start | RigL, random start | +14.00 % | - | - |" in text
    assert "Largest gain: SparseRec +19.75 %; SparseRec, NMF start +14.00 %." in text
    assert "97.0 % at 0.1, 60.0 % at 0.05. At least 95 %: at 0.1 still" in text
    assert "| 0.1 | SparseRec | 8 | 0.0970 ± 0.0010 | 0.0970 ± 0.0010 | 100 | 50 |" in text


def test_an_overview_has_a_line_for_each_base_and_a_cell_for_each_density():
    three = {"SparseRec": 0.06, "RigL": 0.05, "SET": 0.07}
    entries = [entry(name, 0.1, seed, ndcg) for name, ndcg in three.items() for seed in range(3)]
    entries += [entry("SparseRec", 0.05, 0, 0.06), entry("RigL", 0.05, 0, 0.05)]
    entries += [entry("SparseRec", 0.05, 0, 0.04, "neumf"), entry("static", 0.05, 0, 0.05, "neumf")]
    entries += [entry("SparseRec", 0.05, 0, 0.04, "lightgcn")]  # nothing beside it
    assert overview(entries) == [
        "| data | base | 0.1 | 0.05 |",
        "|---|---|---|---|",
        "| d | mf | -14.29 % (2 of 3) | +20.00 % |",
        "| d | neumf | - | -20.00 % |",
    ]
    assert "\n".join(overview(entries)) in page(entries, "A title", "x")
    assert overview(entries[-1:]) == []
    judged = [entry("SparseRec", 0.1, 0, 0.06, valid=0.09), entry("RigL", 0.1, 0, 0.05, valid=0.1)]
    assert overview(judged, "valid")[2:] == ["| d | mf | -10.00 % |"]


def test_the_page_says_where_runs_were_trained():
    elsewhere = {"device": "Some GPU", "workers": 3, "seconds": 5.0}
    both = [entry("RigL", 0.1, 0, 0.3, **elsewhere), entry("RigL", 0.1, 1, 0.3, seconds=8.0)]
    text = page([entry("SparseRec", 0.1, 0, 0.5), entry("static", 0.1, 0, 0.4, **elsewhere), *both], "A page", "x")
    assert "CPU (1 thread), Some GPU (3 runs at a time)" in " ".join(text.split())
    rows = {line.split(" | ")[1]: line for line in text.splitlines() if line.startswith("| 0.1 | ")}
    assert "5 s GPU" in rows["static"]
    assert "| 8 s, 5 s GPU |" in rows["RigL"]
    assert "GPU" not in rows["SparseRec"]


@pytest.fixture
def here(monkeypatch):
    """Jobs in this process: a process each would take longer than the work."""

    def here(job, results, conditions, do):
        return do({**work_module.call_of(job, results, conditions), "device": "cpu", "parent": None})

    monkeypatch.setattr(work_module, "in_a_process", here)


def test_the_grid_from_the_command_line(here, sparserec, tmp_path, monkeypatch):
    monkeypatch.delenv("SPARSEREC_DATA", raising=False)
    options = ["--base", "mf", "--base", "lightgcn", "--base", "neumf", "--method", "SparseRec", "--method", "dense"]
    call = ["bench", "short-training", "--quick", "--out", tmp_path, "--runs", tmp_path / "runs", *options]
    code, out, err = sparserec(*call)
    assert code == 0, err
    assert "14 of 14 done" in out
    assert "6 of 6 done" in out
    entries = Results(tmp_path / "short_training.jsonl").entries()
    by_base = {(e.job.base, e.job.method): e.figures for e in entries if e.job.phase == "run"}
    assert not any("ndcg@20" in e.figures for e in entries if e.job.phase == "tune")
    assert by_base["mf", "SparseRec"]["ships"] == "file"
    assert by_base["lightgcn", "SparseRec"]["ships"] == "tables and graph"
    assert by_base["lightgcn", "SparseRec"]["file"]["bytes"] < by_base["lightgcn", "SparseRec"]["bytes"]
    assert by_base["neumf", "dense"]["ships"] == "tables and network"
    assert "file" not in by_base["neumf", "dense"]
    assert not any((tmp_path / "runs" / name).exists() for name in ("model.safetensors",))
    for found in by_base.values():
        assert found["ndcg@20"] > 0.15
    text = (tmp_path / "short_training.md").read_text()
    for base in ("mf", "lightgcn", "neumf"):
        assert f"## synthetic, {base}" in text
    assert (tmp_path / "short_training_density.png").stat().st_size > 10_000
    code, out, _ = sparserec(*call)
    assert code == 0
    assert "seed 0" not in out  # nothing was done again
    assert (tmp_path / "short_training.md").read_text() == text


def test_a_run_that_nobody_waits_for_ends(tmp_path):
    job = tune_jobs(GRID, tmp_path)[0]
    call = {"job": job.__dict__, "data": tmp_path, "folder": tmp_path / "run", "threads": 1, "device": "auto"}
    call |= {"workers": 1, "keep": True}
    with pytest.raises(SparserecError, match="is gone"):
        one_module.one({**call, "parent": -1})
    assert one_module.one(call)["valid"] > 0


def test_a_grid_without_data_says_what_to_do(sparserec, tmp_path, monkeypatch):
    monkeypatch.delenv("SPARSEREC_DATA", raising=False)
    code, _, err = sparserec("bench", "short-training", "--out", tmp_path)
    assert code == 2
    assert "SPARSEREC_DATA" in err
    code, _, err = sparserec("bench", "short-training", "--quick", "--out", tmp_path, "--report")
    assert code == 2
    assert "holds no results" in err


def test_the_next_item_grid_from_the_command_line(here, sparserec, tmp_path, monkeypatch):
    from sparserec.interactions import synthetic

    facts = synthetic(n_users=60, n_items=40, interactions_per_user=12, n_clusters=4, seed=1)[0].interactions
    folder = tmp_path / "data" / "ml-latest-small"
    folder.mkdir(parents=True)
    rows = zip(facts.rows(), facts.indices, facts.timestamps, strict=True)
    lines = ["userId,movieId,rating,timestamp", *(f"{user},{item},4,{time}" for user, item, time in rows)]
    (folder / "ratings.csv").write_text("\n".join(lines) + "\n")
    (folder / "movies.csv").write_text("movieId,title\n1,One\n")
    monkeypatch.setenv("SPARSEREC_DATA", str(tmp_path / "data"))
    options = ["--method", "dense", "--method", "SparseRec", "--density", 0.5, "--seed", 0, "--dim", 8, "--epochs", 2]
    code, out, err = sparserec("bench", "next-item", "--out", tmp_path, "--runs", tmp_path / "runs", *options)
    assert code == 0, err
    assert "2 of 2 done" in out
    found = [entry.figures for entry in Results(tmp_path / "next_item.jsonl").entries() if entry.job.phase == "run"]
    assert {each["ships"] for each in found} == {"tables and network"}
    assert found[1]["bytes"] != found[0]["bytes"]
    assert (tmp_path / "next_item.md").read_text().startswith("# Next-item recommendation")


def test_plots_end_above_values_far_below_the_others_and_say_so():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (cut, whole) = plt.subplots(1, 2)
    plots._cut(cut, [[0.1, 0.2], [0.14], [0.01]])
    plots._cut(whole, [[0.15], [0.14]])
    low, high = cut.get_ylim()
    assert 0.1 < low < 0.14
    assert high > 0.15
    assert [text.get_text() for text in cut.texts] == ["1 more lie below, at 0.01 and less"]
    assert not whole.texts
    plt.close(figure)


def test_every_method_of_the_list_is_in_the_grid():
    assert {settings["method"] for settings in METHODS.values()} == set(EXPLORERS)
    assert set(COMMON) == set(CANDIDATES) == {name for name, kind in RECOMMENDERS.items() if not kind.from_histories}
