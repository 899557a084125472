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


@pytest.fixture(params=LOCALES)
def command(request, tmp_path):
    """The command line in a process of its own with a locale; exit code and both outputs, as bytes."""

    def run(*arguments: bytes | str) -> tuple[int, bytes, bytes]:
        code = "from sparserec.cli import main; main()"
        environment = {**os.environ, **LOCALES[request.param], "PYTHONPATH": SOURCE, "COLUMNS": "200"}
        call = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(call, env=environment, cwd=tmp_path, capture_output=True, check=False, timeout=300)
        assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize("name", NAMES)
def test_exported_files_are_opened_and_written_whatever_they_are_called(command, tmp_path, name):
    model = os.fsencode(tmp_path) + b"/" + name + b".safetensors"
    shutil.copy(GOLDEN, model)
    assert command("inspect", model)[0] == 0
    assert command("inspect", model, "--json")[0] == 0
    patch, new = model + b".patch", model + b".new"
    assert command("delta", model, model, "--out", patch)[0] == 0
    assert command("apply", model, patch, "--out", new)[0] == 0
    assert Path(os.fsdecode(new)).read_bytes() == GOLDEN.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_there_is_said_in_a_sentence(command, name):
    for arguments in (
        ("inspect", name),
        ("recommend", name, "--history", "1"),
        ("evaluate", name, name),
        ("export", name, "--out", name + b".safetensors"),
        ("train", name, "--config", name),
    ):
        code, out, err = command(*arguments)
        assert code == 2, arguments
        assert out == b""
        assert err.startswith(b"error: "), err


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
