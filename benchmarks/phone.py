"""The demo page as a phone shows it: docs/images/phone.png, of a model of the made-up catalogue.

python benchmarks/phone.py

Needs Playwright and Chromium, as the tests of the page do; SPARSEREC_CHROMIUM names its program.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from pathlib import Path

from PIL import Image

import sparserec
from sparserec.bench.script import run
from sparserec.interactions import synthetic
from sparserec.page import Title, write_page

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "phone.png"
WIDTH, HEIGHT = 390, 1000
LIKED = 3


def make_page(folder: Path) -> tuple[Path, list[str]]:
    """The page, and titles of popular items to choose on it."""
    data, titles = synthetic(seed=0)
    run = sparserec.train(data, folder / "run", recipe="spectral", budget="16B/item", seed=0)
    run.export(folder / "model.safetensors")
    facts = data.interactions
    known = {name: Title(title, "") for name, title in zip(facts.items.to_list(), titles, strict=True)}
    write_page(folder / "model.safetensors", folder / "page", known, "Films you may like", "films")
    popular = facts.item_degrees().argsort()[::-1]
    return folder / "page" / "index.html", [titles[item] for item in popular[: 8 * LIKED : 8]]


def main() -> None:
    from playwright.sync_api import sync_playwright

    program = os.environ.get("SPARSEREC_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    PICTURE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page, liked = make_page(Path(folder))
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        phone = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            device_scale_factor=2,
            color_scheme="light",
            reduced_motion="reduce",  # nothing half faded in
        )
        phone.goto(page.as_uri())
        phone.wait_for_selector("html[data-ready]")
        for title in liked:
            phone.fill("#query", title)
            phone.click("#found li")
        phone.mouse.move(0, 0)
        phone.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        picture = phone.screenshot()
        browser.close()
    # A page of few colours needs no more than these in its picture.
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(48).save(PICTURE, optimize=True)
    print(f"wrote {PICTURE}: {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    run(main)
