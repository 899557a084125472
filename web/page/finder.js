/** The search field and its list: a combobox that is worked with arrow keys, Enter and Escape, or by pointer. */

import { byId, element } from "./dom.js";

export class Finder {
  #input = byId("query");
  #list = byId("found");
  #none = byId("none-found");
  #rows = [];
  #active = -1;
  #find;
  #describe;
  #choose;

  /**
   * @param options `find(query)` gives `{ rows, matches, close }`, `describe(row)` gives `{ title, tags, chosen }`,
   * `choose(row)` is called with what was picked, `announce(text)` tells a screen reader.
   */
  constructor({ find, describe, choose, announce }) {
    this.#find = find;
    this.#describe = describe;
    this.#choose = choose;
    this.#input.addEventListener("input", () => {
      const { matches, close } = this.#show();
      const count = matches === 1 ? "1 match" : `${matches.toLocaleString("en")} matches`;
      announce(close ? `Nothing matches exactly; ${count} nearly` : count);
    });
    this.#input.addEventListener("focus", () => this.#show());
    this.#input.addEventListener("click", () => this.#show());
    this.#input.addEventListener("blur", () => this.#close());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    // Before the field loses the focus, which would close the list.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option !== null) this.#pick([...this.#list.children].indexOf(option));
    });
  }

  enable(example) {
    this.#input.disabled = false;
    this.#input.placeholder = example;
  }

  focus() {
    this.#input.focus();
    this.#close();
  }

  #show() {
    const found = this.#find(this.#input.value);
    const { rows } = found;
    this.#rows = rows;
    this.#list.replaceChildren(...rows.map((row, i) => this.#option(row, i)));
    this.#list.hidden = rows.length === 0;
    this.#none.hidden = rows.length > 0;
    this.#input.setAttribute("aria-expanded", String(rows.length > 0));
    this.#activate(-1);
    return found;
  }

  #option(row, i) {
    const { title, tags, chosen } = this.#describe(row);
    return element(
      "li",
      { role: "option", id: `found-${i}`, "aria-selected": String(chosen) },
      element("span", {}, title, tags === "" ? null : element("span", { class: "tags" }, tags)),
    );
  }

  #close() {
    this.#list.hidden = true;
    this.#none.hidden = true;
    this.#input.setAttribute("aria-expanded", "false");
    this.#activate(-1);
  }

  #activate(place) {
    this.#list.querySelector(".active")?.classList.remove("active");
    this.#active = place;
    if (place < 0) {
      this.#input.removeAttribute("aria-activedescendant");
      return;
    }
    const option = this.#list.children[place];
    option.classList.add("active");
    option.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", option.id);
  }

  #pick(place) {
    const row = this.#rows[place];
    this.#input.value = "";
    this.#close();
    this.#choose(row);
  }

  #onKey(event) {
    const { length } = this.#rows;
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) {
      event.preventDefault();
      if (this.#list.hidden) this.#show();
      if (this.#rows.length === 0) return;
      const from = this.#active < 0 && event.key === "ArrowUp" ? 0 : this.#active;
      this.#activate((from + moves[event.key] + this.#rows.length) % this.#rows.length);
    } else if (event.key === "Enter" && !this.#list.hidden && length > 0) {
      event.preventDefault();
      this.#pick(Math.max(this.#active, 0));
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (this.#list.hidden && this.#none.hidden) this.#input.value = "";
      this.#close();
    }
  }
}
