"""`sparserec web`, as a user calls it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

MODEL = Path(__file__).resolve().parents[1] / "golden" / "coded.safetensors"
COMMAND = [sys.executable, "-c", "from sparserec.cli import main; main()", "web", str(MODEL)]


def test_writes_a_page(sparserec, tmp_path, monkeypatch):
    (tmp_path / "titles.csv").write_text("id,title\nitem 3,The third\n")
    code, out, err = sparserec("web", MODEL, "--titles", tmp_path / "titles.csv", "--out", tmp_path / "page")
    assert (code, err) == (0, "")
    wrote, untitled = out.splitlines()
    assert wrote.startswith(f"wrote {tmp_path / 'page' / 'index.html'}: ")
    assert untitled == "39 of 40 items have no title and show their ids; 'item 0' is one"
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "The third" in page
    assert "<h1>coded</h1>" in page
    monkeypatch.chdir(tmp_path)
    for option in ("--title", "--heading"):
        assert sparserec("web", MODEL, option, f"Things {option}")[0] == 0
        assert f"<h1>Things {option}</h1>" in (tmp_path / "coded-web" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("options", "noun"), [((), "films"), (("--noun", "plays"), "plays")])
def test_what_items_are_called(sparserec, tmp_path, options, noun):
    (tmp_path / "titles.csv").write_text("movieId,title\nitem 3,The third\n")
    out = tmp_path / "page"
    assert sparserec("web", MODEL, "--titles", tmp_path / "titles.csv", "--out", out, *options)[0] == 0
    assert f'"noun":"{noun}"' in (out / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("absent",), "absent: no such file"),
        ((MODEL, "--titles", "absent.csv"), "absent.csv: no such file"),
        ((__file__,), "not an exported file"),
    ],
)
def test_bad_input_ends_in_one_sentence_and_no_page(sparserec, tmp_path, monkeypatch, listing, options, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = sparserec("web", *options)
    assert (code, out) == (2, "")
    assert message in err
    assert listing(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="needs a signal for Ctrl-C")
@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="this suite ignores Ctrl-C, in a background"
)
def test_serves_until_ctrl_c(tmp_path):
    with subprocess.Popen(
        [*COMMAND, "--serve", "--port", "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        line = running.stdout.readline()
        url = line.split()[1]
        assert line == f"serving {url} to this machine; Ctrl-C ends it\n"
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert b"<h1>coded</h1>" in answer.read()
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        try:
            out, err = running.communicate(timeout=20)
        finally:
            running.kill()
    assert (running.returncode, out, err) == (0, "stopped\n", "")
    assert list(tmp_path.iterdir()) == []


def test_serves_the_page_alone_of_its_folder(tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "notes.txt").write_text("private")
    options = ["--serve", "--port", "0", "--out", str(tmp_path / "page")]
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout.readline().startswith("wrote ")
            url = running.stdout.readline().split()[1]
            answers = {}
            for name in ("", "index.html", "sw.js", "notes.txt", ".", "model.safetensors"):
                # As a browser asks at port 80, which it leaves out.
                request = urllib.request.Request(url + name, headers={"Host": "localhost"})
                try:
                    answers[name] = urllib.request.urlopen(request, timeout=20).status
                except urllib.error.HTTPError as error:
                    answers[name] = error.code
        finally:
            running.terminate()
    assert answers == {"": 200, "index.html": 200, "sw.js": 200, "notes.txt": 404, ".": 404, "model.safetensors": 404}
    assert (tmp_path / "page" / "notes.txt").read_text() == "private"
