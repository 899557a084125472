/** What somebody chose, kept in this browser alone. Without storage, as in private windows, it lasts as long as the page. */

export class Memory {
  #key;

  /** @param {string} model the digest of the model, so that each has its own. */
  constructor(model) {
    this.#key = `sparserec:liked:${model}`;
  }

  /** The ids that were chosen, in their order. */
  load() {
    try {
      const stored = JSON.parse(localStorage.getItem(this.#key) ?? "[]");
      return Array.isArray(stored) ? stored.filter((id) => typeof id === "string") : [];
    } catch {
      return [];
    }
  }

  save(ids) {
    try {
      localStorage.setItem(this.#key, JSON.stringify(ids));
    } catch {
      // Chosen items are then forgotten with the page, which the page works without.
    }
  }
}
