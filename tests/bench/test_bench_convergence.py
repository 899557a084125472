"""Trainings to the end: which jobs there are, what the page says of made-up results, a small one from end to end."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from sparserec.bench import data as data_module
from sparserec.bench import work as work_module
from sparserec.bench.comparisons import (
    OWN,
    VERDICTS,
    by_verdict,
    cells_of,
    compared,
    from_equal_starts,
    whose,
)
from sparserec.bench.convergence import (
    AS_PUBLISHED,
    COMMON,
    DENSE,
    FINALISTS,
    LONGER,
    MOVERS,
    ONE_SAMPLE,
    OURS,
    PARTS,
    Line,
    Protocol,
    candidate_of,
    first_round,
    for_all_users,
    last_tenth,
    name_of,
    next_jobs,
    pair_of,
    rising,
    second_round,
    trained,
    valid_of_candidates,
)
from sparserec.bench.pages.convergence import curves, page
from sparserec.bench.results import Entry, Results
from sparserec.errors import SparserecError
from sparserec.interactions import Dataset, Interactions
from sparserec.settings import load_config
from sparserec.vocabulary import Vocabulary

SMALL = Protocol(("synthetic",), ("mf",), (0.25,), starts=("random", "NMF mask"), movers=("fixed", "SparseRec"))


def done(protocol, worth):
    """Everything done, round by round, each job as good as `worth` says."""
    entries, before = [], -1
    while before < len(entries):
        before = len(entries)
        known = {entry.job.key for entry in entries}
        for job in next_jobs(protocol, entries):
            if job.key not in known:
                curve = [worth(job)] * job.settings["epochs"]
                figures = {"valid": worth(job), "ndcg@20": worth(job), "curve": curve}
                entries.append(Entry(job, figures))
    return entries


@pytest.mark.parametrize("base", COMMON)
def test_all_pairs_have_as_many_trials(base):
    counts = set()
    for mover in (*MOVERS, *PARTS, DENSE):
        first = first_round(base, mover)
        every = [*first, *second_round(base, mover, first[1])]
        assert len({repr(candidate) for candidate in every}) == len(every)
        counts.add(len(every))
    assert len(counts) == 1


@pytest.mark.parametrize(("base", "mover"), list(itertools.product(COMMON, [*MOVERS, *PARTS])))
def test_every_candidate_is_a_configuration(base, mover):
    first = first_round(base, mover)
    for candidate in [*first, *second_round(base, mover, first[0])]:
        load_config(**Line(SMALL, "gowalla", base, mover, "NMF mask", 0.1).job("run", "gowalla", candidate, 0).settings)


def test_rounds_follow_each_other_and_the_best_goes_on():
    def worth(job):
        return job.settings["lr"] * (1 + job.settings.get("exploration", {}).get("rounds", 0) / 1000)

    entries = done(SMALL, worth)
    runs = [entry.job for entry in entries if entry.job.phase == "run"]
    assert {job.method for job in runs} == {
        "fixed from random",
        "fixed from NMF mask",
        OURS + " from random",
        DENSE,
        OURS + " from NMF mask",
    }
    assert len(runs) == 5 * len(SMALL.seeds)
    chosen = {job.method: candidate_of(job) for job in runs}
    assert chosen["fixed from random"] == {"lr": 0.06, "weight_decay": 1e-4}
    assert chosen[OURS + " from random"]["exploration"] == {"rounds": 200, "drop_fraction": 0.3}
    # The test part is read by runs alone, and by those with what trials chose.
    assert all(entry.job.phase in ("tune", "run") for entry in entries)
    assert next_jobs(SMALL, []) == [job for job in next_jobs(SMALL, []) if job.phase == "tune"]


def test_a_trial_that_is_missing_holds_up_its_pair_alone():
    entries = done(SMALL, lambda job: 0.1)
    missing = next(entry for entry in entries if entry.job.method == "fixed from random")
    jobs = next_jobs(SMALL, [entry for entry in entries if entry is not missing])
    assert "fixed from random" not in {job.method for job in jobs if job.phase == "run"}
    assert "fixed from NMF mask" in {job.method for job in jobs if job.phase == "run"}


def test_the_best_few_trials_are_tried_with_more_seeds_and_their_mean_decides():
    protocol = Protocol(("synthetic",), ("mf",), (0.25,), ("random",), ("fixed",), tuning_seeds=(4, 5), dense=False)

    def worth(job):
        lucky = job.settings["lr"] == 0.01 and job.settings["seed"] == 4 and job.settings["weight_decay"] == 1e-4
        return 0.5 if lucky else {0.003: 0.3, 0.01: 0.1, 0.03: 0.4}.get(job.settings["lr"], 0.2)

    entries = done(protocol, worth)
    trials = [entry.job for entry in entries if entry.job.phase == "tune"]
    again = [candidate_of(job) for job in trials if job.settings["seed"] == 5]
    assert sum(job.settings["seed"] == 4 for job in trials) == 10
    assert again == [
        {"lr": 0.01, "weight_decay": 1e-4},
        {"lr": 0.03, "weight_decay": 1e-4},
        {"lr": 0.03, "weight_decay": 3e-4},
    ]
    assert len(again) == FINALISTS
    runs = [entry.job for entry in entries if entry.job.phase == "run"]
    assert {job.settings["lr"] for job in runs} == {0.03}
    assert whose(entries, runs[0]) == OWN


def test_what_only_one_seed_has_tried_does_not_count_beside_what_several_have():
    line = Line(SMALL, "synthetic", "mf", "fixed", "random", 0.25)
    once, often = {"lr": 0.01, "weight_decay": 1e-4}, {"lr": 0.03, "weight_decay": 1e-4}
    entries = [Entry(line.job("tune", "synthetic", once, 0), {"valid": 0.9})]
    assert valid_of_candidates(entries) == [(once, [0.9])]
    entries += [Entry(line.job("tune", "synthetic", often, seed), {"valid": 0.1 + seed}) for seed in (0, 1)]
    assert valid_of_candidates(entries) == [(often, [0.1, 1.1])]
    assert valid_of_candidates([]) == []


def test_a_trial_that_a_run_has_done_is_not_done_again():
    entries = done(SMALL, lambda job: job.settings["lr"])
    about = {"valid_recall": 0.3, "epoch": 4, "threads": 1, "device": "cpu", "workers": 2}
    entries = [replace(entry, figures={**entry.figures, **about, "peak_rss": 5}) for entry in entries]
    runs = [entry for entry in entries if entry.job.phase == "run"]
    trials = {entry.job.key: entry for entry in entries if entry.job.phase == "tune"}
    jobs = [entry.job for entry in entries]
    assert trained(jobs, entries) == []
    found = trained(jobs, runs)
    assert {entry.job.key for entry in found} == {replace(e.job, phase="tune").key for e in runs} & trials.keys()
    assert len(found) == 15  # five lines, three seeds of what each has chosen
    for entry in found:
        assert entry.figures["curve"] == trials[entry.job.key].figures["curve"]
        assert entry.figures.keys() == {"valid", "curve", "seconds", "resumed", *about}
    on_few = [replace(job, dataset="synthetic, few users") for job in jobs]
    assert trained(on_few, runs) == []


def test_trials_may_have_a_fifth_of_the_users():
    few = Protocol(("gowalla",), ("mf",), (0.1,), ("random",), ("fixed",), few_users=True, dense=False)

    def worth(job):
        """With few users the largest decay is best, with all the next smaller one."""
        best = 1e-3 if job.dataset == "gowalla-fifth" else 3e-4
        return 0.2 if job.settings["weight_decay"] == best else 0.1

    entries = done(few, worth)
    by_phase = {(entry.job.phase, entry.job.dataset) for entry in entries}
    assert by_phase == {("tune", "gowalla-fifth"), ("tune", "gowalla"), ("run", "gowalla")}
    on_all = [entry.job.settings for entry in entries if (entry.job.phase, entry.job.dataset) == ("tune", "gowalla")]
    assert [(each["weight_decay"], each["lr"], each["seed"]) for each in on_all] == [
        (decay, 0.003, seed) for decay in (1e-3, 3e-4) for seed in (0, 1, 2)
    ]
    on_few = [entry.job.settings["seed"] for entry in entries if entry.job.dataset == "gowalla-fifth"]
    assert on_few == [0] * 10
    assert {entry.job.settings["weight_decay"] for entry in entries if entry.job.phase == "run"} == {3e-4}


def test_on_all_users_less_decay_is_tried_and_the_moves_of_the_first_round():
    assert for_all_users("mf", {"lr": 0.1, "weight_decay": 3e-4}) == [
        {"lr": 0.1, "weight_decay": 3e-4},
        {"lr": 0.1, "weight_decay": 1e-4},
    ]
    assert for_all_users("mf", {"lr": 0.1, "weight_decay": 3e-5}) == [{"lr": 0.1, "weight_decay": 3e-5}]
    assert [each["l2"] for each in for_all_users("lightgcn", {"l2": 0.3})] == [0.3, 0.1]
    often, first = {"rounds": 200, "drop_fraction": 0.3}, {"rounds": 60, "drop_fraction": 0.3}
    assert for_all_users("mf", {"lr": 0.1, "weight_decay": 3e-4, "exploration": often}) == [
        {"lr": 0.1, "weight_decay": 3e-4, "exploration": often},
        {"lr": 0.1, "weight_decay": 1e-4, "exploration": often},
        {"lr": 0.1, "weight_decay": 1e-4, "exploration": first},
    ]
    assert for_all_users("mf", {"lr": 0.1, "weight_decay": 3e-5, "exploration": often})[1:] == [
        {"lr": 0.1, "weight_decay": 3e-5, "exploration": first}
    ]
    assert len(for_all_users("mf", {"lr": 0.1, "weight_decay": 3e-4, "exploration": first})) == 2


def test_the_page_tells_what_a_choice_on_few_users_would_have_cost():
    few = Protocol(("gowalla",), ("mf",), (0.1,), ("random",), ("fixed",), few_users=True, dense=False)
    few = replace(few, tuning_seeds=(0,))
    decay = {"gowalla-fifth": 3e-4, "gowalla": 1e-4}

    def worth(job):
        return 0.2 if job.settings["weight_decay"] == decay[job.dataset] else 0.15

    text = page(done(few, worth), "a command")
    of_fifth, of_all = "lr 0.003, weight_decay 0.0003 | 0.1500", "lr 0.003, weight_decay 0.0001 | 0.2000"
    assert f"| gowalla | mf | 0.1 | fixed from random | {of_fifth} | {of_all} | -25.0 % |" in text
    chosen = next(line for line in text.splitlines() if "lr 0.003, weight_decay 0.0001" in line)
    assert "| 0.2000 | 0.1500 | - | 12 |" in chosen
    assert "fifth" not in page(done(replace(few, few_users=False), worth), "a command")


def test_a_data_set_may_have_few_users_or_another_test_part(monkeypatch, tmp_path):
    users, items = (Vocabulary.of(f"{kind}{i}" for i in range(n)) for kind, n in (("u", 50), ("i", 4)))
    more = Vocabulary.of(["i0", "i1", "i2", "i3", "i9"])
    generator = np.random.default_rng(0)
    train = Interactions.of(np.repeat(np.arange(50), 2), np.tile([0, 1], 50), users, items)
    test = Interactions.of(np.arange(50), generator.integers(2, 5, 50), users, more)
    monkeypatch.setattr(data_module, "load", lambda path: Dataset(train, test, str(path), False))
    again = data_module.dataset(tmp_path, "some-again")
    assert again.test is None
    assert again.interactions.nnz == train.nnz + test.nnz
    assert again.interactions.items is more
    few = data_module.dataset(tmp_path, "some-fifth")
    there = few.interactions.user_degrees() > 0
    assert few.test is None
    assert 3 <= there.sum() <= 20
    assert (few.interactions.user_degrees()[there] == 2).all()
    monkeypatch.setattr(data_module, "load", lambda path: Dataset(train, None, str(path), False))
    with pytest.raises(SparserecError, match="no given test part"):
        data_module.dataset(tmp_path, "some-again")


def test_the_page_says_what_was_not_run():
    one = Protocol(("gowalla",), ("mf",), (0.1,), ("random",), ("fixed",), dense=False)
    text = " ".join(page(done(one, lambda job: 0.1), "do it").split())
    assert "## What was not run Of what the command does without options: ml-latest-small with mf at 0.1 and" in text
    assert "; gowalla with mf at 0.05, lightgcn at 0.1 and 0.05; gowalla-again with mf" in text
    assert "lightgcn at 0.1 and 0.05. With options: neumf on any data." in text
    every = replace(Protocol(), starts=("random",), movers=("fixed",), dense=False, seeds=(0,), longer=False)
    text = page(done(every, lambda job: 0.1), "do it")
    assert "## What was not run\n\nWith options: neumf on any data.\n" in text
    every = replace(every, bases=tuple(COMMON))
    assert "What was not run" not in page(done(every, lambda job: 0.1), "do it")


def test_unknown_names_are_refused():
    with pytest.raises(SparserecError, match="unknown start 'nmf'; there are: random, NMF mask"):
        Protocol(starts=("nmf",)).check()
    with pytest.raises(SparserecError, match="unknown mover 'static'"):
        Protocol(movers=("static",)).check()
    with pytest.raises(SparserecError, match="unknown base 'fism'"):
        Protocol(bases=("fism",)).check()


def test_names_of_pairs_go_both_ways():
    assert pair_of(name_of(OURS, "NMF mask")) == (OURS, "NMF mask")
    assert set(AS_PUBLISHED) == set(MOVERS)


@pytest.mark.parametrize(
    ("curve", "gain"), [([1.0] * 10, 0), ([*np.linspace(0.1, 0.9, 9), 0.99], 0.1), ([0.5, 0.4], 0), ([0.5], 0)]
)
def test_the_gain_of_the_last_tenth(curve, gain):
    assert last_tenth(curve) == pytest.approx(gain)


def test_the_page_compares_from_equal_starts_and_as_published():
    figures = {"fixed from random": 0.1, OURS + " from random": 0.12, OURS + " from NMF mask": 0.2, DENSE: 0.25}

    def worth(job):
        return figures.get(job.method, 0.16) + job.settings["seed"] / 1000 * (job.phase == "run")

    text = page(done(SMALL, worth), "do it")
    assert "| all from random | fixed | 1 | +19.80 % | +19.80 % | +24.5 | 3 |" in text
    assert "| all from NMF mask | fixed | 1 | +24.84 % | +24.84 % | +49.0 | 3 |" in text
    assert "| each as published | fixed | 1 |" in text
    assert "moving masks" not in text  # no other one was run from random
    row = (
        "| synthetic | mf | 0.25 | SparseRec from NMF mask | 0.2010 ± 0.0010 | 0.2510 ± 0.0010 | 80.1 % | 80.1 % | - |"
    )
    assert row in text
    assert "on the test part: synthetic with mf none (on validation none)." in " ".join(text.split())
    assert "comparisons from equal starts" not in text  # beside a fixed mask alone nothing is said of how masks move
    assert "## synthetic, mf, density 0.25" in text
    worse = [
        replace(e, figures={**e.figures, "valid": e.figures["valid"] / (2 if OURS in e.job.method else 1)})
        for e in done(SMALL, worth)
    ]
    assert "| all from random | fixed | 1 | +19.80 % | -40.10 % | +24.5 | 3 | ahead |" in page(worse, "do it")
    two = page([e for e in done(SMALL, worth) if e.job.settings["seed"] < 2], "do it")
    assert "| all from random | fixed | 1 | +19.90 % | +19.90 % | - | 2 | - |" in two


def test_the_page_says_down_to_which_density_a_dense_table_is_matched():
    protocol = Protocol(("synthetic",), ("mf",), (0.5, 0.25, 0.1), ("NMF mask",), (OURS,))
    ours, on_valid = {0.5: 0.199, 0.25: 0.191, 0.1: 0.1}, {0.5: 0.198, 0.25: 0.1, 0.1: 0.1}

    def figures(entry):
        density = entry.job.density
        test, valid = ours.get(density, 0.2), on_valid.get(density, 0.2)
        return {**entry.figures, "ndcg@20": test, "valid": valid, "bytes": round(1000 * (density or 1))}

    entries = [replace(entry, figures=figures(entry)) for entry in done(protocol, lambda job: 0.1)]
    text = page(entries, "do it")
    assert "| 0.1910 ± 0.0000 | 0.2000 ± 0.0000 | 95.5 % | 50.0 % | 25 % |" in text
    assert "on the test part: synthetic with mf 0.25 (on validation 0.5)." in " ".join(text.split())
    without = page([entry for entry in entries if entry.job.density is not None], "do it")
    assert "dense table's" not in without


def test_verdicts_are_counted_where_another_mask_moves():
    figures = {"RigL from random": 0.3, "RigL from NMF mask": 0.1, OURS + " from NMF mask": 0.2}

    def worth(job):
        random = 0 if job.method == OURS + " from random" else figures.get(job.method, 0.1)
        return random + job.settings["seed"] / 1000 * (job.phase == "run") + 0.01

    entries = done(replace(SMALL, starts=("random", "NMF mask", "NMF"), movers=("fixed", "RigL", OURS)), worth)
    equal = from_equal_starts(compared(entries))
    assert [(one.words, one.best) for _, one in equal] == [
        ("all from random", "RigL"),
        ("all from NMF mask", "fixed"),
        ("all from NMF", "fixed"),
    ]
    found = {verdict: [one.words for _, one in by_verdict(equal, verdict)] for verdict in VERDICTS.values()}
    assert found == {"ahead": ["all from NMF mask"], "behind": ["all from random"], "not clear": ["all from NMF"]}
    assert "is clearly ahead in 1, clearly behind in 1; 1 are not clear." in " ".join(page(entries, "do it").split())


def test_parts_taken_away_have_trials_of_their_own_and_a_table():
    part = "SparseRec, last batch"
    protocol = replace(SMALL, movers=(OURS, part))

    def worth(job):
        taken_away = job.settings.get("exploration", {}).get("accumulate") == "last"
        often = job.settings.get("exploration", {}).get("rounds") == (6 if taken_away else 200)
        return (0.1 if taken_away else 0.2) + 0.01 * often + job.settings["seed"] / 1000 * (job.phase == "run")

    entries = done(protocol, worth)
    runs = [entry.job for entry in entries if entry.job.phase == "run"]
    ours, less = ([job for job in runs if pair_of(job.method) == (mover, "NMF mask")] for mover in (OURS, part))
    assert [job.settings["exploration"] for job in ours] == [{"rounds": 200, "drop_fraction": 0.3}] * 3
    assert [job.settings["exploration"] for job in less] == [
        {"rounds": 6, "drop_fraction": 0.3, "accumulate": "last"}
    ] * 3
    text = page(entries, "do it")
    row = (
        "| SparseRec from NMF mask | SparseRec, last batch from NMF mask | its own | 0.2110 ± 0.0010 | 0.1110 ± 0.0010 "
    )
    row += "| -47.39 % | "
    assert row + "-122.5 | 3 | behind |" in text
    assert "| SparseRec from random | its own | 0.2110 ± 0.0010 | 0.2110 ± 0.0010 | +0.00 % | +0.0 | 3 |" in text
    assert "| all from" not in text  # a part of ours is no rival


def test_parts_taken_away_may_have_the_settings_of_the_whole():
    part = "SparseRec, last batch"
    protocol = replace(SMALL, movers=(part,), starts=("NMF mask",), tune_parts=False, dense=False)

    def worth(job):
        often = job.settings["exploration"]["rounds"] == 200
        return 0.1 + 0.01 * often + 0.1 * (OURS + " from" in job.method)

    trials = done(protocol, worth)
    assert {entry.job.method for entry in trials if entry.job.phase == "tune"} == {OURS + " from NMF mask"}
    runs = [entry.job for entry in trials if entry.job.phase == "run"]
    assert {job.method for job in runs} == {part + " from NMF mask"}
    assert [job.settings["exploration"] for job in runs] == [
        {"rounds": 200, "drop_fraction": 0.3, "accumulate": "last"}
    ] * 3
    both = replace(protocol, movers=(OURS, part))
    jobs = next_jobs(both, trials)
    assert len({job.key for job in jobs}) == len(jobs)  # trials of the whole are asked for once
    text = page(done(both, worth), "do it")
    assert "| SparseRec from NMF mask | SparseRec, last batch from NMF mask | of the whole | 0.2100 " in text
    chosen = next(line for line in text.splitlines() if "rounds 200" in line and part in line)
    assert "| - | - | 0 |" in chosen


def test_a_part_has_the_settings_that_the_whole_chose_in_another_cell():
    """Also where the part itself was run there, after the whole."""
    at_home = Protocol(("gowalla",), ("mf",), (0.1,), ("NMF mask",), (OURS, ONE_SAMPLE), tune_parts=False, dense=False)
    carried = replace(at_home, movers=(ONE_SAMPLE,), densities=(0.05,), settings_of=("gowalla", 0.1))
    entries = done(at_home, lambda job: 0.1)
    entries.sort(key=lambda entry: pair_of(entry.job.method)[0] == ONE_SAMPLE)
    runs = [job for job in next_jobs(carried, entries) if job.phase == "run"]
    assert len(runs) == 3
    assert all(job.settings["exploration"]["samples"] == 1 for job in runs)
    assert {whose(entries, job) for job in runs} == {"of gowalla, 0.1"}


def test_a_part_of_a_part_has_its_settings_and_stands_beside_it():
    """Whatever the whole, with the samples that it takes by itself, has chosen."""
    part = f"{ONE_SAMPLE}, last batch"
    at_home = replace(SMALL, starts=("NMF mask",), movers=("RigL", OURS, ONE_SAMPLE), dense=False)
    figures = {"RigL": 0.1, OURS: 0.3, ONE_SAMPLE: 0.2, part: 0.15}

    def worth(job):
        mover, _ = pair_of(job.method)
        often = job.settings["exploration"]["rounds"] == {ONE_SAMPLE: 6}.get(mover, 200)
        return figures[mover] + 0.01 * often + job.settings["seed"] / 1000 * (job.phase == "run")

    entries = done(at_home, worth)
    entries += [e for e in done(replace(at_home, movers=(part,), tune_parts=False), worth) if e.job.phase == "run"]
    runs = [entry.job for entry in entries if pair_of(entry.job.method)[0] == part]
    settings = {"rounds": 6, "drop_fraction": 0.3, "samples": 1, "accumulate": "last"}
    assert [job.settings["exploration"] for job in runs] == [settings] * 3
    assert {whose(entries, job) for job in runs} == {"of the whole"}
    text = page(entries, "do it")
    assert "| SparseRec from NMF mask | SparseRec, one sample from NMF mask | its own | 0.3110" in text
    whole, changed = f"{ONE_SAMPLE} from NMF mask", f"{part} from NMF mask"
    assert f"| {whole} | {changed} | of the whole | 0.2110 ± 0.0010 | 0.1510" in text
    assert [(one.words, one.best, one.others) for _, one in from_equal_starts(compared(entries))] == [
        ("all from NMF mask", "RigL", 1)
    ]  # parts of ours are no rivals, nor try again what the whole is compared in


def test_a_part_that_was_not_tuned_stands_beside_the_whole_with_the_same_settings():
    part = "SparseRec, all rows"
    protocol = replace(SMALL, starts=("NMF mask",), movers=(OURS, part), tune_parts=False, dense=False)

    def worth(job):
        often = job.settings["exploration"]["rounds"] == 200
        return (0.2 if pair_of(job.method)[0] == part else 0.1) + 0.1 * often + job.settings["seed"] / 1000

    entries = done(protocol, worth)
    assert "| of the whole | 0.2010 ± 0.0010 | 0.3010 ± 0.0010 | +49.75 % |" in page(entries, "do it")

    def with_rounds(entry, rounds):
        exploration = {**entry.job.settings["exploration"], "rounds": rounds}
        job = replace(entry.job, settings={**entry.job.settings, "exploration": exploration})
        return Entry(job, {**entry.figures, "valid": 0.05, "ndcg@20": worth(job)})

    trials, runs = ([e for e in entries if e.job.phase == phase] for phase in ("tune", "run"))
    whole = [run for run in runs if pair_of(run.job.method)[0] == OURS]
    earlier = [with_rounds(run, 6) for run in runs]
    changed = [run for run in earlier if pair_of(run.job.method)[0] == part]
    alone = page([*trials, *whole, *changed], "do it")  # the whole was not run so
    assert "| given | 0.2010 ± 0.0010 | 0.2010 ± 0.0010 | +0.00 % |" in alone
    both = page([*trials, *whole, *earlier], "do it")
    assert "| given | 0.1010 ± 0.0010 | 0.2010 ± 0.0010 | +99.01 % |" in both


def test_moving_masks_as_published_are_compared_without_the_fixed_one():
    figures = {"fixed from NMF mask": 0.3, "RigL from random": 0.1, OURS + " from NMF mask": 0.2}

    def worth(job):
        return figures.get(job.method, 0.15) + job.settings["seed"] / 1000 * (job.phase == "run")

    text = page(done(replace(SMALL, movers=("fixed", "RigL", OURS)), worth), "do it")
    assert "| each as published | fixed | 2 | -33.22 % |" in text
    assert "| each as published, moving masks | RigL | 1 | +99.01 % | +99.01 % | +122.5 | 3 | ahead | +0.00 % |" in text


def test_a_part_may_have_a_start_of_its_own():
    part = "SparseRec, random mask"
    protocol = replace(SMALL, movers=(OURS, part), starts=("NMF mask",), tune_parts=False, dense=False)
    entries = done(protocol, lambda job: {"random": 0.1, "nmf-mask": 0.2}[job.settings["init"]])
    text = page(entries, "do it")
    assert "| SparseRec from NMF mask | SparseRec, random mask | of the whole | 0.2000 ± 0.0000 | 0.1000" in text
    assert "random mask from NMF mask" not in text
    (found,) = curves(entries).values()
    assert found == {"NMF mask": [[0.2] * 100] * 3, "random": [[0.1] * 100] * 3}


def test_curves_are_of_one_method_with_the_same_settings():
    part = f"{ONE_SAMPLE}, random mask"
    protocol = replace(SMALL, starts=("NMF mask",), movers=(OURS, ONE_SAMPLE), dense=False)
    worth = {OURS: 0.4, ONE_SAMPLE: 0.2, part: 0.1}

    def entries_of(**given):
        return done(replace(protocol, **given), lambda job: worth[pair_of(job.method)[0]])

    entries = entries_of()
    cell = ("synthetic", "mf", 0.25)
    assert curves(entries) == {(cell, OURS): {"NMF mask": [[0.4] * 100] * 3}}
    entries += [entry for entry in entries_of(movers=(part,), tune_parts=False) if entry.job.phase == "run"]
    both = {"random": [[0.1] * 100] * 3, "NMF mask": [[0.2] * 100] * 3}
    assert curves(entries) == {(cell, ONE_SAMPLE): both}


def test_of_several_ways_those_of_trials_count_then_most_seeds_then_validation():
    runs = [entry for entry in done(SMALL, lambda job: 0.1) if entry.job.phase == "run"]
    method = runs[-1].job.method
    own = [entry for entry in runs if entry.job.method == method]

    def with_settings(seeds, **settings):
        return [
            Entry(replace(run.job, settings={**run.job.settings, **settings}), {**run.figures, "valid": 0.3})
            for run in own[:seeds]
        ]

    def counted(entries):
        return cells_of(entries)[("synthetic", "mf", 0.25)][method]

    trials = [entry for entry in done(SMALL, lambda job: 0.1) if entry.job.phase == "tune"]
    others, longer, fewer = with_settings(3, lr=0.7), with_settings(3, epochs=150), with_settings(2, epochs=150)
    assert counted([*trials, *own, *others]) == own
    assert counted([*own, *others]) == others  # of none are trials known
    assert counted([*trials, *longer, *own, *others]) == longer
    assert counted([*trials, *own, *fewer]) == own
    elsewhere = [  # the trials of another cell chose what validation prefers here
        Entry(replace(run.job, phase="tune", density=0.5), {"valid": 0.9}) for run in with_settings(1, lr=0.7)
    ]
    assert counted([*trials, *elsewhere, *own, *others]) == others
    assert counted([*trials, *elsewhere, *own, *others[:2]]) == own


def test_where_one_is_still_rising_all_from_its_start_are_run_for_longer():
    movers = ("fixed", "SET", "DSL")
    protocol = Protocol(("synthetic",), ("mf",), (0.25,), ("random", "NMF"), movers, dense=False)

    def figures(job):
        """From random, SET rises by a per cent in its last tenth until it has 150 epochs, and a fixed mask ends early;
        all are worse with more epochs."""
        epochs = job.settings["epochs"]
        curve = [0.1] * (epochs - 1) + [0.101 if job.method == "SET from random" and epochs < 150 else 0.1]
        worth = 0.2 - epochs / 10_000
        return {"valid": worth, "ndcg@20": worth, "curve": curve[:30] if "fixed" in job.method else curve}

    entries, before = [], -1
    while before < len(entries):
        before = len(entries)
        known = {entry.job.key for entry in entries}
        entries += [Entry(job, figures(job)) for job in next_jobs(protocol, entries) if job.key not in known]
    runs = [entry for entry in entries if entry.job.phase == "run"]
    longer = [entry for entry in runs if entry.job.settings["epochs"] > 100]
    assert {(run.job.method, run.job.settings["epochs"]) for run in longer} == {
        ("SET from random", 150),
        ("DSL from random", 150),
    }
    assert len(longer) == 6
    assert LONGER == (1.5, 2.0)
    text = page(entries, "do it")
    row = next(line for line in text.splitlines() if "SET from random | lr" in line)
    assert row.endswith("| 100 | 150 | +0.00 % |")  # the shorter one counts, being better by validation
    assert "| random | 0.1900 ± 0.0000 | 0.1900 ± 0.0000 |" in text
    assert rising([run for run in runs if run.job.method == "SET from random"][:3]) == pytest.approx(0.01)
    unknown = [e for e in entries if e not in longer and e is not runs[-1] and e.job.method != "SET from random"]
    assert all(job.settings["epochs"] == 100 for job in next_jobs(protocol, unknown))
    assert all(job.settings["epochs"] == 100 for job in next_jobs(replace(protocol, longer=False), entries))


def test_settings_of_another_cell_take_the_place_of_trials():
    at_home = Protocol(("gowalla",), ("mf",), (0.1,), ("NMF mask",), ("fixed", OURS), few_users=True)
    carried = replace(at_home, datasets=("yelp2018", "gowalla"), densities=(0.05,), settings_of=("gowalla", 0.1))

    def worth(job):
        best = {"fixed": 3e-4, OURS: 1e-4, DENSE: 3e-5}[pair_of(job.method)[0]]
        return 0.2 if job.settings["weight_decay"] == best else 0.1

    entries = done(at_home, worth)
    runs = [job for job in next_jobs(carried, entries) if job.phase == "run"]
    assert {(job.dataset, job.density) for job in runs} == {
        ("yelp2018", 0.05),
        ("gowalla", 0.05),
        ("yelp2018", None),
        ("gowalla", None),
    }
    assert {(job.method, job.settings["weight_decay"]) for job in runs} == {
        ("fixed from NMF mask", 3e-4),
        (OURS + " from NMF mask", 1e-4),
        (DENSE, 3e-5),
    }
    assert {job.dataset for job in next_jobs(carried, []) if job.phase == "tune"} == {"gowalla-fifth"}
    text = page(done(carried, worth), "do it")
    row = next(line for line in text.splitlines() if line.startswith("| yelp2018 | mf | 0.05 | SparseRec"))
    assert "weight_decay 0.0001, rounds 60" in row
    assert "| of gowalla, 0.1 | - | - | - | 0 |" in row
    assert "| yelp2018 | mf | - | dense | lr 0.003, weight_decay 3e-05 | of gowalla |" in text
    assert "Settings of another cell" not in text  # none was run with its own


def test_settings_come_from_a_cell_whose_trials_chose_them_with_one_seed_or_with_all():
    here = Line(SMALL, "synthetic", "mf", "fixed", "random", 0.25)
    there = replace(here, density=0.5)
    first, later, neither = ({"lr": lr, "weight_decay": 1e-4} for lr in (0.01, 0.03, 0.003))
    valid = {0.01: (0.3, 0.1), 0.03: (0.2, 0.4), 0.003: (0.1,)}
    entries = [
        Entry(there.job("tune", "synthetic", each, seed), {"valid": worth})
        for each in (first, later, neither)
        for seed, worth in enumerate(valid[each["lr"]])
    ]
    said = [whose(entries, here.job("run", "synthetic", each, 0)) for each in (first, later, neither)]
    assert said == ["of synthetic, 0.5", "of synthetic, 0.5", "given"]
    said = [whose(entries, there.job("run", "synthetic", each, 0)) for each in (first, later, neither)]
    assert said == [OWN, OWN, "given"]


def test_the_page_tells_what_settings_of_another_cell_cost():
    protocol = Protocol(("gowalla",), ("mf",), (0.1, 0.05), ("NMF mask",), ("fixed",), dense=False)
    best = {0.1: 3e-4, 0.05: 1e-4}

    def worth(job):
        return 0.2 if job.settings["weight_decay"] == best[job.density] else 0.15

    carried = replace(protocol, densities=(0.05,), settings_of=("gowalla", 0.1))
    entries = done(protocol, worth)
    known = {entry.job.key for entry in entries}
    new = [job for job in next_jobs(carried, entries) if job.key not in known]
    assert len(new) == 3
    entries += [Entry(job, {"valid": 0.15, "ndcg@20": 0.15, "curve": [0.15]}) for job in new]
    text = page(entries, "do it")
    row = "| gowalla | mf | 0.05 | fixed from NMF mask | 0.2000 ± 0.0000 | gowalla, 0.1 | 0.1500 ± 0.0000 | -25.0 % |"
    assert row in text
    assert "| NMF mask | 0.2000 ± 0.0000 |" in text


@pytest.mark.parametrize("given", ["gowalla", "gowalla:much", ":0.1", "gowalla:0", "gowalla:2"])
def test_a_cell_that_makes_no_sense_is_refused(sparserec, tmp_path, given):
    code, _, err = sparserec("bench", "paper", "--quick", "--out", tmp_path, "--settings-of", given)
    assert code == 2
    assert "DATA:DENSITY, as gowalla:0.1" in err


def test_curves_are_those_of_ours():
    entries = done(SMALL, lambda job: 0.1)
    assert set(cells_of(entries)) == {("synthetic", "mf", 0.25), ("synthetic", "mf", None)}
    assert curves(entries) == {(("synthetic", "mf", 0.25), OURS): {start: [[0.1] * 100] * 3 for start in SMALL.starts}}


def test_a_cell_without_ours_has_a_page_and_no_picture(sparserec, tmp_path):
    others = [entry for entry in done(SMALL, lambda job: 0.1) if OURS not in entry.job.method]
    results = Results(tmp_path / "paper.jsonl")
    for entry in others:
        results.append(entry)
    code, out, err = sparserec("bench", "paper", "--quick", "--out", tmp_path, "--report")
    assert code == 0, err
    assert "paper_curves.png" not in out
    assert "paper_curves.png" not in (tmp_path / "paper.md").read_text()
    assert not (tmp_path / "paper_curves.png").exists()


def test_a_small_one_from_the_command_line(sparserec, tmp_path, monkeypatch):
    monkeypatch.delenv("SPARSEREC_DATA", raising=False)

    def here(job, results, conditions, do):
        return do({**work_module.call_of(job, results, conditions), "device": "cpu", "parent": None})

    monkeypatch.setattr(work_module, "in_a_process", here)
    call = ["bench", "paper", "--quick", "--out", tmp_path, "--runs", tmp_path / "runs"]
    code, out, err = sparserec(*call)
    assert code == 0, err
    assert "15 of 15 done" in out
    entries = Results(tmp_path / "paper.jsonl").entries()
    assert [entry.job.phase for entry in entries].count("run") == 5
    assert not any("ndcg@20" in entry.figures for entry in entries if entry.job.phase == "tune")
    assert (tmp_path / "paper_curves.png").stat().st_size > 10_000
    text = (tmp_path / "paper.md").read_text()
    code, out, _ = sparserec(*call)
    assert code == 0
    assert "seed 0" not in out  # nothing was done again
    assert (tmp_path / "paper.md").read_text() == text
    runs = Results(tmp_path / "runs-alone" / "paper.jsonl")
    for entry in entries:
        if entry.job.phase == "run":
            runs.append(entry)
    code, out, err = sparserec(*call[:4], runs.path.parent, "--runs", tmp_path / "runs-again")
    assert code == 0, err
    again = {entry.job.key: dict(entry.figures, seconds=0, peak_rss=0) for entry in runs.entries()}
    known = {entry.job.key: dict(entry.figures, seconds=0, peak_rss=0) for entry in entries}
    spared = [key for key, figures in again.items() if figures["resumed"] and '"phase": "tune"' in key]
    assert len(spared) == 5  # what was chosen
    assert again == {key: {**known[key], "resumed": again[key]["resumed"]} for key in known}
    part = ["--no-dense", "--start", "random", "--mover", "SparseRec, all rows"]
    code, out, err = sparserec(*call[:4], tmp_path / "part", *call[5:], *part)
    assert code == 0, err
    entries = Results(tmp_path / "part" / "paper.jsonl").entries()
    assert {entry.job.method for entry in entries} == {"SparseRec, all rows from random"}
    code, _, err = sparserec("bench", "paper", "--quick", "--out", tmp_path / "empty", "--report")
    assert code == 2
    assert "holds no results" in err
