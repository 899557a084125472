"""Pages of results: what stands between the marks is what the command writes from the results files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparserec.bench.pages import BLOCKS
from sparserec.bench.pages.files import lines_of, section
from sparserec.bench.pages.markdown import fill, table, wrap
from sparserec.bench.pages.paper import page
from sparserec.bench.results import Results
from sparserec.errors import SparserecError

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "results"
PAGES = [ROOT / "README.md", ROOT / "docs" / "results.md", *sorted(RESULTS.glob("*.md"))]
PAGES += sorted((ROOT / "docs" / "guide").glob("*.md"))
WRITTEN = [page for page in PAGES if "<!-- figures:" in page.read_text()]


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_figures_are_those_that_the_command_writes(path):
    assert fill(path.read_text(), BLOCKS, RESULTS) == path.read_text()


@pytest.mark.parametrize(("name", "title"), [("paper", "The paper's grid"), ("next_item", "Next-item recommendation")])
def test_the_pages_of_grids_are_those_that_the_command_writes(name, title):
    entries = Results(RESULTS / f"{name}.jsonl").entries()
    command = f"sparserec bench {name.replace('_', '-')}"
    assert page(entries, title, command) == (RESULTS / f"{name}.md").read_text()


def test_a_block_is_written_between_its_marks():
    blocks = {"sum": lambda folder, about: [f"{folder.name}: {sum(map(int, about.split()))}"]}
    text = "before\n<!-- figures: sum 1 2 -->\nold\n<!-- end of figures -->\nafter\n"
    written = "before\n<!-- figures: sum 1 2 -->\n\nx: 3\n\n<!-- end of figures -->\nafter\n"
    assert fill(text, blocks, Path("x")) == written
    assert fill(written, blocks, Path("x")) == written
    with pytest.raises(SparserecError, match="unknown block 'sum'; there are: other"):
        fill(text, {"other": blocks["sum"]}, Path("x"))


def test_tables_and_paragraphs():
    assert table(["a", "b"], [[1234, True], [[1, 2], []]]) == [
        "| a | b |",
        "|---|---|",
        "| 1,234 | True |",
        "| 1, 2 | none |",
    ]
    assert wrap("- " + "word " * 30)[1].startswith("  word")


def test_a_results_file_becomes_its_command_and_tables(tmp_path):
    result = {"rows": [{"n": 1000, "deep": {"ms": 2.5}}], "items": 3, "parts": {"a": {"x": 1}, "b": {"x": 2}}}
    (tmp_path / "some.json").write_text(json.dumps({"command": "do it", "result": result}))
    assert section(tmp_path, "other") == ["Not measured yet."]
    assert section(tmp_path, "some")[:5] == ["`do it`", "", "| n | deep: ms |", "|---|---|", "| 1,000 | 2.5 |"]
    assert section(tmp_path, "some")[-3:] == ["| items | 3 |", "| parts: a: x | 1 |", "| parts: b: x | 2 |"]
    assert section(tmp_path, "some parts") == ["|  | x |", "|---|---|", "| a | 1 |", "| b | 2 |"]
    assert section(tmp_path, "some numbers") == ["`do it`", "", "|  |  |", "|---|---|", "| items | 3 |"]


def test_a_line_that_was_cut_off_does_not_count(tmp_path):
    (tmp_path / "some.jsonl").write_text('{"a": 1}\n{"a": ')
    assert lines_of(tmp_path, "some") == [{"a": 1}]
    assert lines_of(tmp_path, "other") == []


def test_gains_of_a_cut_are_told_seed_by_seed(tmp_path):
    assert BLOCKS["cuts"](tmp_path, "") == ["Not measured yet."]
    figures = {("random", 0): 0.1, ("random", 1): 0.2, ("latest", 0): 0.11, ("latest", 1): 0.21}
    rows = [
        {"data": "some", "filter": "low-pass", "chosen on": cut, "seed": seed, "test ndcg@20": figure, "settings": "x"}
        for (cut, seed), figure in figures.items()
    ]
    (tmp_path / "cuts.json").write_text(json.dumps({"command": "do it", "result": {"rows": rows}}))
    # gains of 10 and 5 %: 7.5 on average, and half of their distance for the error
    assert BLOCKS["cuts"](tmp_path, "")[2:] == [
        "| data | filter | chosen at random | chosen on the newest | gain | seeds |",
        "|---|---|---|---|---|---|",
        "| some | low-pass | 0.1500 | 0.1600 | +7.5 % ± 2.5 | 2 |",
    ]
