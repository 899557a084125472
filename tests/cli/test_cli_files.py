"""Files that are read and written at once, names that are no text, and a terminal whose disk is full."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def model(trained, tmp_path):
    """A file of one's own, and another."""
    return (
        Path(shutil.copy(trained[1], tmp_path / "model.safetensors")),
        Path(shutil.copy(trained[1], tmp_path / "new.safetensors")),
    )


def test_what_is_read_is_not_written_over(sparserec, trained, model):
    file, new = model
    before = file.read_bytes()
    for command in (("delta", file, new), ("delta", new, file), ("export", "--format", "onnx", file)):
        code, _, err = sparserec(*command, "--out", file)
        assert code == 2
        assert "is what is read, and would be lost: name another file to write" in err.replace("\n", " ")
        assert file.read_bytes() == before
    best = trained[0] / "best.safetensors"
    before = best.read_bytes()
    code, _, err = sparserec("export", trained[0], "--out", best)
    assert (code, best.read_bytes()) == (2, before)


def test_delta_names_the_file_that_is_wrong(sparserec, model, tmp_path):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("user,item\n1,2\n")
    for files in ((model[0], wrong), (wrong, model[0])):
        code, _, err = sparserec("delta", *files, "--out", tmp_path / "x.patch")
        assert (code, "wrong.csv: not an exported file" in err.replace("\n", " ")) == (2, True)


def test_titles_of_other_items_are_refused_and_blanks_belong_to_an_id_that_has_them(sparserec, model, tmp_path):
    titles = tmp_path / "titles.csv"
    titles.write_text("item_id,title\n m1,With a blank\nm1,Without\n m2 ,Padded\n")
    code, out, _ = sparserec("find", model[0], "with", "--titles", titles, "--json")
    assert (code, json.loads(out)) == (0, [{"item": "m1", "title": "Without"}])
    code, out, _ = sparserec("find", model[0], "padded", "--titles", titles, "--json")
    assert json.loads(out) == [{"item": "m2", "title": "Padded"}]
    titles.write_text("item_id,title\nq,Other\n")
    for command in (("find", model[0], "other"), ("similar", model[0], "m1")):
        code, _, err = sparserec(*command, "--titles", titles)
        assert (code, "none of the 1 titles belongs to an item of the model" in err.replace("\n", " ")) == (2, True)


def test_titles_come_through_a_pipe(model, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-c", "from sparserec.cli import main; main()", "find", model[0], "film", "--json"]
    with subprocess.Popen([*command, "--titles", pipe], stdout=subprocess.PIPE) as process:
        pipe.write_text("item_id,title\nm1,A film\n")
        out, _ = process.communicate(timeout=60)
    assert json.loads(out) == [{"item": "m1", "title": "A film"}]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [("--json",), ()])
def test_a_full_disk_is_one_sentence(model, words):
    command = [sys.executable, "-c", "from sparserec.cli import main; main()", "recommend", model[0], "--history", "m1"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*command, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: cannot write what is printed: No space left on device\n")


def test_names_that_are_no_text_are_shown_on_a_page_with_a_sign_in_their_place(model, tmp_path):
    odd = os.fsencode(tmp_path) + b"/m\xff.safetensors"
    shutil.copy(model[0], odd)
    command = [sys.executable, "-c", "from sparserec.cli import main; main()", "web", odd, "--noun", b"caf\xe9"]
    done = subprocess.run([*command, "--out", tmp_path / "page"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "<title>m?</title>" in (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
