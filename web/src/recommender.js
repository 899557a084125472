/** A recommender from one file: opens it, answers by raw id. */

import { checkCount, checkUnknown, listed, textOf } from "./asked.js";
import { cardOf } from "./card.js";
import { openContainer } from "./container.js";
import { encoderOf } from "./encoder.js";
import { SparserecError, quoted } from "./error.js";
import { rowOf } from "./ids.js";
import { checkNames, idsOfSide, rowsOf } from "./rows.js";
import { eachValue, scorerOf, squaredLengths, sumOfRows, weightsOf } from "./scores.js";
import { digestOf } from "./sha256.js";
import { bytesOfSource } from "./source.js";
import { bestRows, topRows } from "./top.js";

const WITHOUT_USERS = "this file has no user table; give a history of item ids instead of a user";

export class Recommender {
  #card;
  #items;
  #users = null;
  #encoder;
  #itemIds;
  #userIds = null;
  #scorer;
  #sums;
  #scores;
  #vector;
  #disliked;
  #fileBytes;

  /** Open a file: a URL, a File or Blob, a Response, an ArrayBuffer or a view of one. */
  static async open(source, options) {
    const { verifyDigest = true, signal } = options ?? {};
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
    this.#encoder = encoderOf(tensors, card.dim);
    checkCard(card, this.#items, this.#users, tensors);
    if (this.#encoder !== null) checkBesideEncoder(this.#items, this.#users);
    this.#itemIds = idsOfSide("items", tensors, card, card.n_items);
    if (this.#users !== null) this.#userIds = idsOfSide("users", tensors, card, card.n_users);
    this.#card = card;
    this.#fileBytes = bytes.length;
    this.#scorer = scorerOf(this.#items);
    this.#sums = new Float64Array(card.n_items);
    this.#scores = new Float32Array(card.n_items);
    this.#vector = new Float64Array(card.dim);
    this.#disliked = new Float64Array(card.dim);
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

  /** Whether the order of a history counts. */
  get ordered() {
    const { ages } = this.#items;
    return (ages !== null && (ages.ofRows < 1 || (ages.ofColumns ?? 1) < 1)) || this.#encoder !== null;
  }

  /** Whether recommendations have reasons item by item, as sums over a history do and a transformer does not. */
  get explains() {
    return this.#encoder === null;
  }

  get fileBytes() {
    return this.#fileBytes;
  }

  /** Bytes of everything that is kept beside the file. */
  get nbytes() {
    let bytes = this.#scorer.nbytes + this.#sums.byteLength + this.#scores.byteLength + 2 * this.#vector.byteLength;
    for (const rows of [this.#items, this.#users]) {
      if (rows === null) continue;
      const { pointers, columns, scales, factors, historyFactors, values, decoded } = rows;
      for (const array of [pointers, columns, scales, factors, historyFactors, decoded ? values : null]) {
        bytes += array?.byteLength ?? 0;
      }
    }
    bytes += this.#encoder?.nbytes ?? 0;
    return bytes + this.#itemIds.tableBytes + (this.#userIds?.tableBytes ?? 0);
  }

  get itemIds() {
    return Array.from({ length: this.nItems }, (_, row) => this.#itemIds.at(row));
  }

  get userIds() {
    return Array.from({ length: this.nUsers }, (_, row) => this.#userIds.at(row));
  }

  hasItem(id) {
    return this.#itemIds.get(textOf(id)) >= 0;
  }

  /** Those of these ids that the file does not have, each once: what `unknown: "ignore"` leaves out. */
  unknownItems(ids) {
    return [...new Set(listed(ids ?? [], "ids"))].filter((id) => this.#itemIds.get(id) < 0);
  }

  recommend(query) {
    const { history, user, k = 20, exclude, candidates, explain = false } = query ?? {};
    const { dislikes, excludeHistory = true, unknown = "error" } = query ?? {};
    checkCount(k);
    if (explain && !this.explains) {
      throw new SparserecError(
        "this file makes tastes with a transformer, which gives no reasons item by item; ask without explain",
      );
    }
    if (explain && user != null) {
      throw new SparserecError("a user's own row has no reasons; give a history alone to have it explained");
    }
    const taste = this.#tasteOf({ history, user, dislikes, unknown });
    const left = [...this.#rowsOf(exclude, "exclude", "excluded item", unknown), ...taste.disliked];
    if (excludeHistory) left.push(...taste.taken);
    const only = this.#candidateRows(candidates, unknown);
    this.#fillScores(taste.vector);
    const scores = this.#scores;
    if (only !== null) {
      const candidateScores = only.map((row) => scores[row]);
      scores.fill(-Infinity);
      only.forEach((row, i) => (scores[row] = candidateScores[i]));
    }
    for (const row of left) scores[row] = -Infinity;
    return topRows(scores, k).map((row) => {
      const recommendation = { item: this.#itemIds.at(row), score: scores[row] };
      return explain ? { ...recommendation, because: this.#reasons(taste, row) } : recommendation;
    });
  }

  /** What most people took, as far as the file knows: for somebody without a history. */
  popular(limits) {
    const { k = 20, exclude, candidates, unknown = "error" } = limits ?? {};
    const rows = this.#askedRows(k, this.#rowsOf(exclude, "exclude", "excluded item", unknown), candidates, unknown);
    const lengths = squaredLengths(this.#items).map(Math.sqrt);
    const numbers = this.#standing(lengths);
    return this.#named(bestRows(rows, k, numbers, lengths), numbers);
  }

  /**
   * Items whose rows are like that of an item: inner products over the square roots of both lengths. With columns of
   * items, what each of both adds to the score of the other is taken instead.
   */
  similar(item, limits) {
    const { k = 20, exclude, candidates, unknown = "error" } = limits ?? {};
    const row = rowOf(this.#itemIds, textOf(item, "item"), "item");
    const left = [row, ...this.#rowsOf(exclude, "exclude", "excluded item", unknown)];
    const rows = this.#askedRows(k, left, candidates, unknown);
    const lengths = squaredLengths(this.#items).map(Math.sqrt);
    const products = this.#hasItemColumns ? this.#exchanged(row) : this.#products(rowVector(this.#items, row, this.#vector));
    const alike = lengths.map((length, other) => {
      const scale = Math.sqrt(length) * Math.sqrt(lengths[row]);
      return scale > 0 ? products[other] / scale : 0;
    });
    return this.#named(bestRows(rows, k, alike), alike);
  }

  /** Scores of these items, as `recommend` would have them. */
  score(items, taste) {
    const { history, user, dislikes, unknown = "error" } = taste ?? {};
    const chosen = listed(items, "items").map((id) => rowOf(this.#itemIds, id, "item"));
    this.#fillScores(this.#tasteOf({ history, user, dislikes, unknown }).vector);
    return Float32Array.from(chosen, (row) => this.#scores[row]);
  }

  get #hasItemColumns() {
    return this.#items.ages !== null && this.#items.ages.ofColumns !== null;
  }

  /** Inner products of a vector with all items, in single precision, Float32Array (n). */
  #products(vector) {
    this.#scorer.into(vector, this.#sums);
    return Float32Array.from(this.#sums);
  }

  /** What one item and each other add to the score of one another as the newest of a history, halved. */
  #exchanged(row) {
    const { historyFactors, ages } = this.#items;
    const given = this.#products(sumOfRows(this.#items, [row], this.#vector));
    const own = rowVector(this.#items, row, this.#vector);
    const received = own.slice(ages.ordinary);
    const products = this.#products(own.fill(0, ages.ordinary));
    return received.map((part, other) => {
      const product = historyFactors === null ? products[other] : products[other] * historyFactors[other];
      return (given[other] + (part + product)) / 2;
    });
  }

  #fillScores(vector) {
    const { factors } = this.#items;
    this.#scorer.into(vector, this.#sums);
    this.#scores.set(this.#sums);
    if (factors === null) return;
    for (let row = 0; row < factors.length; row += 1) this.#scores[row] *= factors[row];
  }

  /** The vector of a user or of a history, less that of dislikes; and the rows it is made of, which have none in common. */
  #tasteOf({ history, user, dislikes, unknown }) {
    checkUnknown(unknown);
    const given = history == null ? null : listed(history, "history");
    const found = this.#rowsOf(given, "history", "item in the history", unknown, this.ordered);
    const disliked = this.#rowsOf(dislikes, "dislikes", "disliked item", unknown);
    const unwanted = new Set(disliked);
    const taken = unwanted.size === 0 ? found : found.filter((row) => !unwanted.has(row));
    if (this.#encoder !== null) {
      this.#checkEncodable(user, given, taken, disliked);
      return { vector: this.#encoded(taken), taken, disliked };
    }
    if (user == null) this.#checkHistory(given, taken.length + disliked.length);
    const vector = user == null ? sumOfRows(this.#items, taken, this.#vector) : this.#userVector(user);
    if (disliked.length > 0) {
      sumOfRows(this.#items, disliked, this.#disliked, false);
      for (let column = 0; column < vector.length; column += 1) vector[column] -= this.#disliked[column];
    }
    return { vector, taken, disliked };
  }

  /** The vector of a history of rows, oldest first, by the transformer. */
  #encoded(taken) {
    const rows = taken.slice(-this.#encoder.length);
    return this.#encoder.into(rows.map((row) => rowVector(this.#items, row, new Float64Array(this.#card.dim))), this.#vector);
  }

  /** Refuse where a transformer has nothing to make a vector of. */
  #checkEncodable(user, given, taken, disliked) {
    if (user != null) throw new SparserecError(WITHOUT_USERS);
    if (disliked.length > 0 && taken.length === 0) {
      throw new SparserecError(
        "this file makes tastes with a transformer, of what was taken alone: give a history with an id that is not disliked",
      );
    }
    this.#checkHistory(given, taken.length);
  }

  #userVector(user) {
    if (this.#users === null) throw new SparserecError(WITHOUT_USERS);
    return sumOfRows(this.#users, [rowOf(this.#userIds, textOf(user, "user"), "user")], this.#vector);
  }

  /** Refuse to make a vector where nothing is known of a user but the ids `given`, of which `known` have rows. */
  #checkHistory(given, known) {
    if (known > 0) return;
    if (given === null) throw new SparserecError(`give a history of item ids${this.hasUsers ? " or a user" : ""}`);
    if (given.length === 0) {
      throw new SparserecError("the history is empty; give at least one item id, or ask popular() for no history");
    }
    throw new SparserecError(
      `none of the ${given.length} ids of the history is among the ${this.nItems} known; popular() needs no history`,
    );
  }

  /** What `popular` orders items by, the largest first. */
  #standing(lengths) {
    if (this.#encoder !== null) {
      this.#fillScores(this.#encoder.usual);
      return Float64Array.from(this.#scores);
    }
    const { historyFactors } = this.#items;
    if (historyFactors !== null) return Float64Array.from(historyFactors, (factor) => 1 / factor);
    if (this.#users === null && !this.#hasItemColumns) return lengths;
    const rows = this.#users ?? this.#items;
    this.#fillScores(sumOfRows(rows, Array.from({ length: rows.n }, (_, row) => row), this.#vector, false));
    return Float64Array.from(this.#scores);
  }

  /** What each item of the history, and each disliked one, adds to the score of a row, largest first. */
  #reasons({ taken, disliked }, row) {
    const { factors, ages, dim } = this.#items;
    const ordinary = ages?.ordinary ?? dim;
    const target = new Float64Array(dim);
    eachValue(this.#items, row, (column, value) => (target[column] = value * (factors?.[row] ?? 1)));
    const sharesOf = (items, aged) => {
      const weights = weightsOf(this.#items, items, aged);
      return items.map((item, place) => {
        let share = 0;
        eachValue(this.#items, item, (column, value) => {
          if (column < ordinary) share += value * target[column];
        });
        const own = weights.columns === null ? 0 : weights.columns[place] * target[ordinary + item];
        return { item: this.#itemIds.at(item), share: share * weights.rows[place] + own };
      });
    };
    const against = sharesOf(disliked, false).map(({ item, share }) => ({ item, share: -share }));
    return [...sharesOf(taken, true), ...against].sort((a, b) => b.share - a.share);
  }

  /**
   * Rows of items, each once, where it stands first, or `last`; messages call all ids `argument` and one of them `kind`.
   */
  #rowsOf(ids, argument, kind, unknown, last = false) {
    checkUnknown(unknown);
    const rows = new Set();
    for (const id of listed(ids ?? [], argument)) {
      if (unknown === "ignore" && this.#itemIds.get(id) < 0) continue;
      const row = rowOf(this.#itemIds, id, kind);
      if (last) rows.delete(row);
      rows.add(row);
    }
    return [...rows];
  }

  #candidateRows(candidates, unknown) {
    return candidates == null ? null : this.#rowsOf(candidates, "candidates", "candidate item", unknown);
  }

  /** The rows that can be answered, ascending. */
  #askedRows(k, left, candidates, unknown) {
    checkCount(k);
    const only = this.#candidateRows(candidates, unknown)?.sort((a, b) => a - b);
    const unwanted = new Set(left);
    const rows = only ?? Array.from({ length: this.nItems }, (_, row) => row);
    return rows.filter((row) => !unwanted.has(row));
  }

  #named(rows, numbers) {
    return rows.map((row) => ({ item: this.#itemIds.at(row), score: numbers[row] }));
  }
}

/** One row of a table into `vector` (dim) Float64Array, without its history factor. */
function rowVector(rows, row, vector) {
  vector.fill(0);
  eachValue(rows, row, (column, value) => (vector[column] = value));
  return vector;
}

/** Refuse a file that has both an encoder and what makes users in another way. */
function checkBesideEncoder({ factors, historyFactors, ages }, users) {
  const others = [
    ["user table", users],
    ["'items.factors'", factors],
    ["history factors", historyFactors],
    ["'items.age_decay'", ages],
  ];
  for (const [name, part] of others) {
    if (part !== null) throw new SparserecError(`a file with an encoder has no ${name}`);
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
