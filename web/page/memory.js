/** What somebody chose, kept in this browser alone. Without storage, as in private windows, it lasts as long as the page. */

export class Memory {
  #key;

  /**
   * What belongs to this page, wherever its model comes from: picks outlast a new model at the same address.
   *
   * @param {string} [file] name of a model that was opened from the disk, which has picks of its own.
   */
  constructor(file) {
    const page = location.pathname.replace(/index\.html$/, "");
    this.#key = `sparserec:picks:${page}${file === undefined ? "" : `:${file}`}`;
  }

  /** `{ liked, disliked }`: ids in the order in which they were chosen, each once. */
  load() {
    let stored = null;
    try {
      stored = JSON.parse(localStorage.getItem(this.#key));
    } catch {
      // No storage, or something that this page has not written.
    }
    const liked = idsIn(stored?.liked);
    return { liked, disliked: idsIn(stored?.disliked).filter((id) => !liked.includes(id)) };
  }

  save({ liked, disliked }) {
    try {
      localStorage.setItem(this.#key, JSON.stringify({ liked, disliked }));
    } catch {
      // Chosen items are then forgotten with the page, which the page works without.
    }
  }
}

function idsIn(stored) {
  return Array.isArray(stored) ? [...new Set(stored.filter((id) => typeof id === "string"))] : [];
}
