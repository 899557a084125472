"""What the README shows runs as it stands, and links lead somewhere."""

import re
import shlex
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with ratings.csv: MovieLens headers, items 296 and 318 among them."""
    from sparserec.interactions import synthetic

    folder = tmp_path_factory.mktemp("readme")
    dataset, _ = synthetic(n_users=300, n_items=400, interactions_per_user=20, n_clusters=8, seed=5)
    facts = dataset.interactions
    rows = zip(facts.rows(), facts.indices, strict=True)
    lines = [f"{u},{i},{4 + n % 2},{1000 + n}" for n, (u, i) in enumerate(rows)]
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "\n".join(lines) + "\n")
    return folder


def blocks(page: Path, language: str) -> list[str]:
    fences = re.split(r"^```", page.read_text(), flags=re.MULTILINE)
    return [fence.removeprefix(language + "\n") for fence in fences[1::2] if fence.split("\n")[0] == language]


def test_the_readmes_python(folder, monkeypatch, capsys):
    (code,) = blocks(ROOT / "README.md", "python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    monkeypatch.chdir(folder)
    exec(compile(code, "README.md", "exec"), {})  # the project's own page
    out = capsys.readouterr().out
    assert "recall@20" in out
    assert re.search(r"\[\('\d+', ", out)


def test_the_readmes_commands(folder, monkeypatch, capsys):
    from sparserec.cli import main

    monkeypatch.chdir(folder)
    (found,) = [block for block in blocks(ROOT / "README.md", "") if block.startswith("sparserec ")]
    for line in found.splitlines():
        monkeypatch.setattr(
            sys, "argv", [*shlex.split(line.replace("--out run", "--out run2").replace("export run ", "export run2 "))]
        )
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code, (line, capsys.readouterr().err)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_setting_of_the_recipe_is_known():
    from sparserec.settings import load_config, recipe_names

    for name in recipe_names():
        assert load_config(name).recipe == name


def test_the_settings_of_the_guide_to_distillation_have_the_defaults_it_gives():
    from sparserec.settings import load_config

    page = (ROOT / "docs" / "guide" / "distillation.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]+) \|", page[page.index("## Settings") :], re.MULTILINE)
    assert len(rows) > 15
    for name, text in rows:
        first, _, other = text.replace("`", "").partition(" (")
        # Only what the second recipe sets itself is given in brackets; it has no teacher and no exploration.
        for recipe, expected in (("fism", first), ("spectral", other.rstrip(")"))):
            value = load_config(recipe)
            for part in name.split("."):
                value = getattr(value, part)
            if expected:
                assert expected.strip() == (
                    "chosen" if value is None else f"{value:g}" if value == 0 else str(value)
                ), name
