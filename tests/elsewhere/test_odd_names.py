"""File names that are no UTF-8, and accented ones where the locale knows ASCII alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sparserec

SOURCE = str(Path(sparserec.__file__).resolve().parents[1])
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "golden.safetensors"
LOCALES = {
    "utf-8": {"LC_ALL": "C.UTF-8"},
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "strict ascii": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii:strict"},
}
NAMES = [b"caf\xe9", "café".encode(), "模型".encode(), b"a\nb"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux")


EACH = """
import os, sys
from sparserec.cli import main
for line in os.fsencode(sys.argv[1]).split(b"/;/"):
    sys.argv = ["sparserec", *map(os.fsdecode, line.split(b"/,/"))]
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    sys.stdout.flush(), sys.stderr.flush()
    os.write(1, b"\\0"), os.write(2, b"\\0%d\\0" % code)
"""
"""Runs one command after another in one process: to start Python takes longer than most of them."""


@pytest.fixture(params=LOCALES)
def commands(request, tmp_path):
    """Command lines in a process of their own with a locale; exit code and both outputs of each, as bytes."""

    def run(*lines: tuple[bytes | str, ...]) -> list[tuple[int, bytes, bytes]]:
        environment = {**os.environ, **LOCALES[request.param], "PYTHONPATH": SOURCE, "COLUMNS": "200"}
        joined = b"/;/".join(b"/,/".join(os.fsencode(word) for word in line) for line in lines)
        call = [sys.executable, "-c", EACH, joined]
        done = subprocess.run(call, env=environment, cwd=tmp_path, capture_output=True, check=False, timeout=300)
        assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
        out, err = done.stdout.split(b"\0")[:-1], done.stderr.split(b"\0")[:-1]
        answers = list(zip(map(int, err[1::2]), out, err[::2], strict=True))
        assert len(answers) == len(lines)
        return answers

    return run


def test_exported_files_are_opened_and_written_whatever_they_are_called(commands, tmp_path):
    lines, written = [], []
    for name in NAMES:
        model = os.fsencode(tmp_path) + b"/" + name + b".safetensors"
        shutil.copy(GOLDEN, model)
        patch, new = model + b".patch", model + b".new"
        lines += [("inspect", model), ("inspect", model, "--json"), ("delta", model, model, "--out", patch)]
        lines += [("apply", model, patch, "--out", new)]
        written.append(Path(os.fsdecode(new)))
    assert [code for code, _, _ in commands(*lines)] == [0] * len(lines)
    assert all(path.read_bytes() == GOLDEN.read_bytes() for path in written)


def test_what_is_not_there_is_said_in_a_sentence(commands):
    lines = [
        line
        for name in NAMES
        for line in (
            ("inspect", name),
            ("recommend", name, "--history", "1"),
            ("evaluate", name, name),
            ("export", name, "--out", name + b".safetensors"),
            ("train", name, "--config", name),
        )
    ]
    for line, (code, out, err) in zip(lines, commands(*lines), strict=True):
        assert code == 2, line
        assert out == b""
        assert err.startswith(b"error: "), err


@pytest.mark.slow
def test_a_run_folder_with_such_a_name(script, ratings):
    code = """
import os, sys
import sparserec
folder = os.fsdecode(b"r\\xe9sultats")
run = sparserec.train(sparserec.load(sys.argv[1]), folder, **QUICK)
run.export(folder + "/caf\\udce9.safetensors")
again = sparserec.train(sparserec.load(sys.argv[1]), folder, resume=True, **QUICK)
from sparserec.device import Recommender
Recommender.open(folder + "/caf\\udce9.safetensors")
print(ascii(sorted(os.listdir(folder))))
"""
    assert "caf\\udce9.safetensors" in script(code, ratings)
