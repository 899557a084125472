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

export class Titles {
  #known;

  constructor() {
    const { ids, titles, tags } = JSON.parse(byId("catalogue").textContent);
    this.#known = new Map(ids.map((id, i) => [id, { title: titles[i], tags: tags[i] ?? "" }]));
    byId("catalogue").remove();
  }

  /** The title of an item; its id when it has none. */
  of(id) {
    return this.#known.get(id)?.title ?? id;
  }

  /** Its tags as one text, which may be empty. */
  tags(id) {
    return this.#known.get(id)?.tags ?? "";
  }
}
