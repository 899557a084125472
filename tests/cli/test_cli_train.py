"""What `sparserec train` says: the first lines, stages by number, how it ended, and how to go on after Ctrl-C."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest

from sparserec.cli.progress import TrainingProgress, epoch_line
from sparserec.course import News

QUICK = ("--model", "mf", "--dim", 16, "--density", 0.3, "--epochs", 2, "--set", "batch_size=256", "--threads", 1)
COMMAND = [sys.executable, "-c", "from sparserec.cli import main; main()"]


def test_by_default_everything_is_trained_on_and_all_that_is_said_is_a_sentence(sparserec, ratings, tmp_path):
    run, file = tmp_path / "a run", tmp_path / "model.safetensors"
    code, out, err = sparserec("train", ratings, "--out", run, *QUICK)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0] == f"reading {ratings} ..."
    assert lines[1].startswith("150 users, 80 items, 1,9")
    assert re.search(r"the exported file will take (?:at most|about) \d+\.\d kB, of which [\d.]+ k?B are ids", out)
    assert "trained twice: first with" in out
    numbers = [line.split(":")[0] for line in lines if re.match(r"\d of 4: .*\.\.\.", line)]
    assert numbers == [f"{number} of 4" for number in range(1, 5)]
    assert f"The model in {run} was trained on everything" in out
    assert f"sparserec evaluate {shlex.quote(str(run))} {ratings}" in out
    code, out, _ = sparserec("evaluate", run, ratings)
    assert "test part, by the model before it was trained on everything" in " ".join(out.split())
    assert sparserec("export", run, "--out", file)[0] == 0
    code, _, err = sparserec("evaluate", file, ratings)
    assert code == 2
    assert "was trained on everything, the test part" in err
    assert "or train with --holdout" in err
    assert "holdout=True" not in err


def test_without_a_test_part(sparserec, ratings, tmp_path):
    run = tmp_path / "run"
    code, out, err = sparserec("train", ratings, "--out", run, *QUICK, "--split", "none")
    assert code == 0, err
    assert "0 to measure on, then the exported model on everything" in out
    code, _, err = sparserec("evaluate", run, ratings)
    assert (code, "without a test part" in err) == (2, True)
    code, _, err = sparserec("train", ratings, "--out", tmp_path / "other", *QUICK, "--split", "none", "--holdout")
    assert code == 2
    assert "nothing to hold out" in err


def test_details_are_for_those_who_ask(sparserec, ratings, tmp_path):
    settings = ("--budget", "60B/item", "--dim", 16, "--epochs", 1, "--set", "teacher.epochs=1", "--threads", 1)
    _, plain, _ = sparserec("train", ratings, "--out", tmp_path / "plain", *settings)
    _, verbose, _ = sparserec("train", ratings, "--out", tmp_path / "verbose", *settings, "--verbose")
    _, quiet, _ = sparserec("train", ratings, "--out", tmp_path / "quiet", *settings, "--quiet")
    for words in (
        "of rank",
        "filter: rank",
        "a share",
        "EASE",
        "regularisation",
        "active parameters, 0 s",
        "epoch 1 of",
    ):
        assert words not in plain, words
    assert "filter: rank" in verbose
    assert re.search(r"epoch 1 of \d+: loss", verbose)
    assert quiet == ""


def test_a_recipe_that_cannot_be_exported_says_so_before_it_trains(sparserec, ratings, tmp_path):
    _, out, _ = sparserec(
        "train", ratings, "--out", tmp_path / "run", "--recipe", "neumf", "--epochs", 1, "--no-export"
    )
    assert out.index("can't be exported") < out.index("of 4: training")


def test_stopping_early_is_said_in_words(sparserec, ratings, tmp_path):
    options = ("--set", "lr=0.5", "--set", "patience=2", "--epochs", 30)
    quick = [word for word in QUICK if word not in ("--epochs", 2)]
    code, out, err = sparserec("train", ratings, "--out", tmp_path / "run", *quick, *options)
    assert code == 0, err
    assert re.search(
        r"Training stopped after epoch \d+, since validation had not improved for 2 epochs; "
        r"(epoch \d+ was best|the start, before any epoch, was best): validation NDCG@20",
        out,
    )


# -- Ctrl-C ---------------------------------------------------------------------------------------------------------


def interrupted_at(words, *args):
    """Start the command, send Ctrl-C when a line has these words; its exit code and standard error."""
    call = [*COMMAND, "train", *map(str, args)]
    # What a shell runs in the background ignores Ctrl-C, and so would what is started there.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1) as process:
        deadline = time.monotonic() + 120
        for line in process.stdout:
            if words in line or time.monotonic() > deadline:
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    return process.returncode, err


LONG = ("--model", "fism", "--dim", 64, "--budget", "60B/item", "--threads", 1)


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ("reading", ()),
        pytest.param("training a teacher ...", ("--set", "teacher.epochs=5000"), marks=pytest.mark.slow),
        ("of 18: training ...", ("--set", "epochs=5000", "--set", "patience=5000", "--set", "teacher.epochs=1")),
        ("once more, on everything: training a teacher ...", ("--epochs", 1, "--set", "teacher.share=0.5")),
    ],
)
def test_ctrl_c_at_any_moment_says_what_is_left_and_how_to_go_on(ratings, tmp_path, words, settings):
    folder = tmp_path / "a run"
    code, err = interrupted_at(words, ratings, "--out", folder, *LONG, *settings)
    assert code == 130, err
    assert "Traceback" not in err
    said, goes_on, command = err.rstrip().splitlines()[-3:]
    assert re.search(r"^interrupted (in stage \d+ of 1[5-8]|before)", said)
    assert goes_on == "To go on where it stopped:"
    assert shlex.split(command)[-1] == "--resume"
    assert str(folder) in shlex.split(command)
    assert not list(tmp_path.rglob("*.part"))
    if "once more" in words:
        assert "can be used as it is: its model was trained on the training part" in said


@pytest.mark.slow
def test_the_command_that_is_told_goes_on(ratings, tmp_path):
    folder = tmp_path / "it's a run"
    settings = (*QUICK[:-4], "--set", "batch_size=8", "--set", "patience=90", "--epochs", 60, "--threads", 1)
    code, err = interrupted_at("training", ratings, "--out", folder, *settings, "-v")
    assert code == 130, err
    command = shlex.split(err.rstrip().splitlines()[-1])
    assert command[0] == "sparserec"
    done = subprocess.run([*COMMAND, *command[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "data.json").read_text())["train"] > 0
    assert "was trained on everything" in done.stdout


# -- the parts ------------------------------------------------------------------------------------------------------


def test_what_is_left_is_said_in_words():
    progress = TrainingProgress(quiet=True)
    assert progress.what_is_left() == "before the first stage, while the data were read"
    progress.follow(News("stage", "training", 3, 8, left=130.0))
    assert progress.what_is_left() == "in stage 3 of 8 (training); 5 more stages after it, about 2 min at most"
    progress.follow(News("note", "something", 0, 0))
    progress.follow(News("stage", "training", 8, 8, left=30.0))
    assert progress.what_is_left() == "in stage 8 of 8 (training); it is the last one, about 30 s at most"


def test_a_terminal_has_a_bar_that_moves_and_a_line_for_each_stage_that_is_over(monkeypatch):
    import io

    from rich.console import Console

    from sparserec.cli import progress as shown

    screen = Console(file=io.StringIO(), force_terminal=True, width=120)
    monkeypatch.setattr(shown, "screen", screen)
    monkeypatch.setattr("sparserec.cli.console.screen", screen)
    with TrainingProgress() as progress:
        progress.follow(News("note", "3 users [bold]", 0, 0))
        progress.follow(News("stage", "[reading]", 1, 2, left=9.0))
        progress.follow(News("stage", "training", 2, 2, left=8.0))
        progress.follow(News("count", "training", 2, 2, done=1, total=4, left=8.0, seconds=2.0))
        progress._bar.refresh()
        progress.follow(News("end", "", 2, 2, left=0.0))
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.file.getvalue())
    for words in ("3 users [bold]", "1 of 2: [reading], 0 s", "2 of 2: training, 2 s", "about 10 s left at most"):
        assert words in text, words


def test_an_epoch_in_words():
    entry = {"epoch": 2, "loss": 0.5, "ndcg@20": 0.25, "seconds": 3.0}
    assert epoch_line(entry, 8, 1200) == (
        "epoch 3 of 8: loss 0.5000, validation NDCG@20 0.2500, 1,200 active parameters, 3 s"
    )
    assert epoch_line({"epoch": -1, "ndcg@20": 0.25, "seconds": 0.0}, 8, 1200) == (
        "before training: validation NDCG@20 0.2500"
    )


def test_an_interrupt_that_an_extension_makes_another_error_of_is_one(sparserec, ratings, tmp_path, monkeypatch):
    def train(*_, **__):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise TypeError("not a data type") from None

    monkeypatch.setattr("sparserec.runs.train", train)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code, _, err = sparserec("train", ratings, "--out", tmp_path / "run")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert code == 130
    assert "To go on where it stopped" in err
