/** Search in titles: any order of words, without regard to case and accents. */

const MOST = 30;

/** A text as it is compared: lower case, letters without their marks. */
export function folded(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

export class Search {
  #titles;

  /** @param {string[]} titles in the order of the catalogue. */
  constructor(titles) {
    this.#titles = titles.map(folded);
  }

  /**
   * Rows of the titles that contain all words of the query. Those that begin with it come first, then those
   * with words that begin with its words, then the others; shorter ones first.
   *
   * @returns `{ rows, matches }`: the best rows, and how many titles match in all.
   */
  find(query) {
    const words = folded(query).split(/[\s\p{P}]+/u).filter((word) => word !== "");
    const phrase = words.join(" ");
    if (words.length === 0) {
      return { rows: [...this.#titles.keys()].slice(0, MOST), matches: this.#titles.length };
    }
    const starts = words.map((word) => new RegExp(`(?<![\\p{L}\\p{N}])${word.replace(/[^\p{L}\p{N}]/gu, "\\$&")}`, "u"));
    const hits = [];
    for (let row = 0; row < this.#titles.length; row += 1) {
      const title = this.#titles[row];
      if (!words.every((word) => title.includes(word))) continue;
      const rank = title.startsWith(phrase) ? 0 : starts.every((start) => start.test(title)) ? 1 : 2;
      hits.push({ row, rank, length: title.length });
    }
    hits.sort((a, b) => a.rank - b.rank || a.length - b.length || a.row - b.row);
    return { rows: hits.slice(0, MOST).map(({ row }) => row), matches: hits.length };
  }
}
