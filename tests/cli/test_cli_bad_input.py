"""Bad input: one sentence that names what is wrong, exit code 2, nothing half-written."""

import errno
import shutil

import pytest

from sparserec import files

QUICK = ("--model", "mf", "--dim", 16, "--epochs", 2, "--quiet", "--set", "batch_size=256", "--set", "n_negatives=32")


def refused(answer, *words):
    code, out, err = answer
    assert code == 2, (out, err)
    sentence = err.strip()
    assert sentence.startswith("error: ")
    assert "\n" not in sentence
    assert "Traceback" not in out + err
    for word in words:
        assert word in sentence, sentence


def train(sparserec, data, tmp_path, *more):
    return sparserec("train", data, "--out", tmp_path / "run", *QUICK, *more)


DATA = {
    "missing": (None, ["no such file"]),
    "empty": ("", ["empty"]),
    "malformed line": ("user,item\na,b\nc\n", ["data.csv:3:", "no item id"]),
    "headers alone": ("user,item\n", ["no interactions"]),
    "no such columns": ("who,what\na,b\n", ["user", "'who', 'what'"]),
}


@pytest.mark.parametrize("case", DATA)
def test_data_that_cannot_be_read(sparserec, tmp_path, listing, case):
    text, words = DATA[case]
    path = tmp_path / "data.csv"
    if text is not None:
        path.write_text(text)
    before = listing(tmp_path)
    refused(train(sparserec, path, tmp_path), "data.csv", *words)
    assert listing(tmp_path) == before


LIGHTGCN = {
    "negative id": ("0 1 2\n1 -3\n", "0 1\n", ["train.txt:2:", "-3"]),
    "not a number": ("0 1 x\n", "0 1\n", ["train.txt:1:", "x"]),
    "unknown test user": ("0 1 2 3\n1 2 3\n", "0 4\n7 1\n", ["test.txt", "7"]),
}


@pytest.mark.parametrize("case", LIGHTGCN)
def test_lightgcn_text_that_cannot_be_read(sparserec, tmp_path, listing, case):
    first, second, words = LIGHTGCN[case]
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.txt").write_text(first)
    (folder / "test.txt").write_text(second)
    before = listing(tmp_path)
    refused(train(sparserec, folder, tmp_path), *words)
    assert listing(tmp_path) == before


