/** What the page was written with: the model's bytes, and the titles and tags of its items. */

import { byId } from "./dom.js";

/** The model that is part of the page. Its text is dropped from the document, so that it is held once. */
export function embeddedModel() {
  const holder = byId("model");
  const text = atob(holder.textContent);
  holder.remove();
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

/** What the page knows about its own model: `{ sha256, noun, titles, tags, tagged }`, by row of that model. */
export function embeddedCatalogue() {
  const written = JSON.parse(byId("catalogue").textContent);
  byId("catalogue").remove();
  return written;
}

/** Titles and tags of the items of one model. */
export class Titles {
  #known = new Map();
  #tags;
  /** What items are called, in the plural. */
  noun = "items";

  /**
   * @param model an open model.
   * @param written what `embeddedCatalogue` gave. Its titles belong to the model that the page was written for; the ids
   * of any other may be the same texts and mean other things.
   */
  constructor(model, { sha256, noun, titles, tags, tagged }) {
    const own = model.card.sha256 === sha256;
    this.#tags = own ? tags : [];
    if (!own) return;
    this.noun = noun;
    model.itemIds.forEach((id, row) => {
      if (titles[row]) this.#known.set(id, { title: titles[row], tags: tagged[row] || [] });
    });
  }

  /** The title of an item; its id when it has none, in quotes when nothing of it could be seen. */
  of(id) {
    return this.#known.get(id)?.title ?? (/[^\s\p{C}]/u.test(id) ? id : JSON.stringify(id));
  }

  /** Its tags as one text, which may be empty. */
  tags(id) {
    return (this.#known.get(id)?.tags ?? []).map((tag) => this.#tags[tag]).join(", ");
  }

  /** All tags, in the order of the alphabet. */
  allTags() {
    return this.#tags.toSorted((a, b) => a.localeCompare(b, "en"));
  }

  /** Ids of the items that have a tag. */
  withTag(name) {
    const wanted = this.#tags.indexOf(name);
    return [...this.#known].filter(([, { tags }]) => tags.includes(wanted)).map(([id]) => id);
  }
}
