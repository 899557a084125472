"""The demo page end to end in Chromium: what it recommends is what the Python runtime recommends."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from page_driver import DemoPage, demo_page
from twins import shares

from sparserec.device import Recommender
from sparserec.page import Title, read_titles, write_page


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """An exported model of the synthetic catalogue, and the titles of its items."""
    import sparserec
    from sparserec.interactions import synthetic

    folder = tmp_path_factory.mktemp("catalogue")
    data, titles = synthetic(n_users=300, n_items=400, interactions_per_user=20, n_clusters=8, seed=5)
    run = sparserec.train(data, folder / "run", recipe="spectral", budget="24B/item", seed=0)
    run.export(folder / "model.safetensors")
    return folder / "model.safetensors", dict(zip(data.interactions.items.to_list(), titles, strict=True))


@pytest.fixture(scope="module")
def written(catalogue, tmp_path_factory) -> Path:
    model, titles = catalogue
    out = tmp_path_factory.mktemp("page")
    write_page(model, out, {name: Title(title, "") for name, title in titles.items()}, "A made-up catalogue")
    return out


def expected(model: Path, history: list[str]) -> list[str]:
    return [item for item, _ in Recommender.open(model).recommend(history=history, k=20)]


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
        # The reason names what adds most, by dense tables.
        for line, item in zip(demo.texts("because"), demo.recommended(), strict=True):
            named = [titles[name] for name, share in shares(model, liked, item) if share > 0]
            assert line == "because you like " + " and ".join(named)
        demo.page.click("#recommended button >> nth=3")
        assert len(demo.liked()) == 3
        assert demo.recommended() == expected(model, ids_of(titles, demo.liked()))
        demo.page.click("#liked button >> nth=0")
        assert demo.recommended() == expected(model, ids_of(titles, demo.liked()))
        facts = demo.page.inner_text("#facts")
        assert re.search(r"Size of the model\s+[\d.]+ kB\s", facts)
        assert re.search(r"Opened and checked in\s+\d+ ms", facts)
        assert re.search(r"Recommended in\s+\d+\.\d ms\s+Median of 4\s+\d+\.\d ms", facts)


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


def test_keyboard_alone(chromium, served, catalogue, written, tmp_path):
    model, titles = catalogue
    with demo_page(chromium, tmp_path / "profile", served(written)) as demo:
        keys = demo.page.keyboard
        keys.press("Tab")
        assert demo.focused() == "Search the catalogue"
        assert demo.page.get_attribute("#query", "aria-expanded") == "true"
        keys.type("a")
        shown = demo.search("a")
        keys.press("ArrowDown")
        keys.press("ArrowDown")
        active = demo.page.get_attribute("#query", "aria-activedescendant")
        assert demo.page.inner_text(f"#{active}") == shown[1]
        keys.press("ArrowUp")
        keys.press("ArrowUp")  # from the first to the last
        keys.press("ArrowDown")
        keys.press("Enter")
        assert demo.liked() == [shown[0]]
        assert demo.page.get_attribute("#query", "aria-expanded") == "false"
        assert demo.page.inner_text("#status") == f"Added {shown[0]}. Recommendations are updated."
        assert demo.focused() == "Search the catalogue"
        keys.press("ArrowDown")
        assert demo.page.is_visible("#found")
        keys.press("Escape")
        assert not demo.page.is_visible("#found")
        # In the order of the page: what was chosen, Clear all, the recommendations.
        keys.press("Tab")
        assert demo.focused() == f"Remove {shown[0]}"
        outline = demo.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert int(outline.removesuffix("px")) >= 2
        keys.press("Tab")
        assert demo.focused() == "Clear all"
        keys.press("Tab")
        best = titles[expected(model, ids_of(titles, [shown[0]]))[0]]
        assert demo.focused() == f"Like {best}"
        keys.press("Enter")
        assert demo.liked() == [shown[0], best]
        assert demo.focused() == f"Like {demo.texts('name')[0]}"  # the same place of the new list
        keys.press("Shift+Tab")
        keys.press("Shift+Tab")
        assert demo.focused() == f"Remove {best}"
        keys.press("Enter")
        assert demo.focused() == f"Remove {shown[0]}"
        keys.press("Enter")
        assert demo.focused() == "Search the catalogue"
        assert demo.liked() == []


def test_roles_for_screen_readers(chromium, served, written, tmp_path):
    with demo_page(chromium, tmp_path / "profile", served(written)) as demo:
        demo.pick("a")
        demo.search("a")
        roles = demo.page.get_by_role
        assert roles("combobox", name="Search the catalogue").count() == 1
        assert roles("option", selected=True).count() == 1
        assert roles("heading", name="Recommended").count() == 1
        assert roles("region").count() == 2
        assert roles("list").count() == 2
        assert roles("button", name=re.compile("^Like ")).count() == 20
        assert demo.page.get_attribute("#status", "aria-live") == "polite"
        demo.search("no such title at all")
        assert demo.page.is_visible("#none-found")
        assert demo.page.inner_text("#status") == "0 matches"


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
    golden = Path(__file__).resolve().parents[1] / "golden" / "coded.safetensors"
    with demo_page(chromium, tmp_path / "profile", served(written)) as demo:
        demo.pick("a")
        before = demo.recommended()
        demo.page.set_input_files("#file", tmp_path / "half.safetensors")
        demo.page.wait_for_selector("#problem")
        assert demo.page.inner_text("#problem").startswith("half.safetensors: tensor ")
        assert demo.recommended() == before
        demo.page.set_input_files("#file", golden)
        demo.page.get_by_text("40 items", exact=True).wait_for()
        assert not demo.page.is_visible("#problem")
        demo.pick("項目 8")
        assert demo.recommended() == expected(golden, ["項目 8"])


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


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800), (320, 480)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off(chromium, written, tmp_path, width, height, scheme):
    size = {"width": width, "height": height}
    url = (written / "index.html").as_uri()
    with demo_page(chromium, tmp_path / "profile", url, viewport=size, color_scheme=scheme) as demo:
        demo.pick("a")
        demo.search("a")
        assert demo.page.evaluate("document.documentElement.scrollWidth") <= width
        ground, ink = demo.page.evaluate("(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))")
        assert (brightness(ground) > brightness(ink)) == (scheme == "light")
        assert abs(brightness(ground) - brightness(ink)) > 150


def brightness(color: str) -> float:
    red, green, blue = map(float, re.findall(r"[\d.]+", color)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


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
    write_page(model, tmp_path / "page", read_titles(folder / "movies.csv"))
    with demo_page(chromium, tmp_path / "profile", served(tmp_path / "page")) as demo:
        assert demo.page.inner_text("h1") == "films"
        assert demo.search("the GODFATHER")[0] == "Godfather, The (1972)"
        assert "Misérables, Les (1995)" in demo.search("miserables")
        demo.pick("godfather the 1972")
        demo.pick("toy story 1995")
        assert demo.liked() == ["Godfather, The (1972)", "Toy Story (1995)"]
        assert demo.recommended() == expected(model, ["858", "1"])
        assert all("because you like " in line for line in demo.texts("because"))
        assert len(demo.texts("tags")) == 20