SETTINGS = {
    "a column that is not there": (["--user", "customer"], ["customer", "userId"]),
    "budget below one entry a row": (["--budget", "10B/item"], ["too small"]),
    "density below one entry a row": (["--density", "0.01"], ["density"]),
    "density and budget": (["--density", "0.1", "--budget", "9kB"], ["not both"]),
    "budget without unit": (["--budget", "300"], ["16B/item"]),
    "unknown recipe": (["--recipe", "mff"], ["mff", "mf"]),
    "unknown recommender": (["--model", "magic"], ["magic", "mf, lightgcn"]),
    "unknown setting": (["--set", "learning_rate=1"], ["learning_rate", "lr"]),
    "setting without value": (["--set", "lr"], ["KEY=VALUE"]),
    "setting out of range": (["--set", "lr=-1"], ["lr"]),
    "a setting that is no section": (["--set", "dim.x=3"], ["dim"]),
    "a section within a setting": (["--set", "data.kcore=1", "--set", "data.kcore.x=3"], ["data.kcore.x=3", "'kcore'"]),
    "an option as a setting": (["--set", "recipe=mf"], ["'recipe'", "options"]),
    "a folder as configuration": (["--config", "."], ["cannot be read"]),
    "missing configuration": (["--config", "nowhere.toml"], ["nowhere.toml"]),
    "no threads": (["--threads", "0"], ["threads"]),
    "unknown split": (["--split", "sideways"], ["sideways"]),
    "every rating left out": (["--min-rating", "9"], ["9"]),
    "every user left out": (["--kcore", "500"], ["500"]),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_cannot_work(sparserec, ratings, tmp_path, listing, case):
    more, words = SETTINGS[case]
    refused(train(sparserec, ratings, tmp_path, *more), *words)
    assert listing(tmp_path) == []


def test_options_are_checked_by_the_command_line(sparserec, ratings, tmp_path):
    for more in (["--method", "magic"], ["--init", "magic"], ["--dim", "wide"]):
        code, _, err = train(sparserec, ratings, tmp_path, *more)
        assert code == 2
        assert more[0] in err
    assert sparserec("recommend")[0] == 2
    assert sparserec("dance")[0] == 2


def test_a_folder_that_holds_a_run(sparserec, ratings, trained):
    refused(sparserec("train", ratings, "--out", trained[0], *QUICK), "holds a run already", "--resume")


def test_resuming_with_other_settings(sparserec, ratings, trained):
    refused(sparserec("train", ratings, "--out", trained[0], *QUICK, "--resume", "--seed", 9), "another configuration")


def test_a_run_folder_of_other_data(sparserec, ratings, trained, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("\n".join(ratings.read_text().splitlines()[:-5]) + "\n")
    refused(sparserec("evaluate", trained[0], other), "other data")
    refused(sparserec("evaluate", trained[1], other), "other data")


def test_what_is_no_run_folder(sparserec, ratings, tmp_path):
    refused(sparserec("evaluate", tmp_path, ratings), "not a run folder")
    refused(sparserec("export", tmp_path, "--out", tmp_path / "x"), "not a run folder")
    refused(sparserec("evaluate", tmp_path / "nothing", ratings), "no such run folder")


def test_unknown_ids(sparserec, trained):
    refused(sparserec("recommend", trained[1], "--history", "m1,zebra"), "zebra", "item")
    refused(sparserec("recommend", trained[1], "--user", "zebra"), "zebra", "user")
    refused(sparserec("recommend", trained[1], "--history", " , "), "empty")
    refused(sparserec("recommend", trained[1]), "--history")


def test_a_damaged_file(sparserec, ratings, trained, tmp_path):
    data = trained[1].read_bytes()
    for name, content in (("cut", data[:-7]), ("changed", data[:-50] + b"\xff" * 50), ("empty", b"")):
        path = tmp_path / name
        path.write_bytes(content)
        for args in (("inspect", path), ("recommend", path, "--history", "m1"), ("evaluate", path, ratings)):
            refused(sparserec(*args), name)
    refused(sparserec("inspect", tmp_path / "missing"), "no such file")


def test_a_full_disk(sparserec, ratings, trained, tmp_path, listing, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "_flush", full)
    refused(sparserec("export", trained[0], "--out", tmp_path / "model.safetensors"), "No space left")
    assert listing(tmp_path) == []
    refused(train(sparserec, ratings, tmp_path), "No space left")
    quick = ("--budget", "60B/item", "--set", "teacher.epochs=0", "--quiet")
    refused(sparserec("train", ratings, "--out", tmp_path / "run", *quick), "No space left")
    refused(sparserec("data", "split", ratings, "--out", tmp_path / "parts"), "No space left")
    refused(sparserec("web", trained[1], "--out", tmp_path / "page"), "No space left")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_for_tensors(sparserec, ratings, tmp_path, monkeypatch):
    from safetensors import SafetensorError

    from sparserec.training import checkpoint

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    refused(train(sparserec, ratings, tmp_path), "ids.safetensors", "No space left")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_run_folder(sparserec, ratings, trained, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained[0], copy)
    for text in ("{", "[]"):
        (copy / "metrics.json").write_text(text)
        refused(sparserec("evaluate", copy, ratings), "metrics.json", "remove it")
    shutil.copy(copy / "ids.safetensors", copy / "best.safetensors")
    for args in (("evaluate", copy, ratings), ("export", copy, "--out", tmp_path / "file")):
        refused(sparserec(*args), "best.safetensors", "not the tables of this run")
    assert not (tmp_path / "file").exists()


def test_a_file_in_the_place_of_a_folder(sparserec, ratings):
    before = ratings.read_bytes()
    for args in (("demo",), ("data", "split", ratings), ("train", ratings, *QUICK)):
        refused(sparserec(*args, "--out", ratings), "ratings.csv")
    assert ratings.read_bytes() == before


def test_a_folder_that_cannot_be_written(sparserec, trained, tmp_path):
    refused(sparserec("export", trained[0], "--out", tmp_path / "nowhere" / "model.safetensors"), "nowhere")


def test_a_command_without_the_training_side(sparserec, ratings, tmp_path, monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] in ("torch", "numba", "polars"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    import sys

    for name in [name for name in sys.modules if name.startswith(("sparserec.interactions", "polars"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    refused(sparserec("data", "describe", ratings), "polars", "sparserec[train]")


def test_the_run_folder_survives_what_was_refused(sparserec, ratings, trained, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained[0], copy)
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    sparserec("train", ratings, "--out", copy, *QUICK)
    sparserec("train", ratings, "--out", copy, *QUICK, "--resume", "--seed", 4)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
