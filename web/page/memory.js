/** What somebody chose, kept in this browser alone. Without storage, as in private windows, it lasts as long as the page. */

export class Memory {
  #key;
  #absent = { liked: [], disliked: [] };

  /**
   * What belongs to this page, wherever its model comes from: picks outlast a new model at the same address.
   *
   * @param {string} [file] name of a model that was opened from the disk, which has picks of its own.
   */
  constructor(file) {
    const page = location.pathname.replace(/index\.html$/, "");
    this.#key = `sparserec:picks:${page}${file === undefined ? "" : `:${file}`}`;
  }

  /**
   * What is kept, as far as a model has it, each id once and in the order in which they were chosen.
   *
   * @param {(id: string) => boolean} knows whether the model has an item. Picks that it lacks stay in storage: another
   * model may come to this address again.
   * @returns `{ liked, disliked, gone }`: ids, and how many liked ones the model lacks.
   */
  load(knows) {
    let stored = null;
    try {
      stored = JSON.parse(localStorage.getItem(this.#key));
    } catch {
      // No storage, or something that this page has not written.
    }
    const liked = idsIn(stored?.liked);
    const disliked = idsIn(stored?.disliked).filter((id) => !liked.includes(id));
    const absent = (ids) => ids.filter((id) => !knows(id));
    this.#absent = { liked: absent(liked), disliked: absent(disliked) };
    return { liked: liked.filter(knows), disliked: disliked.filter(knows), gone: this.#absent.liked.length };
  }

  save({ liked, disliked }) {
    const kept = {
      liked: [...this.#absent.liked, ...liked],
      disliked: [...this.#absent.disliked, ...disliked],
    };
    try {
      localStorage.setItem(this.#key, JSON.stringify(kept));
    } catch {
      // Chosen items are then forgotten with the page, which the page works without.
    }
  }

  /** Forget what the model lacks, too. */
  forget() {
    this.#absent = { liked: [], disliked: [] };
  }
}

function idsIn(stored) {
  return Array.isArray(stored) ? [...new Set(stored.filter((id) => typeof id === "string"))] : [];
}
