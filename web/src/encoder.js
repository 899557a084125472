/** A transformer that makes a vector of an ordered history, in double precision. */

import { SparserecError } from "./error.js";
import { allFinite, half } from "./half.js";
import { isVector, listed } from "./side.js";

export const ENCODER = { version: 3, tensors: { matrices: "I8", scales: "F32", vectors: "F16" } };

const MOST_LENGTH = 1024;
const MOST_BLOCKS = 16;
/** Rows of the matrices of a block, in columns of the item table; and rows of its vectors. */
const [MATRICES, VECTORS] = [5, 6];
/** Added to the variance in every norm. */
const EPSILON = 1e-5;

/**
 * The encoder of a file, null where it has none.
 *
 * @param all tensors of the whole file by name, whose names are checked.
 * @param {number} dim columns of the item table.
 */
export function encoderOf(all, dim) {
  const kinds = Object.keys(ENCODER.tensors);
  if (!kinds.some((kind) => all.has(`encoder.${kind}`))) return null;
  if (!kinds.every((kind) => all.has(`encoder.${kind}`))) {
    throw new SparserecError(`'encoder': ${listed(kinds)} belong together`);
  }
  const [codes, scales, bits] = kinds.map((kind) => all.get(`encoder.${kind}`));
  const { length, blocks } = sizesOf(codes.shape, bits.shape, dim);
  const rows = codes.shape[0];
  if (!isVector(scales, rows) || !scales.data.every((scale) => Number.isFinite(scale) && scale >= 0)) {
    throw new SparserecError(`'encoder.scales' must be ${rows} finite numbers that are not negative`);
  }
  if (!allFinite(bits.data)) throw new SparserecError("'encoder.vectors' must be finite numbers");
  return new Encoder(dim, length, blocks, codes.data, Float64Array.from(scales.data), Float64Array.from(bits.data, half));
}

/** Refuse shapes that are not those of an encoder's matrices and vectors. */
function sizesOf(matrices, vectors, dim) {
  if (matrices.length !== 2 || vectors.length !== 2 || matrices[1] !== dim || vectors[1] !== dim) {
    throw new SparserecError(`'encoder': matrices and vectors must have two dimensions, and ${dim} columns`);
  }
  const blocks = (vectors[0] - 2) / VECTORS;
  if (!Number.isInteger(blocks) || blocks < 1 || blocks > MOST_BLOCKS) {
    throw new SparserecError(
      `'encoder.vectors' has ${vectors[0]} rows; there must be ${VECTORS} for each of 1 to ${MOST_BLOCKS} blocks, and 2 more`,
    );
  }
  const length = matrices[0] - MATRICES * blocks * dim;
  if (length < 1 || length > MOST_LENGTH) {
    throw new SparserecError(
      `'encoder.matrices' has ${matrices[0]} rows; with ${blocks} blocks of ${MATRICES * dim} rows there must be ` +
        `from 1 to ${MOST_LENGTH} more`,
    );
  }
  return { length, blocks };
}

class Encoder {
  #dim;
  #blocks;
  #codes;
  #scales;
  #vectors;

  constructor(dim, length, blocks, codes, scales, vectors) {
    this.length = length;
    this.#dim = dim;
    this.#blocks = blocks;
    this.#codes = codes;
    this.#scales = scales;
    this.#vectors = vectors;
  }

  get nbytes() {
    return this.#scales.byteLength + this.#vectors.byteLength;
  }

  /** The state (dim) where a history says nothing: the shift of the last norm, about which states lie. */
  get usual() {
    return this.#vectors.slice(-this.#dim);
  }

  /**
   * The last state of a history, into `out` (dim) Float64Array, which also is what is given back.
   *
   * @param {Float64Array[]} rows item rows (dim), the newest last, from 1 to `length`; they are written over.
   */
  into(rows, out) {
    const root = Math.sqrt(this.#dim);
    rows.forEach((row, place) => {
      const position = this.length - rows.length + place;
      for (let d = 0; d < this.#dim; d += 1) row[d] = row[d] * root + this.#entry(position, d);
    });
    for (let number = 0; number < this.#blocks; number += 1) this.#block(rows, number);
    out.set(this.#normed(rows.at(-1), this.#blocks * VECTORS));
    return out;
  }

  /** One block, in place; of the last one, nothing but the last state is needed. */
  #block(states, number) {
    const dim = this.#dim;
    const first = this.length + MATRICES * dim * number;
    const vectors = VECTORS * number;
    const normed = states.map((state) => this.#normed(state, vectors));
    const keys = normed.map((state) => this.#times(first + dim, state));
    const values = normed.map((state) => this.#times(first + 2 * dim, state));
    for (let place = number === this.#blocks - 1 ? states.length - 1 : 0; place < states.length; place += 1) {
      const state = states[place];
      const shares = softmax(this.#times(first, normed[place]), keys, place + 1);
      shares.forEach((share, other) => {
        for (let d = 0; d < dim; d += 1) state[d] += share * values[other][d];
      });
      const inner = this.#times(first + 3 * dim, this.#normed(state, vectors + 2));
      for (let d = 0; d < dim; d += 1) inner[d] = Math.max(inner[d] + this.#vectors[(vectors + 4) * dim + d], 0);
      const outer = this.#times(first + 4 * dim, inner);
      for (let d = 0; d < dim; d += 1) state[d] += outer[d] + this.#vectors[(vectors + 5) * dim + d];
    }
  }

  #entry(row, column) {
    return this.#codes[row * this.#dim + column] * this.#scales[row];
  }

  /** The `dim` rows of the matrices from row `first` on, times a state. */
  #times(first, state) {
    const [dim, codes] = [this.#dim, this.#codes];
    const out = new Float64Array(dim);
    for (let row = 0, at = first * dim; row < dim; row += 1) {
      let sum = 0;
      for (let d = 0; d < dim; d += 1, at += 1) sum += codes[at] * state[d];
      out[row] = sum * this.#scales[first + row];
    }
    return out;
  }

  /** Layer norm with the gain and the shift in rows `row` and `row + 1` of the vectors. */
  #normed(state, row) {
    const [dim, vectors, at] = [this.#dim, this.#vectors, row * this.#dim];
    const mean = state.reduce((sum, number) => sum + number, 0) / dim;
    const variance = state.reduce((sum, number) => sum + (number - mean) ** 2, 0) / dim;
    const root = Math.sqrt(variance + EPSILON);
    return state.map((number, d) => ((number - mean) / root) * vectors[at + d] + vectors[at + dim + d]);
  }
}

/** What a place takes of each of the first `count` places, by a query (dim) and their keys; Float64Array (count). */
function softmax(query, keys, count) {
  const root = Math.sqrt(query.length);
  const shares = new Float64Array(count);
  for (let other = 0; other < count; other += 1) {
    const key = keys[other];
    let sum = 0;
    for (let d = 0; d < query.length; d += 1) sum += query[d] * key[d];
    shares[other] = sum / root;
  }
  const top = shares.reduce((most, logit) => Math.max(most, logit), -Infinity);
  let total = 0;
  for (let other = 0; other < count; other += 1) total += shares[other] = Math.exp(shares[other] - top);
  return shares.map((share) => share / total);
}
