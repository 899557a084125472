"""How the demo page looks and reads: by keyboard, to screen readers, at any width, in both schemes, without motion."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from page_driver import demo_page
from places import GENRES

from sparserec.device import Recommender

SIZES = [(390, 844), (1280, 800), (320, 480)]
SCHEMES = ["light", "dark"]


def best_of(model: Path, titles: dict[str, str], liked: list[str]) -> str:
    ids = {title: name for name, title in titles.items()}
    return titles[Recommender.open(model).recommend(history=[ids[title] for title in liked], k=1)[0][0]]


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
        # In the order of the page: what was chosen, Clear all, the starters, the recommendations.
        keys.press("Tab")
        assert demo.focused() == f"Remove {shown[0]}"
        keys.press("Tab")
        assert demo.focused() == "Clear all"
        for title in demo.starters():
            keys.press("Tab")
            assert demo.focused() == f"Like {title}"
        best = best_of(model, titles, [shown[0]])
        keys.press("Tab")
        assert demo.focused() == f"Like {best}"
        keys.press("Tab")
        assert demo.focused() == f"Not this: {best}"
        keys.press("Shift+Tab")
        keys.press("Enter")
        assert demo.liked() == [shown[0], best]
        assert demo.focused() == f"Like {demo.texts('name')[0]}"  # the same place of the new list
        demo.page.focus("#liked li:last-child button")
        keys.press("Enter")
        assert demo.focused() == f"Remove {shown[0]}"
        keys.press("Enter")
        assert demo.focused() == "Search the catalogue"
        assert demo.liked() == []


def test_starters_turning_down_and_the_rest_by_keyboard(chromium, served, with_genres, tmp_path):
    with demo_page(chromium, tmp_path / "profile", served(with_genres)) as demo:
        keys = demo.page.keyboard
        keys.press("Tab")
        keys.press("Tab")
        first, second, third = demo.starters()[:3]
        for title in (first, second, third):
            assert demo.focused() == f"Like {title}"  # each time the next one is at its place
            keys.press("Space")
        assert demo.liked() == [first, second, third]
        assert demo.focused() == "Search the catalogue"  # enough to begin with
        demo.page.focus("#recommended .dislike >> nth=0")
        keys.press("Enter")
        turned_down = demo.disliked()
        assert demo.focused() == f"Not this: {demo.texts('name')[0]}"
        demo.page.focus("#disliked button")
        assert demo.focused() == f"Take back {turned_down[0]}"
        keys.press("Enter")
        assert demo.page.inner_text("#status") == f"{turned_down[0]} may be recommended again."
        assert demo.focused() == "Search the catalogue"
        demo.page.focus("#clear")
        keys.press("Tab")
        assert demo.focused() == "Show"
        keys.press("ArrowDown")
        assert demo.page.inner_text("#status").startswith(f"{min(GENRES)}: ")
        assert demo.focused() == "Show"
        demo.page.focus("#clear")
        keys.press("Enter")
        assert demo.page.inner_text("#status") == "Nothing is chosen any more"
        for _ in range(9):  # past the starters
            keys.press("Tab")
        assert demo.focused() == "Open another model"
        keys.press("Enter")
        keys.press("Tab")
        assert demo.page.evaluate("document.activeElement.id") == "file"


def test_each_focus_can_be_seen(chromium, with_genres, tmp_path):
    url = (with_genres / "index.html").as_uri()
    with demo_page(chromium, tmp_path / "profile", url) as demo:
        demo.pick("a")
        demo.page.click("#recommended .dislike >> nth=0")
        demo.page.focus("summary")
        kinds = set()
        while "query" not in kinds:
            demo.page.keyboard.press("Shift+Tab")
            kind, style, width = demo.page.evaluate(
                """(e => {
                  const { outlineStyle, outlineWidth } = getComputedStyle(e);
                  return [e.id || e.className || e.closest('[id]')?.id, outlineStyle, parseFloat(outlineWidth)];
                })(document.activeElement)"""
            )
            assert (style, width >= 2) == ("solid", True), kind
            kinds.add(kind)
        assert kinds >= {"query", "liked", "disliked", "clear", "starters", "tag", "like", "dislike"}


def test_roles_for_screen_readers(chromium, served, with_genres, tmp_path):
    with demo_page(chromium, tmp_path / "profile", served(with_genres)) as demo:
        roles = demo.page.get_by_role
        assert (
            roles("list", name="Popular, to begin with").get_by_role("button", name=re.compile("^Like ")).count() == 8
        )
        demo.pick("a")
        demo.page.click("#recommended .dislike >> nth=0")
        demo.search("a")
        assert roles("combobox", name="Search the catalogue").count() == 1
        assert roles("combobox", name="Show").count() == 1
        assert roles("listbox", name="Matches").count() == 1
        assert roles("option", selected=True).and_(demo.page.locator("#found *")).count() == 1
        assert roles("heading", level=1).count() == 1
        assert roles("heading", name="Recommended").count() == 1
        assert roles("region").count() == 2
        assert roles("list", name="What you like").get_by_role("button", name=re.compile("^Remove ")).count() == 1
        assert roles("list", name="Not this").get_by_role("button", name=re.compile("^Take back ")).count() == 1
        rows = demo.page.locator("#recommended")
        assert rows.get_by_role("button", name=re.compile("^Like ")).count() == 20
        assert rows.get_by_role("button", name=re.compile("^Not this: ")).count() == 20
        assert demo.page.get_attribute("#status", "aria-live") == "polite"
        demo.search("no such title at all")
        assert demo.page.is_visible("#none-found")
        assert demo.page.inner_text("#status") == "0 matches"


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_is_cut_off(chromium, with_genres, tmp_path, width, height, scheme):
    size = {"width": width, "height": height}
    url = (with_genres / "index.html").as_uri()
    with demo_page(chromium, tmp_path / "profile", url, viewport=size, color_scheme=scheme) as demo:
        for prepare in (lambda: None, lambda: demo.pick("a"), lambda: demo.search("a")):
            prepare()
            assert demo.page.evaluate("document.documentElement.scrollWidth") <= width
            outside = demo.page.evaluate(
                """[...document.querySelectorAll('body *')].filter((e) => {
                  const { left, right, width } = e.getBoundingClientRect();
                  return width > 1 && e.checkVisibility() && (left < 0 || right > innerWidth);
                }).map((e) => e.outerHTML.slice(0, 80))"""
            )
            assert outside == []
        ground, ink = demo.page.evaluate("(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))")
        assert (luminance(ground) > luminance(ink)) == (scheme == "light")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_contrast(chromium, with_genres, tmp_path, scheme):
    """Every text on what is behind it: 4.5 to 1, as WCAG 2 asks (AA)."""
    url = (with_genres / "index.html").as_uri()
    options = {"color_scheme": scheme, "reduced_motion": "reduce"}
    with demo_page(chromium, tmp_path / "profile", url, **options) as demo:
        checked = set()
        demo.pick("a")
        demo.page.click("#recommended .dislike >> nth=0")
        demo.page.click("summary")
        demo.search("a")
        demo.page.keyboard.press("ArrowDown")
        demo.page.evaluate(
            "for (const id of ['problem', 'gone', 'none-left']) document.getElementById(id).hidden = false"
        )
        demo.page.evaluate("document.getElementById('problem').textContent = 'A sentence'")
        demo.page.evaluate("document.getElementById('gone').textContent = 'A sentence'")
        for name, ink, ground in demo.page.evaluate(INKS):
            lighter, darker = sorted((luminance(ink), luminance(ground)), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (name, ink, ground)
            checked.add(name)
        assert checked >= {"headline", "comparison", "because", "tags", "name", "problem", "gone", "facts", "disliked"}


INKS = """[...document.querySelectorAll('body *')].filter((e) =>
  e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== '')
  || e.matches('input[type=text]')
).map((e) => {
  let behind = e;
  while (/rgba\\(.*, 0\\)|transparent/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  const ink = getComputedStyle(e, e.matches('input') ? '::placeholder' : null).color;
  return [e.className || e.id || e.closest('[id]')?.id || e.tagName, ink, getComputedStyle(behind).backgroundColor];
})"""


def luminance(color: str) -> float:
    """Relative luminance of an opaque colour, from 0 to 1, as WCAG 2 defines it."""
    channels = [int(number) / 255 for number in re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", color).groups()]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("wish", "moves"), [("reduce", False), ("no-preference", True)])
def test_nothing_moves_for_those_who_wish_so(chromium, written, tmp_path, wish, moves):
    with demo_page(chromium, tmp_path / "profile", (written / "index.html").as_uri(), reduced_motion=wish) as demo:
        demo.pick("a")
        moving = demo.page.evaluate(
            """[...document.querySelectorAll('*')].some((e) => {
              const { animationName, transitionDuration } = getComputedStyle(e);
              return animationName !== 'none' || transitionDuration !== '0s';
            })"""
        )
        assert moving == moves


def test_what_is_touched_is_large_enough(chromium, with_genres, tmp_path):
    """On a phone each button is at least 44 pixels high, and the two of a row do not touch."""
    options = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with demo_page(chromium, tmp_path / "profile", (with_genres / "index.html").as_uri(), **options) as demo:
        demo.pick("a")
        demo.page.click("#recommended .dislike >> nth=0")
        boxes = demo.page.evaluate(
            """[...document.querySelectorAll('button, select, #query, summary')].filter((e) => e.checkVisibility())
            .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])"""
        )
        assert len(boxes) > 40
        for name, box in boxes:
            assert min(box["height"], box["width"]) >= 43.99, name
