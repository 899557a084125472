/** The two lists of the page: what was chosen, and what is recommended for it. */

import { byId, element, listed } from "./dom.js";

/** How many reasons a recommendation shows at most. */
const REASONS = 3;

/** What was chosen: a button each, which takes the item out again. */
export function showLiked(ids, titles, remove) {
  const buttons = ids.map((id) => {
    const button = element("button", { type: "button", "aria-label": `Remove ${titles.of(id)}` }, titles.of(id));
    button.addEventListener("click", () => remove(id));
    return element("li", {}, button);
  });
  byId("liked").replaceChildren(...buttons);
  byId("clear").hidden = ids.length === 0;
}

/** What is recommended: title, tags, why, and a button that adds it to what was chosen. */
export function showRecommended(recommended, titles, like) {
  const rows = recommended.map(({ item: id, because }, place) => {
    const button = element("button", { type: "button", "aria-label": `Like ${titles.of(id)}` }, "Like");
    button.addEventListener("click", () => like(id, place));
    const tags = titles.tags(id);
    const reasons = because.filter(({ share }) => share > 0).slice(0, REASONS);
    const reason = reasons.length === 0 ? null : `because you like ${listed(reasons.map(({ item }) => titles.of(item)))}`;
    return element(
      "li",
      { "data-id": id },
      element(
        "div",
        {},
        element("span", { class: "name" }, titles.of(id)),
        tags === "" ? null : element("span", { class: "tags" }, tags),
        reason === null ? null : element("span", { class: "because" }, reason),
      ),
      button,
    );
  });
  byId("recommended").replaceChildren(...rows);
}

/** Names and values of the facts at the foot of the page. */
export function showFacts(facts) {
  byId("facts").replaceChildren(
    ...Object.entries(facts).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );
}
