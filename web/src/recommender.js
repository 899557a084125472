/** A recommender from one file: opens it, answers by raw id. */

import { cardOf } from "./card.js";
import { openContainer } from "./container.js";
import { SparserecError, quoted } from "./error.js";
import { rowOf } from "./ids.js";
import { checkNames, idsOfSide, rowsOf } from "./rows.js";
import { eachValue, scorerOf, sumOfRows } from "./scores.js";
import { digestOf } from "./sha256.js";
import { bytesOfSource } from "./source.js";
import { topRows } from "./top.js";

export class Recommender {
  #card;
  #items;
  #users = null;
  #itemIds;
  #userIds = null;
  #scorer;
  #sums;
  #scores;
  #vector;
  #fileBytes;

  /** Open a file: a URL, a File or Blob, a Response, an ArrayBuffer or a view of one. */
  static async open(source, { verifyDigest = true, signal } = {}) {
    const { name, bytes } = await bytesOfSource(source, signal);
    try {
      return new Recommender(bytes, verifyDigest);
    } catch (error) {
      if (error instanceof SparserecError) throw new SparserecError(`${name}: ${error.message}`);
      if (error instanceof RangeError) throw new SparserecError(`${name}: not enough memory to open it`);
      throw error;
    }
  }

  /** Use `Recommender.open`. */
  constructor(bytes, verifyDigest = true) {
    const { tensors, metadata } = openContainer(bytes);
    const card = cardOf(metadata);
    checkNames(tensors, card.format_version);
    if (verifyDigest && digestOf(tensors) !== card.sha256) {
      throw new SparserecError("the tensors are not those that were written: their SHA-256 differs from the card's");
    }
    this.#items = rowsOf("items", tensors, card, card.n_items);
    if (card.n_users !== 0) this.#users = rowsOf("users", tensors, card, card.n_users);
    checkCard(card, this.#items, this.#users, tensors);
    this.#itemIds = idsOfSide("items", tensors, card, card.n_items);
    if (this.#users !== null) this.#userIds = idsOfSide("users", tensors, card, card.n_users);
    this.#card = card;
    this.#fileBytes = bytes.length;
    this.#scorer = scorerOf(this.#items);
    this.#sums = new Float64Array(card.n_items);
    this.#scores = new Float32Array(card.n_items);
    this.#vector = new Float64Array(card.dim);
  }

  get card() {
    return this.#card;
  }

  get nItems() {
    return this.#itemIds.length;
  }

  get nUsers() {
    return this.#userIds?.length ?? 0;
  }

  get hasUsers() {
    return this.#users !== null;
  }

  get fileBytes() {
    return this.#fileBytes;
  }

  /** Bytes of everything that is kept beside the file. */
  get nbytes() {
    let bytes = this.#scorer.nbytes + this.#sums.byteLength + this.#scores.byteLength + this.#vector.byteLength;
    for (const rows of [this.#items, this.#users]) {
      if (rows === null) continue;
      const { pointers, columns, scales, factors, historyFactors, values, decoded } = rows;
      for (const array of [pointers, columns, scales, factors, historyFactors, decoded ? values : null]) {
        bytes += array?.byteLength ?? 0;
      }
    }
    return bytes + this.#itemIds.tableBytes + (this.#userIds?.tableBytes ?? 0);
  }

  get itemIds() {
    return Array.from({ length: this.nItems }, (_, row) => this.#itemIds.at(row));
  }

  get userIds() {
    return Array.from({ length: this.nUsers }, (_, row) => this.#userIds.at(row));
  }

  hasItem(id) {
    return this.#itemIds.get(String(id)) >= 0;
  }

  recommend({ history, user, k = 20, exclude = [], candidates, explain = false } = {}) {
    if (!Number.isSafeInteger(k) || k < 1) {
      throw new SparserecError(`k must be a whole number of at least 1, not ${quoted(k)}`);
    }
    if (explain && user != null) {
      throw new SparserecError("a user's own row has no reasons; give a history alone to have it explained");
    }
    const taken = this.#rowsOf(history ?? [], "item in the history");
    const left = [...taken, ...this.#rowsOf(exclude, "excluded item")];
    const only = candidates == null ? null : this.#rowsOf(candidates, "candidate item");
    this.#fillScores(this.#vectorOf(taken, history != null, user));
    const scores = this.#scores;
    if (only !== null) {
      const candidateScores = only.map((row) => scores[row]);
      scores.fill(-Infinity);
      only.forEach((row, i) => (scores[row] = candidateScores[i]));
    }
    for (const row of left) scores[row] = -Infinity;
    return topRows(scores, k).map((row) => {
      const recommendation = { item: this.#itemIds.at(row), score: scores[row] };
      return explain ? { ...recommendation, because: this.#reasons(taken, row) } : recommendation;
    });
  }

  /** Scores of these items, as `recommend` would have them. */
  score(items, { history, user } = {}) {
    const chosen = this.#listed(items, "item");
    const taken = this.#rowsOf(history ?? [], "item in the history");
    this.#fillScores(this.#vectorOf(taken, history != null, user));
    return Float32Array.from(chosen, (row) => this.#scores[row]);
  }

  #fillScores(vector) {
    const { factors } = this.#items;
    this.#scorer.into(vector, this.#sums);
    this.#scores.set(this.#sums);
    if (factors === null) return;
    for (let row = 0; row < factors.length; row += 1) this.#scores[row] *= factors[row];
  }

  #vectorOf(taken, hasHistory, user) {
    if (user != null) {
      if (this.#users === null) {
        throw new SparserecError("this file has no user table; give a history of item ids instead of a user");
      }
      return sumOfRows(this.#users, [rowOf(this.#userIds, String(user), "user")], this.#vector);
    }
    if (!hasHistory) throw new SparserecError(`give a history of item ids${this.hasUsers ? " or a user" : ""}`);
    if (taken.length === 0) throw new SparserecError("the history is empty; give at least one item id");
    return sumOfRows(this.#items, taken, this.#vector);
  }

  /** What each item of the history adds to the score of a row, largest first; equal ones as in the history. */
  #reasons(taken, row) {
    const { factors, historyFactors, dim } = this.#items;
    const target = new Float64Array(dim);
    eachValue(this.#items, row, (column, value) => (target[column] = value * (factors?.[row] ?? 1)));
    const reasons = taken.map((item) => {
      let share = 0;
      eachValue(this.#items, item, (column, value) => (share += value * target[column]));
      return { item: this.#itemIds.at(item), share: share * (historyFactors?.[item] ?? 1) };
    });
    return reasons.sort((a, b) => b.share - a.share);
  }

  /** Rows of items, each once. */
  #rowsOf(ids, kind) {
    return [...new Set(this.#listed(ids, kind))];
  }

  #listed(ids, kind) {
    if (typeof ids === "string" || typeof ids?.[Symbol.iterator] !== "function") {
      throw new SparserecError(`ids come as a list, not as ${quoted(ids)}`);
    }
    return Array.from(ids, (id) => rowOf(this.#itemIds, String(id), kind));
  }
}

function checkCard(card, items, users, tensors) {
  const nnz = items.nnz + (users?.nnz ?? 0);
  if (card.nnz !== nnz) throw new SparserecError(`the card counts ${card.nnz} values, the tensors hold ${nnz}`);
  if (card.scoring !== (users === null ? "history" : "users")) {
    throw new SparserecError(
      `the card's scoring ${quoted(card.scoring, 20)} does not fit its ${card.n_users} users`,
    );
  }
  if (users === null && [...tensors.keys()].some((name) => name.startsWith("users."))) {
    throw new SparserecError("it holds tensors of users, but its card counts none");
  }
}
