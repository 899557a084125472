/** Search in titles: any order of words, without regard to case and accents, with a typo where nothing else matches. */

import { folded, lowered, wholeTitle, wordsOf } from "./text.js";
import { forgiven, mistakes } from "./typos.js";

const MOST = 30;
/** How much less popular a title counts that has a word of the query only as the beginning of a longer one. */
const BEGUN = 3;
/** Characters and words of a query that are looked at. */
const LONGEST = 200;
const MOST_WORDS = 12;

export class Search {
  #texts;
  #titles = null;
  #whole;
  #signs;
  #byWord;
  #places;

  /**
   * @param {string[]} texts titles in the order of the catalogue.
   * @param {ArrayLike<number>} [popularity] the place of each among all, the most popular at 0; equal when not given.
   */
  constructor(texts, popularity) {
    this.#texts = texts;
    this.#places = popularity ?? new Uint8Array(texts.length);
  }

  /**
   * Rows of the titles that contain all words of the query: first the one that is the query, then those with words
   * that begin with its words, then the others; among equals the more popular. When none does, those whose words are a
   * typo away.
   *
   * @returns `{ rows, matches, close }`: the best rows, how many titles match in all, and whether only nearly.
   */
  find(query) {
    if (this.#titles === null) this.#prepare();
    const typed = query.slice(0, LONGEST);
    const words = wordsOf(folded(typed)).slice(0, MOST_WORDS);
    if (words.length === 0) return this.#listed(this.#withSigns(lowered(typed).trim()));
    const exact = this.#withWords(words);
    if (exact.length > 0) return this.#listed(exact);
    const close = this.#nearly(words);
    return { ...this.#listed(close), close: close.length > 0 };
  }

  #prepare() {
    this.#titles = this.#texts.map(folded);
    this.#whole = this.#titles.map(wholeTitle);
    this.#signs = this.#texts.map(lowered);
    this.#byWord = new Map();
    this.#titles.forEach((title, row) => {
      for (const word of new Set(wordsOf(title))) {
        const rows = this.#byWord.get(word);
        if (rows === undefined) this.#byWord.set(word, [row]);
        else rows.push(row);
      }
    });
  }

  /** Hits for a query without a word: all for none, else the titles in which just these signs stand. */
  #withSigns(signs) {
    return this.#signs.flatMap((title, row) => (title.includes(signs) ? [{ row, rank: 0, weight: 1 }] : []));
  }

  #withWords(words) {
    const phrase = words.join(" ");
    const hits = [];
    this.#titles.forEach((title, row) => {
      if (!words.every((word) => title.includes(word))) return;
      const fits = words.map((word) => fit(title, word));
      const rank = this.#whole[row] === phrase ? 0 : Math.min(...fits) > 0 ? 1 : 2;
      hits.push({ row, rank, weight: fits.every((whole) => whole === 2) ? 1 : BEGUN });
    });
    return hits;
  }

  /** Hits each of whose words is a few mistakes from one of the query; rank is what they cost. */
  #nearly(words) {
    let found = null;
    for (const word of words) {
      const rows = this.#rowsNear(word);
      if (found !== null) {
        for (const [row, count] of rows) {
          if (found.has(row)) rows.set(row, count + found.get(row));
          else rows.delete(row);
        }
      }
      found = rows;
      if (found.size === 0) break;
    }
    return Array.from(found, ([row, rank]) => ({ row, rank, weight: 1 }));
  }

  /** Rows of titles with a word that the typed one may have been meant for, each with what that costs. */
  #rowsNear(typed) {
    const most = forgiven(typed);
    const rows = new Map();
    for (const [word, where] of this.#byWord) {
      const count = mistakes(typed, word, most);
      if (count === Infinity) continue;
      for (const row of where) rows.set(row, Math.min(count, rows.get(row) ?? Infinity));
    }
    return rows;
  }

  #listed(hits) {
    const key = ({ row, weight }) => (this.#places[row] + 1) * weight;
    const length = ({ row }) => this.#titles[row].length;
    hits.sort((a, b) => a.rank - b.rank || key(a) - key(b) || length(a) - length(b) || a.row - b.row);
    return { rows: hits.slice(0, MOST).map(({ row }) => row), matches: hits.length, close: false };
  }
}

/** How a title has a word: 2 as a whole word, 1 as the beginning of one, 0 inside one. */
function fit(title, word) {
  let best = 0;
  for (let at = title.indexOf(word); at >= 0; at = title.indexOf(word, at + 1)) {
    if (at > 0 && isWordSign(title, at - 1)) continue;
    if (at + word.length === title.length || !isWordSign(title, at + word.length)) return 2;
    best = 1;
  }
  return best;
}

/** Whether what stands at a place belongs to a word, whichever half of a surrogate pair is there. */
function isWordSign(text, at) {
  const sign = text.charCodeAt(at);
  if (sign < 0x80) return /[a-z0-9]/.test(text[at]);
  const low = sign >= 0xdc00 && sign <= 0xdfff;
  return /^[\p{L}\p{N}]/u.test(text.slice(low ? at - 1 : at, at + 2));
}
