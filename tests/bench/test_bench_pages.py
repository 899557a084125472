"""Pages of results: what stands between the marks is what the command writes from the results files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparserec.bench.grids import TITLES
from sparserec.bench.pages import BLOCKS
from sparserec.bench.pages.convergence import page as converged_page
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


@pytest.mark.parametrize("name", TITLES)
def test_the_pages_of_grids_are_those_that_the_command_writes(name):
    entries = Results(RESULTS / f"{name}.jsonl").entries()
    command = f"sparserec bench {name.replace('_', '-')}"
    assert page(entries, TITLES[name], command) == (RESULTS / f"{name}.md").read_text()


def test_the_page_of_trainings_to_the_end_is_the_one_that_the_command_writes():
    entries = Results(RESULTS / "paper.jsonl").entries()
    if not entries:
        pytest.skip("none was measured yet")
    assert converged_page(entries, "sparserec bench paper") == (RESULTS / "paper.md").read_text()


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


def recipe_row(data, seed, ndcg, version="this", **costs):
    accuracy = {"recall@20": 0.2, "ndcg@20": ndcg, "recall@10": 0.1, "ndcg@10": 0.05}
    return {"data": data, "budget": "24B/item", "seed": seed, "version": version, **accuracy, **costs}


def test_the_default_recipe_is_shown_by_data_over_its_seeds(tmp_path):
    assert BLOCKS["recipe"](tmp_path, "") == ["Not measured yet."]
    rows = [recipe_row("one", 0, 0.1), recipe_row("one", 1, 0.2), recipe_row("two-again", 0, 0.3)]
    (tmp_path / "recipe.json").write_text(json.dumps({"command": "do it", "result": {"rows": rows}}))
    lines = BLOCKS["recipe"](tmp_path, "")
    assert lines[0] == "`do it`"
    assert lines[4:] == [
        "| one | 24B/item | 0.2000 ± 0.0000 | 0.1500 ± 0.0707 | 0.1000 ± 0.0000 | 0.0500 ± 0.0000 | 2 |",
        "| two-again | 24B/item | 0.2000 | 0.3000 | 0.1000 | 0.0500 | 1 |",
    ]
    assert BLOCKS["recipe"](tmp_path, "two")[4:] == lines[5:]
    assert BLOCKS["recipe"](tmp_path, "three") == ["Not measured yet."]


def test_an_earlier_version_stands_beside_this_one(tmp_path):
    assert BLOCKS["earlier"](tmp_path, "") == ["Not measured yet."]
    this = recipe_row("one", 0, 0.11, **{"wall s": 10.2, "CPU s": 20, "peak MB": 1500})
    earlier = recipe_row("one", 0, 0.1, "earlier", **{"wall s": 40.8, "CPU s": 50, "peak MB": 3000})
    result = {"command": "do it", "result": {"rows": [this, earlier]}}
    (tmp_path / "earlier.json").write_text(json.dumps(result))
    assert BLOCKS["earlier"](tmp_path, "")[4:] == [
        "| one | 24B/item | earlier | 0.2000 | 0.1000 | 41 | 50 | 3,000 |",
        "| one | 24B/item | this | 0.2000 | 0.1100 | 10 | 20 | 1,500 |",
        "| one | 24B/item | this to earlier | +0.0 % | +10.0 % | 0.25 | 0.40 | 0.50 |",
    ]
