"""The demo page end to end in Chromium: what it recommends is what the Python runtime recommends."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from page_driver import DemoPage, demo_page
from places import GENRES
from twins import shares

from sparserec.device import Recommender
from sparserec.page import Title, read_named_titles, write_page

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "coded.safetensors"


def expected(model: Path, history: list[str], **query) -> list[str]:
    return [item for item, _ in Recommender.open(model).recommend(history=history, k=20, **query)]


def ids_of(titles: dict[str, str], shown: list[str]) -> list[str]:
    known = {title: name for name, title in titles.items()}
    return [known[title] for title in shown]


@pytest.mark.parametrize("address", ["http", "file"])
def test_search_pick_and_recommend(chromium, served, catalogue, written, tmp_path, address):
    model, titles = catalogue
    url = served(written) if address == "http" else (written / "index.html").as_uri()
    first, second = sorted(titles.values())[10], sorted(titles.values())[200]
    with demo_page(chromium, tmp_path / "profile", url) as demo:
        assert demo.page.title() == "A made-up catalogue"
        assert demo.page.is_visible("#nothing-yet")
        assert demo.recommended() == []
        shown = demo.search(f"  {first.upper()} ")
        assert first in shown
        demo.page.click(f"#found li >> text='{first}'")
        demo.pick(second)
        liked = ids_of(titles, demo.liked())
        assert demo.liked() == [first, second]
        assert demo.recommended() == expected(model, liked)
        assert demo.texts("name") == [titles[item] for item in demo.recommended()]
        assert not demo.page.is_visible("#nothing-yet")
        check_reasons(model, titles, liked, demo)
        demo.page.click("#recommended .like >> nth=3")
        assert len(demo.liked()) == 3
        assert demo.recommended() == expected(model, ids_of(titles, demo.liked()))
        demo.page.click("#liked button >> nth=0")
        assert demo.recommended() == expected(model, ids_of(titles, demo.liked()))
        facts = demo.page.inner_text("#facts")
        assert re.search(r"Size of the model\s+[\d.]+ kB\s", facts)
        assert re.search(r"Opened and checked in\s+\d+ ms", facts)
        assert re.search(r"Recommended in\s+\d+\.\d ms\s+Median of 4\s+\d+\.\d ms", facts)


def check_reasons(model: Path, titles: dict[str, str], liked: list[str], demo: DemoPage) -> None:
    """Reasons are picks that add to the score, by dense tables; not the same ones in all rows."""
    lines = dict(zip(demo.recommended(), demo.texts("because"), strict=True))
    for item, line in lines.items():
        adding = {titles[name] for name, share in shares(model, liked, item) if share > 0}
        named = line.removeprefix("because you like ").split(" and ")
        assert line.startswith("because you like ")
        assert set(named) <= adding
    assert len(set(lines.values())) > 1


def test_what_was_chosen_is_remembered_and_can_be_cleared(chromium, served, written, tmp_path):
    with demo_page(chromium, tmp_path / "profile", served(written)) as demo:
        demo.pick("a")
        demo.pick("e")
        before = demo.liked(), demo.recommended()
        demo.page.reload()
        demo.page.wait_for_selector("html[data-ready]")
        assert (demo.liked(), demo.recommended()) == before
        demo.page.click("#clear")
        assert demo.liked() == demo.recommended() == []
        assert demo.page.is_visible("#nothing-yet")
        assert not demo.page.is_visible("#clear")
        demo.page.reload()
        demo.page.wait_for_selector("html[data-ready]")
        assert demo.liked() == []


def test_it_works_offline_once_loaded(chromium, served, written, tmp_path):
    with demo_page(chromium, tmp_path / "profile", served(written)) as demo:
        demo.pick("a")
        before = demo.recommended()
        demo.until_kept()
        demo.page.context.set_offline(True)
        demo.page.reload()
        demo.page.wait_for_selector("html[data-ready]")
        assert demo.recommended() == before
        demo.pick("e")
        assert len(demo.liked()) == 2


def test_nothing_leaves_the_page(chromium, served, written, tmp_path):
    """No request but those for the page and its worker, and its policy would stop any other."""
    with chromium(tmp_path / "profile") as window:
        demo, url, asked = DemoPage(window.pages[0]), served(written), []
        window.on("request", lambda request: asked.append(request.url))
        demo.go(url)
        demo.pick("a")
        demo.until_kept()
        assert set(asked) <= {url, url + "sw.js"}
        refused = demo.page.evaluate("fetch('/index.html').then(() => 'answered', (error) => error.name)")
        assert refused == "TypeError"


def test_another_model_and_a_bad_file(chromium, served, catalogue, written, tmp_path):
    model, _ = catalogue
    (tmp_path / "half.safetensors").write_bytes(model.read_bytes()[:-10])
    with demo_page(chromium, tmp_path / "profile", served(written)) as demo:
        demo.pick("a")
        before = demo.recommended()
        demo.page.set_input_files("#file", tmp_path / "half.safetensors")
        demo.page.wait_for_selector("#problem")
        assert demo.page.inner_text("#problem").startswith("half.safetensors: tensor ")
        assert demo.recommended() == before
        demo.page.set_input_files("#file", GOLDEN)
        demo.page.get_by_text("40 items", exact=True).wait_for()
        assert not demo.page.is_visible("#problem")
        demo.pick("項目 8")
        assert demo.recommended() == expected(GOLDEN, ["項目 8"])


def test_titles_belong_to_the_model_they_were_made_for(chromium, written, tmp_path):
    """Another file may have the same ids for other things, so its ids are shown; for the own file its titles."""
    ids = Recommender.open(GOLDEN).item_ids[:3]
    write_page(GOLDEN, tmp_path / "page", {name: Title(f"Title of {name}", "Drama") for name in ids}, noun="plays")
    other = tmp_path / "other.safetensors"
    renamed(GOLDEN, other)
    with demo_page(chromium, tmp_path / "profile", (tmp_path / "page" / "index.html").as_uri()) as demo:
        assert demo.search(ids[0])[0] == f"Title of {ids[0]}"
        assert demo.page.inner_text("#headline").startswith("40 plays in ")
        for path, title in ((other, ids[0]), (GOLDEN, f"Title of {ids[0]}")):
            demo.page.set_input_files("#file", path)
            demo.page.locator("#status", has_text=f"{path.name} is open").wait_for(state="attached")
            assert demo.search(ids[0])[0] == title
            noun = "items" if path == other else "plays"
            assert demo.page.inner_text("#headline").startswith(f"40 {noun} in ")


def renamed(source: Path, target: Path) -> None:
    """A model with the same ids that means other things: its values are another table's."""
    import numpy as np
    from safetensors import safe_open
    from safetensors.numpy import save_file

    from sparserec.artefact.schema import CARD_KEY, digest

    with safe_open(source, "numpy") as file:
        tensors = {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118  # no mapping
        card = json.loads(file.metadata()[CARD_KEY])
    tensors["items.signs"] = np.bitwise_not(tensors["items.signs"])
    tensors["items.signs"][-1] = 0
    card["sha256"] = digest(tensors)
    save_file(tensors, target, {CARD_KEY: json.dumps(card)})


def test_starters_are_popular_and_differ(chromium, catalogue, written, tmp_path):
    model, titles = catalogue
    with demo_page(chromium, tmp_path / "profile", (written / "index.html").as_uri()) as demo:
        first = demo.starters()
        assert len(set(first)) == 8
        assert set(first) <= set(titles.values())
        popular = demo.search("")
        assert popular == [titles[item] for item, _ in Recommender.open(model).popular(30)]
        assert first[0] == popular[0]
        assert first != popular[:8]  # the most popular alone would be alike
        ids = {name: title for title, name in titles.items()}
        assert alike(model, [ids[title] for title in first]) < alike(model, [ids[title] for title in popular[:8]])
        demo.page.keyboard.press("Escape")
        demo.page.click("#starters button >> nth=1")
        assert demo.liked() == [first[1]]
        assert demo.page.inner_text("#status") == f"Added {first[1]}. Recommendations are updated."
        assert demo.recommended() == expected(model, [ids[first[1]]])
        after = demo.starters()
        assert len(after) == 8
        assert set(first) - set(after) == {first[1]}
        demo.page.click("#starters button >> nth=0")
        assert demo.page.is_visible("#starters")
        demo.page.click("#starters button >> nth=0")
        assert not demo.page.is_visible("#start")
        assert len(demo.liked()) == 3


def alike(model: Path, ids: list[str]) -> float:
    """The mean cosine of the rows of different items."""
    import numpy as np

    from sparserec.artefact import read

    artefact = read(model)
    rows = np.zeros((artefact.items.n, artefact.items.dim))
    rows[np.repeat(np.arange(artefact.items.n), np.diff(artefact.items.indptr)), artefact.items.columns] = (
        artefact.items.dequantised()
    )
    chosen = rows[[artefact.item_ids.to_list().index(name) for name in ids]]
    unit = chosen / np.linalg.norm(chosen, axis=1, keepdims=True)
    cosines = unit @ unit.T
    return (cosines.sum() - len(ids)) / (len(ids) * (len(ids) - 1))


def test_the_size_stands_at_the_head(chromium, catalogue, with_genres, tmp_path):
    """Figures of the file that is in the page, against 64 numbers of 4 bytes an item."""
    model, _ = catalogue
    size, dense = model.stat().st_size, 400 * 64 * 4
    with demo_page(chromium, tmp_path / "profile", (with_genres / "index.html").as_uri()) as demo:
        assert demo.page.inner_text("#headline") == f"400 films in {size / 1000:.0f} kB"
        line = demo.page.inner_text("#comparison")
        assert line == (
            f"A dense table of 64 numbers for each takes {dense / 1000:.0f} kB: {dense / size:.1f} times as much."
        ).replace(".0 times", " times")
        part = "(([a, b]) => a / b)(['share', 'bars'].map((i) => document.getElementById(i).clientWidth))"
        assert demo.page.evaluate(part) == pytest.approx(size / dense, abs=0.01)
        style = "(e => parseFloat(getComputedStyle(e).fontSize))(document.getElementById('{}'))"
        assert demo.page.evaluate(style.format("headline")) >= 1.25 * demo.page.evaluate(style.format("facts"))
        assert demo.page.evaluate("document.getElementById('size').getBoundingClientRect().bottom < innerHeight / 2")


def test_no_dense_table_is_spoken_of_where_it_would_be_smaller(chromium, tmp_path):
    golden = GOLDEN.parent / "golden.safetensors"
    write_page(golden, tmp_path / "page")
    card = Recommender.open(golden).card
    assert card.n_items * min(card.dim, 64) * 4 <= golden.stat().st_size
    with demo_page(chromium, tmp_path / "profile", (tmp_path / "page" / "index.html").as_uri()) as demo:
        assert demo.page.inner_text("#headline") == f"{card.n_items} items in {golden.stat().st_size / 1000:.1f} kB"
        assert not demo.page.is_visible("#comparison")
        assert not demo.page.is_visible("#bars")


def test_the_file_picker_is_put_away(chromium, written, tmp_path):
    with demo_page(chromium, tmp_path / "profile", (written / "index.html").as_uri()) as demo:
        assert not demo.page.is_visible("#file")
        demo.page.click("summary")
        assert demo.page.is_visible("#file")


def test_a_filter_by_genre(chromium, catalogue, genres, with_genres, tmp_path):
    model, titles = catalogue
    ids = {title: name for name, title in titles.items()}
    with demo_page(chromium, tmp_path / "profile", (with_genres / "index.html").as_uri()) as demo:
        assert not demo.page.is_visible("#tag")  # nothing to filter yet
        demo.pick("a")
        demo.pick("e")
        liked = [ids[title] for title in demo.liked()]
        assert demo.page.locator("#tag option").all_inner_texts() == ["All", *sorted(GENRES)]
        assert demo.page.get_by_label("Show", exact=True).count() == 1
        demo.page.select_option("#tag", "Crime")
        crime = [name for name, tags in genres.items() if "Crime" in tags]
        assert demo.recommended() == expected(model, liked, candidates=crime)
        assert demo.page.inner_text("#status") == "Crime: 20 recommendations"
        assert all("Crime" in line for line in demo.texts("tags"))
        demo.page.click("#recommended .like >> nth=0")
        assert all("Crime" in line for line in demo.texts("tags"))  # it stays
        demo.page.select_option("#tag", "")
        assert demo.recommended() == expected(model, [ids[title] for title in demo.liked()])


def test_no_filter_without_genres(chromium, written, tmp_path):
    with demo_page(chromium, tmp_path / "profile", (written / "index.html").as_uri()) as demo:
        demo.pick("a")
        assert not demo.page.is_visible("#tag")
        assert demo.texts("tags") == []


def test_not_this(chromium, served, catalogue, written, tmp_path):
    model, titles = catalogue
    with demo_page(chromium, tmp_path / "profile", served(written)) as demo:
        demo.pick("a")
        before, (liked,) = demo.recommended(), ids_of(titles, demo.liked())
        demo.page.click("#recommended .dislike >> nth=2")
        title = titles[before[2]]
        assert demo.recommended() == expected(model, [liked], dislikes=[before[2]])
        assert demo.recommended() != expected(model, [liked], exclude=[before[2]])
        assert demo.disliked() == [title]
        assert demo.page.inner_text("#status") == f"Not {title}. Recommendations are updated."
        assert before[2] not in demo.recommended()
        assert len(demo.recommended()) == 20
        demo.page.reload()
        demo.page.wait_for_selector("html[data-ready]")
        assert demo.disliked() == [title]
        assert before[2] not in demo.recommended()
        demo.page.click("#disliked button")
        assert demo.disliked() == []
        assert demo.recommended() == before
        # What was turned down can be liked after all.
        demo.page.click("#recommended .dislike >> nth=2")
        demo.page.fill("#query", title)
        demo.page.click(f"#found li >> text='{title}'")
        assert demo.disliked() == []
        assert title in demo.liked()


def test_ids_of_any_kind(chromium, tmp_path):
    """Ids are texts from a file: shown as text, and quoted where nothing of them could be seen."""
    import numpy as np

    from sparserec.artefact import TableData, write
    from sparserec.vocabulary import Vocabulary

    ids = [
        "<img src=x onerror=alert(1)>",
        "</script>",
        "__proto__",
        "\u202egpj.exe",
        "",
        " ",
        "\ufeff",
        "{{script}}",
        "a, b",
    ]
    n = len(ids)
    table = TableData(np.arange(0, 2 * n + 1, 2), np.tile([0, 1], n), np.arange(1, 2 * n + 1, dtype=np.float32), 2)
    write(tmp_path / "model", items=table, item_ids=Vocabulary.of(ids), values_dtype="float16")
    write_page(tmp_path / "model", tmp_path / "page")
    with demo_page(chromium, tmp_path / "profile", (tmp_path / "page" / "index.html").as_uri()) as demo:
        shown = {*ids[:4], *ids[7:], '""', '" "', '"\ufeff"'}
        assert set(demo.search("")) == shown
        demo.pick("__proto__")
        assert {*demo.recommended(), "__proto__"} == set(ids)
        named = demo.page.evaluate("[...document.querySelectorAll('#recommended .name')].map(e => e.textContent)")
        assert {*named, "__proto__"} == shown
        assert demo.page.locator("img").count() == 0


SIGNS = [
    "<3",
    "=",
    "€",
    "~",
    "😀",
    '"',
    "'",
    "`",
    "\\",
    "[",
    "(",
    ")",
    "*",
    "+",
    "?",
    "^",
    "$",
    "|",
    "{}",
    "/",
    "<b>",
    "\u202e",
    "&#60;",
]


def test_any_sign_in_the_search_field(chromium, tmp_path):
    """What matches, or that nothing does; `demo_page` holds that nothing was thrown."""
    ids = Recommender.open(GOLDEN).item_ids
    known = dict(zip(ids, [Title(f"Love {sign} it", "") for sign in SIGNS[:10]], strict=False))
    write_page(GOLDEN, tmp_path / "page", known)
    with demo_page(chromium, tmp_path / "profile", (tmp_path / "page" / "index.html").as_uri()) as demo:
        for sign in SIGNS:
            found = demo.search(sign)
            if sign in SIGNS[:10]:
                assert found == [f"Love {sign} it"], sign
                assert not demo.page.is_visible("#none-found")
            else:
                assert found == [], sign
                assert demo.page.is_visible("#none-found")
                assert demo.page.inner_text("#status") == "0 matches"
        assert demo.search("lvoe") != []
        assert demo.page.inner_text("#status") == "Nothing matches exactly; 10 matches nearly"


def test_picks_outlast_an_update_of_the_model(chromium, served, catalogue, tmp_path):
    """What the new model knows stays chosen, and the page says how many it does not know."""
    import sparserec
    from sparserec.interactions import synthetic

    model, titles = catalogue
    data, _ = synthetic(n_users=120, n_items=60, interactions_per_user=8, n_clusters=4, seed=6)
    sparserec.train(data, tmp_path / "run", recipe="spectral", density=0.3, seed=0).export(tmp_path / "v2.safetensors")
    newer = Recommender.open(tmp_path / "v2.safetensors")
    ids = set(newer.item_ids)
    names = [name for name in titles if name in ids][:2] + [name for name in titles if name not in ids][:1]
    known = {name: Title(title, "") for name, title in titles.items()}
    page = tmp_path / "page"
    write_page(model, page, known)
    with demo_page(chromium, tmp_path / "profile", url := served(page)) as demo:
        for name in names:
            demo.search(titles[name])
            demo.page.click(f"#found li >> text='{titles[name]}'")
        assert not demo.page.is_visible("#gone")
        write_page(tmp_path / "v2.safetensors", page, known, "Another title")
        demo.go(url + "index.html")
        assert demo.page.inner_text("h1") == "Another title"
        assert demo.liked() == [titles[name] for name in names[:2]]
        assert demo.recommended() == expected(tmp_path / "v2.safetensors", names[:2])
        assert demo.page.inner_text("#gone") == "1 of your picks is not in this catalogue."
        # It is not lost: the model that knows it may come back.
        demo.pick("a")
        demo.page.click("#liked li:last-child button")
        write_page(model, page, known)
        demo.go(url)
        assert sorted(demo.liked()) == sorted(titles[name] for name in names)
        demo.page.click(f"#liked button >> text='{titles[names[2]]}'")
        # A file from the disk has picks of its own.
        demo.page.set_input_files("#file", GOLDEN)
        demo.page.get_by_text("40 items", exact=True).wait_for()
        assert demo.liked() == []
        demo.pick("項目 8")
        demo.go(url)
        assert demo.liked() == [titles[name] for name in names[:2]]
        demo.page.set_input_files("#file", GOLDEN)
        demo.page.get_by_text("40 items", exact=True).wait_for()
        assert demo.liked() == ["項目 8"]


def test_clear_all_forgets_what_the_model_lacks(chromium, served, written, tmp_path):
    with demo_page(chromium, tmp_path / "profile", url := served(written)) as demo:
        stored = "localStorage.setItem('sparserec:picks:/', JSON.stringify({ liked: ['x', 'y'], disliked: ['z'] }))"
        demo.page.evaluate(stored)
        demo.go(url)
        assert demo.page.inner_text("#gone") == "2 of your picks are not in this catalogue."
        demo.page.click("#clear")
        assert not demo.page.is_visible("#gone")
        assert not demo.page.is_visible("#clear")
        assert demo.page.evaluate("localStorage.getItem('sparserec:picks:/')") == '{"liked":[],"disliked":[]}'


@pytest.mark.parametrize(
    "stored", ["", "{", "null", "[1]", '{"liked": 3}', '{"liked": [1, null, "a"], "disliked": {}}']
)
def test_whatever_is_stored_the_page_opens(chromium, served, written, tmp_path, stored):
    with demo_page(chromium, tmp_path / "profile", served(written)) as demo:
        demo.page.evaluate("(text) => localStorage.setItem('sparserec:picks:/', text)", stored)
        demo.page.reload()
        demo.page.wait_for_selector("html[data-ready]")
        assert demo.liked() == []
        demo.pick("a")
        assert len(demo.recommended()) == 20


def test_a_page_with_a_damaged_model_says_so(chromium, written, tmp_path):
    shutil.copytree(written, tmp_path / "page")
    page = tmp_path / "page" / "index.html"
    text = page.read_text(encoding="utf-8")
    at = text.index('<script id="model"') + 6000
    flipped = "A" if text[at] != "A" else "B"
    page.write_text(text[:at] + flipped + text[at + 1 :], encoding="utf-8")
    with demo_page(chromium, tmp_path / "profile", page.as_uri()) as demo:
        assert "SHA-256 differs" in demo.page.inner_text("#problem")
        assert demo.page.is_disabled("#query")


@pytest.mark.data
def test_movielens(chromium, served, tmp_path):
    root = os.environ.get("SPARSEREC_DATA")
    if not root or not (Path(root) / "ml-latest-small").exists():
        pytest.skip("needs SPARSEREC_DATA with the folder ml-latest-small")
    import sparserec

    folder = Path(root) / "ml-latest-small"
    data = sparserec.load(folder / "ratings.csv")
    run = sparserec.train(data, tmp_path / "run", recipe="spectral", budget="24B/item", dim=128, seed=0)
    model = tmp_path / "films.safetensors"
    run.export(model)
    titles, noun = read_named_titles(folder / "movies.csv")
    write_page(model, tmp_path / "page", titles, noun=noun)
    with demo_page(chromium, tmp_path / "profile", served(tmp_path / "page")) as demo:
        assert demo.page.inner_text("h1") == "films"
        assert demo.search("the GODFATHER")[0] == "Godfather, The (1972)"
        assert "Misérables, Les (1995)" in demo.search("miserables")
        demo.pick("godfather the 1972")
        demo.pick("toy story 1995")
        assert demo.liked() == ["Godfather, The (1972)", "Toy Story (1995)"]
        assert demo.search("toy")[0].startswith("Toy Story")
        toys = demo.search("toy")
        assert toys.index("Toy Story (1995)") < toys.index("Toys (1992)")
        assert "Toy Story (1995)" in demo.search("tyo stroy")[:3]
        assert demo.page.inner_text("#headline").startswith("9,066 films in ")
        assert demo.recommended() == expected(model, ["858", "1"])
        assert len(set(demo.texts("because"))) > 1
        assert all("because you like " in line for line in demo.texts("because"))
        assert len(demo.texts("tags")) == 20
