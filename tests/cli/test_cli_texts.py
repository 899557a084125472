"""Texts from data reach a terminal as they are: no markup in them is read, and nothing in them steers it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest

import sparserec
from sparserec.artefact import TableData, write
from sparserec.cli.console import command, plain, print_json
from sparserec.vocabulary import Vocabulary

CLI = Path(sparserec.__file__).parent / "cli"

IDS = [
    "50% [off]",
    "[/]",
    "[/b]",
    "[bold]x[/bold]",
    ":smile:",
    "\x1b[31mred",
    "\x1b]0;owned\x07",
    "c\rd",
    "b\nc",
    "tab\there",
    "\u202egpj.exe",
    "\u2066x",
    "\x9b1m",
    "\x7f",
    "\x00",
    "é 💃",
    "x,y",
    " lead",
    "trail ",
    "-5",
    "--json",
    "a\\b",
    "a\\,b",
    "9007199254740993",
]


def model(path: Path, ids: list[str] = IDS) -> Path:
    n = len(ids)
    values = np.arange(1, n + 1, dtype=np.float32)
    write(path, items=TableData(np.arange(n + 1), np.zeros(n, dtype=int), values, 1), item_ids=Vocabulary.of(ids))
    return path


def harmless(text: str) -> bool:
    """Whether a terminal shows all of a text, and does nothing else."""
    return all(sign == "\n" or unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for sign in text)


def test_all_ids_are_shown_as_they_are(sparserec, tmp_path):
    file = model(tmp_path / "m")
    for query in (["recommend", "--history", "x\\,y", "-k", 99], ["similar", "x,y", "-k", 99]):
        verb, *rest = query
        code, out, err = sparserec(verb, file, *rest)
        assert (code, err) == (0, "")
        assert harmless(out)
        for name in IDS:
            assert plain(name) in out or name == "x,y", name
    assert all(
        shown in out for shown in ("50% [off]", "[/]", ":smile:", "\\x1b[31mred", "\\u202egpj.exe", "b\\nc", "\\x9b1m")
    )


def test_titles_and_reasons_are_shown_as_they_are(sparserec, tmp_path):
    file, titles = model(tmp_path / "m", ["a", "b"]), tmp_path / "titles.csv"
    titles.write_text('id,title\na,"[bold]A[/] \x1b[31m"\nb,"[/]B\u202e"\n', encoding="utf-8")
    for words in (["recommend", file, "--history", "a", "--explain"], ["find", file, "B"], ["similar", file, "a"]):
        code, out, _ = sparserec(*words, "--titles", titles)
        assert code == 0
        assert harmless(out)
        assert "[/]B\\u202e" in out


@pytest.mark.parametrize("name", ["[red]m[/]", "[/]", "m\x1b[31m", "m\u202e", "it's m", "-m"])
def test_paths_are_shown_as_they_are(sparserec, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    file = model(tmp_path / name)
    code, out, _ = sparserec("inspect", "--", name)
    assert code == 0
    assert harmless(out)
    assert plain(name) in out
    file.write_bytes(b"no")
    for verb in ("inspect", "recommend"):
        code, out, err = sparserec(verb, *(["--history", "a"] if verb == "recommend" else []), "--", name)
        assert (code, out) == (2, "")
        assert harmless(err)
        assert f"error: {plain(name)}" in err


@pytest.mark.parametrize("version", ["\x1b]0;owned\x07", "[/red]x", "\ud800", "\u202e"])
def test_cards_are_shown_as_they_are(sparserec, tmp_path, version):
    file = model(tmp_path / "m")
    data = file.read_bytes()
    for key, code in (("package_version", 0), ("format_version", 2)):
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        card = json.loads(header["__metadata__"]["sparserec"]) | {key: version}
        header["__metadata__"]["sparserec"] = json.dumps(card)
        raw = json.dumps(header).encode()
        (tmp_path / "changed").write_bytes(
            len(raw).to_bytes(8, "little") + raw + data[8 + int.from_bytes(data[:8], "little") :]
        )
        found, out, err = sparserec("inspect", tmp_path / "changed")
        assert found == code, err
        assert harmless(out + err)
        assert plain(version) in (err if code else out)
        found, out, err = sparserec("inspect", tmp_path / "changed", "--json")
        assert found == code
        assert code or json.loads(out)["card"][key] == version


def test_signs_that_the_terminal_cannot_show(tmp_path):
    """In an ASCII locale accents are written out."""
    file = model(tmp_path / "modèle", ["é", "b"])
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(CLI.parents[1]), "PATH": "/usr/bin:/bin"}
    program = "from sparserec.cli import main; main()"
    words = [sys.executable, "-c", program, "recommend", file, "--history", "b"]
    done = subprocess.run(words, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert b"\\xe9" in done.stdout


def test_numbers_that_are_none_are_null_in_json(capsys):
    print_json({"a": [float("nan"), 1.5, float("-inf")], "b": ("x", None, True)})
    assert json.loads(capsys.readouterr().out) == {"a": [None, 1.5, None], "b": ["x", None, True]}


@pytest.mark.parametrize(
    "word", ["a b", "it's", "$HOME", "*", "-x", "é", "a\x1bb", "a\nb", "\\", "'\n'", "\udce9", "~"]
)
def test_commands_are_quoted_for_a_shell(word):
    shown = command("printf", "%s", Path(word))
    assert harmless(shown)
    done = subprocess.run(["bash", "-c", shown.replace("%s", "'%s'")], capture_output=True, check=True)
    expected = word.encode("utf-8", "surrogateescape")
    assert done.stdout in (expected, b"./" + expected)
    assert done.stdout.startswith(b"./") == word.startswith("-")


def test_no_verb_prints_past_the_one_place():
    """Only `console` writes to the standard streams; a call such as `screen.print` elsewhere would read markup."""
    past = []
    for path in CLI.glob("*.py"):
        if path.name == "console.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            name = (
                called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            )
            if ast.unparse(called) == "run.log":  # that of epochs
                continue
            if name in ("print", "echo", "secho", "write", "log", "rule", "print_exception", "writelines"):
                past.append(f"{path.name}:{node.lineno}: {ast.unparse(called)}")
    assert past == []
