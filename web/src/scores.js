/** Scoring: a vector against all items. Only the columns that the vector has are looked at. */

import { powersOf } from "./ages.js";
import { half } from "./half.js";

/** The item table as the scorer wants it: posting lists of a sparse one, the matrix of a dense one. */
export function scorerOf(items) {
  return items.columns === null ? new Matrix(items) : new Postings(items);
}

/** A sparse item table by column: which items have a value there, and which value. */
class Postings {
  #bounds;
  #items;
  #values;
  #scales;

  constructor({ n, dim, nnz, values, halfPrecision, scales, pointers, columns }) {
    const bounds = new Uint32Array(dim + 1);
    for (let i = 0; i < nnz; i += 1) bounds[columns[i] + 1] += 1;
    for (let column = 0; column < dim; column += 1) bounds[column + 1] += bounds[column];
    const places = bounds.slice();
    const items = n <= 65_536 ? new Uint16Array(nnz) : new Uint32Array(nnz);
    const sorted = halfPrecision ? new Float32Array(nnz) : new values.constructor(nnz);
    // Rows ascend, so the items of a column do as well.
    for (let row = 0; row < n; row += 1) {
      for (let i = pointers[row]; i < pointers[row + 1]; i += 1) {
        const place = places[columns[i]];
        places[columns[i]] += 1;
        items[place] = row;
        sorted[place] = halfPrecision ? half(values[i]) : values[i];
      }
    }
    this.#bounds = bounds;
    this.#items = items;
    this.#values = sorted;
    this.#scales = scales;
  }

  get nbytes() {
    return this.#bounds.byteLength + this.#items.byteLength + this.#values.byteLength;
  }

  /** Inner products of `vector` (dim) with all item rows, into `sums` (n), both Float64Array. */
  into(vector, sums) {
    sums.fill(0);
    const { length } = vector;
    for (let column = 0; column < length; column += 1) {
      if (vector[column] === 0) continue;
      add(
        this.#items,
        this.#values,
        this.#bounds[column],
        this.#bounds[column + 1],
        vector[column] * this.#scales[column],
        sums,
      );
    }
  }
}

/**
 * The one hot loop: one column's share of the scores. An item is in a column once, so four sums can be under way at a
 * time, and each still adds up in the order of the columns.
 */
function add(items, values, first, last, weight, sums) {
  let i = first;
  for (; i + 3 < last; i += 4) {
    const [a, b, c, d] = [items[i], items[i + 1], items[i + 2], items[i + 3]];
    const p = weight * values[i];
    const q = weight * values[i + 1];
    const r = weight * values[i + 2];
    const s = weight * values[i + 3];
    sums[a] += p;
    sums[b] += q;
    sums[c] += r;
    sums[d] += s;
  }
  for (; i < last; i += 1) sums[items[i]] += weight * values[i];
}

/** A dense item table. Its entries are computed from the bytes of the file as they are needed. */
class Matrix {
  #n;
  #dim;
  #values;
  #scales;
  #numbers = null;

  constructor({ n, dim, values, halfPrecision, scales }) {
    this.#n = n;
    this.#dim = dim;
    this.#values = values;
    this.#scales = scales;
    if (halfPrecision) this.#numbers = Float32Array.from({ length: 65_536 }, (_, bits) => half(bits));
  }

  get nbytes() {
    return this.#numbers?.byteLength ?? 0;
  }

  /** Inner products of `vector` (dim) with all item rows, into `sums` (n), both Float64Array. */
  into(vector, sums) {
    const [values, scales, numbers, dim] = [this.#values, this.#scales, this.#numbers, this.#dim];
    const single = Float32Array.from(vector);
    for (let row = 0, at = 0; row < this.#n; row += 1) {
      let sum = 0;
      for (let column = 0; column < dim; column += 1, at += 1) {
        const entry = numbers === null ? Math.fround(values[at] * scales[column]) : numbers[values[at]];
        sum += single[column] * entry;
      }
      sums[row] = sum;
    }
  }
}

/** Where the values of a row begin and end. */
function span({ pointers, dim }, row) {
  return pointers === null ? [row * dim, (row + 1) * dim] : [pointers[row], pointers[row + 1]];
}

/** The column of value `i`. */
function columnOf({ columns, dim }, i) {
  return columns === null ? i % dim : columns[i];
}

/**
 * What items of a history add to its vector: `{ rows, columns }`, what their rows are multiplied with, and what stands in
 * their own columns, null where items have none.
 *
 * @param rows of `rowsOf`.
 * @param {number[]} chosen rows, oldest first.
 * @param {boolean} aged whether the order counts where the file says what age does; else each has age 0.
 */
export function weightsOf({ ages, historyFactors }, chosen, aged = true) {
  const old = ages !== null && aged;
  const powers = old ? powersOf(ages.ofRows, chosen.length).reverse() : null;
  const rows = Float64Array.from(chosen, (row, place) => {
    const factor = historyFactors === null ? 1 : historyFactors[row];
    return powers === null ? factor : factor * powers[place];
  });
  if (ages === null || ages.ofColumns === null) return { rows, columns: null };
  return { rows, columns: powersOf(old ? ages.ofColumns : 1, chosen.length).reverse() };
}

/**
 * The vector of a history, or of the rows of users, into `vector` (dim) Float64Array, which also is what is given back: the
 * sum of rows, each times what it counts, and in columns of items what these have there; arguments as for `weightsOf`.
 */
export function sumOfRows(rows, chosen, vector, aged = true) {
  const { values, halfPrecision, scales, ages } = rows;
  const weights = weightsOf(rows, chosen, aged);
  const ordinary = ages?.ordinary ?? vector.length;
  vector.fill(0);
  for (let place = 0; place < chosen.length && ordinary > 0; place += 1) {
    const weight = weights.rows[place];
    const [first, last] = span(rows, chosen[place]);
    for (let i = first; i < last; i += 1) {
      vector[columnOf(rows, i)] += (halfPrecision ? half(values[i]) : values[i]) * weight;
    }
  }
  for (let column = 0; column < ordinary; column += 1) vector[column] *= scales[column];
  if (weights.columns === null) return vector;
  vector.fill(0, ordinary);
  chosen.forEach((row, place) => (vector[ordinary + row] = weights.columns[place]));
  return vector;
}

/** One row's value in the column of each of its values, times the scale: calls `each(column, value)`. */
export function eachValue(rows, row, each) {
  const { values, halfPrecision, scales } = rows;
  const [first, last] = span(rows, row);
  for (let i = first; i < last; i += 1) {
    const column = columnOf(rows, i);
    each(column, (halfPrecision ? half(values[i]) : values[i]) * scales[column]);
  }
}

/** The squared length of each row as a vector, Float64Array (n). */
export function squaredLengths(rows) {
  const { n, dim, columns, values, halfPrecision, scales, pointers } = rows;
  const squares = new Float64Array(n);
  for (let row = 0; row < n; row += 1) {
    const first = pointers === null ? row * dim : pointers[row];
    const last = pointers === null ? first + dim : pointers[row + 1];
    let sum = 0;
    for (let i = first; i < last; i += 1) {
      const column = columns === null ? i - first : columns[i];
      const value = (halfPrecision ? half(values[i]) : values[i]) * scales[column];
      sum += value * value;
    }
    squares[row] = sum;
  }
  return squares;
}
