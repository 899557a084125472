"""What `write_page` writes, without a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from sparserec import SparserecError
from sparserec.artefact import read
from sparserec.page import Title, write_page

MODEL = Path(__file__).resolve().parents[1] / "golden" / "coded.safetensors"
TITLES = {
    "item 3": Title("</script><b>Three</b>", "x & y, z"),
    "項目 8": Title("Eight", ""),
    "item 6": Title("Four", "z,x & y , z,,w"),
    "item 5": Title("Five", "z"),
    "elsewhere": Title("No", "nowhere"),
}


@pytest.fixture
def page(tmp_path) -> str:
    size = write_page(MODEL, tmp_path / "deep" / "page", TITLES, "Films & <more>")
    text = (tmp_path / "deep" / "page" / "index.html").read_text(encoding="utf-8")
    assert size == len(text.encode())
    assert sorted(path.name for path in (tmp_path / "deep" / "page").iterdir()) == ["index.html", "sw.js"]
    return text


def holder(page: str, name: str) -> str:
    (content,) = re.findall(rf'<script id="{name}" type="[^"]+">(.*?)</script>', page, re.DOTALL)
    return content


def test_the_model_and_the_titles_are_in_it(page):
    assert base64.b64decode(holder(page, "model"), validate=True) == MODEL.read_bytes()
    model = read(MODEL)
    names = model.item_ids.to_list()
    written = json.loads(holder(page, "catalogue"))
    assert (written["sha256"], written["noun"]) == (model.card.sha256, "items")
    assert written["tags"] == ["z", "x & y", "w"]  # the most common first
    known = {name: (title, tags) for name, title, tags in zip(names, written["titles"], written["tagged"], strict=True)}
    assert known["item 3"] == ("</script><b>Three</b>", [1, 0])
    assert known["項目 8"] == ("Eight", 0)
    assert known["item 6"] == ("Four", [0, 1, 2])
    assert known["item 5"] == ("Five", [0])
    assert [name for name, (title, _) in known.items() if title] == [name for name in names if name in TITLES]
    assert page.count("Films &amp; &lt;more&gt;") == 2
    assert "{{" not in page


@pytest.mark.parametrize(
    ("name", "heading"),
    [("my_films.safetensors", "my films"), ("a-2.safetensors", "a 2"), ("Été.safetensors", "Été"), ("_", "_")],
)
def test_a_page_is_called_like_its_file(tmp_path, name, heading):
    (tmp_path / name).write_bytes(MODEL.read_bytes())
    write_page(tmp_path / name, tmp_path / "page")
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert f"<h1>{heading}</h1>" in page
    assert json.loads(holder(page, "catalogue"))["tagged"] == []


def test_the_page_is_small(page):
    """Beside its model and its titles; servers send a third of it, compressed."""
    rest = len(page.encode()) - sum(len(holder(page, name).encode()) for name in ("model", "catalogue"))
    assert rest < 126_000


def test_its_policy_allows_its_own_script_and_style_alone(page):
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'none'"
    for kind, pattern in (
        ("script-src", r'<script type="module">(.*?)</script>'),
        ("style-src", "<style>(.*?)</style>"),
    ):
        (text,) = re.findall(pattern, page, re.DOTALL)
        assert rules[kind] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    assert not re.findall(r' on\w+="| style="', page)
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", page)


def test_the_same_input_gives_the_same_bytes(page, tmp_path):
    write_page(MODEL, tmp_path / "again", TITLES, "Films & <more>")
    assert (tmp_path / "again" / "index.html").read_text(encoding="utf-8") == page


def test_refusals(tmp_path):
    with pytest.raises(SparserecError, match="none of the 1 titles belongs to an item of the model, whose"):
        write_page(MODEL, tmp_path / "page", {"elsewhere": Title("No", "")})
    (tmp_path / "half").write_bytes(MODEL.read_bytes()[:900])
    with pytest.raises(SparserecError, match="half: "):
        write_page(tmp_path / "half", tmp_path / "page")
    assert not (tmp_path / "page").exists()
    with pytest.raises(SparserecError, match="cannot make the folder"):
        write_page(MODEL, tmp_path / "half" / "page")
