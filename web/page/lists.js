/** The lists of the page: starters, what was chosen, what was turned down, and what is recommended. */

import { button, byId, element, icon, listed } from "./dom.js";

const PLUS = "M8 3v10M3 8h10";
const CROSS = "M4 4l8 8M12 4l-8 8";

/** Popular items to begin with: a button each, which chooses it. */
export function showStarters(ids, titles, choose) {
  const rows = ids.map((id, place) => {
    const name = element("span", { class: "name" }, titles.of(id));
    return element("li", {}, button(`Like ${titles.of(id)}`, () => choose(id, place), icon(PLUS), name));
  });
  byId("starters").replaceChildren(...rows);
  byId("start").hidden = ids.length === 0;
}

/** What was chosen, or turned down: a button each, which takes the item out again. */
export function showChosen(list, ids, titles, verb, remove) {
  const rows = ids.map((id) => {
    const name = element("span", {}, titles.of(id));
    return element("li", {}, button(`${verb} ${titles.of(id)}`, () => remove(id), name));
  });
  byId(list).replaceChildren(...rows);
}

/**
 * What is recommended: title, tags, why, and buttons that add it to what was chosen or turn it down.
 *
 * @param {string[]} ids
 * @param {string[][]} why for each the ids that speak for it.
 * @param actions `like(id, place)` and `dislike(id, place)`.
 */
export function showRecommended(ids, why, titles, { like, dislike }) {
  const rows = ids.map((id, place) => {
    const [title, tags] = [titles.of(id), titles.tags(id)];
    return element(
      "li",
      { "data-id": id },
      element(
        "div",
        { class: "what" },
        element("span", { class: "name" }, title),
        tags === "" ? null : element("span", { class: "tags" }, tags),
        why[place].length === 0
          ? null
          : element("span", { class: "because" }, `because you like ${listed(why[place].map((item) => titles.of(item)))}`),
      ),
      element(
        "div",
        { class: "acts" },
        act("like", `Like ${title}`, PLUS, "Like", () => like(id, place)),
        act("dislike", `Not this: ${title}`, CROSS, "Not this", () => dislike(id, place)),
      ),
    );
  });
  byId("recommended").replaceChildren(...rows);
}

function act(kind, label, path, text, call) {
  const made = button(label, call, icon(path), element("span", {}, text));
  made.className = kind;
  made.title = text;
  return made;
}
