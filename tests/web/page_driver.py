"""The demo page as somebody who uses it sees it."""

from __future__ import annotations

from contextlib import contextmanager


class DemoPage:
    """A page in Chromium, driven by what it shows. `said` collects the console and errors."""

    def __init__(self, page):
        self.page, self.said = page, []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def go(self, url: str) -> None:
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready]")

    def search(self, text: str) -> list[str]:
        """Type into the search field; titles of the list that opens."""
        self.page.fill("#query", text)
        return self.page.evaluate(
            "[...document.querySelectorAll('#found li span:first-child')].map(e => e.firstChild.data)"
        )

    def pick(self, text: str) -> None:
        """Search and click the first match."""
        self.search(text)
        self.page.click("#found li")

    def starters(self) -> list[str]:
        """Titles of the buttons to begin with."""
        return self.page.evaluate("[...document.querySelectorAll('#starters button')].map(e => e.textContent)")

    def disliked(self) -> list[str]:
        return self.page.locator("#disliked button").all_inner_texts()

    def liked(self) -> list[str]:
        return self.page.locator("#liked button").all_inner_texts()

    def recommended(self) -> list[str]:
        """Ids, in their order."""
        return self.page.evaluate("[...document.querySelectorAll('#recommended li')].map(e => e.dataset.id)")

    def texts(self, kind: str) -> list[str]:
        """The `name`, `tags` or `because` of each recommendation that has one."""
        return self.page.locator(f"#recommended .{kind}").all_inner_texts()

    def until_kept(self) -> None:
        """Wait until the service worker has kept the page and answers for it."""
        controlled = """new Promise((done) => {
          const { serviceWorker } = navigator;
          if (serviceWorker.controller !== null) done(true);
          serviceWorker.addEventListener("controllerchange", () => done(true));
        })"""
        assert self.page.evaluate(controlled)

    def focused(self) -> str:
        """What a screen reader calls the element with the focus."""
        return self.page.evaluate(
            "(e => e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent)(document.activeElement)"
        )


@contextmanager
def demo_page(chromium, profile, url: str, **options):
    """The page open in a window of its own; nothing may be said on its console."""
    with chromium(profile, **options) as window:
        demo = DemoPage(window.pages[0])
        demo.go(url)
        yield demo
        assert demo.said == []
