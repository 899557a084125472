/**
 * Raw ids to rows and back. There are four kinds of lists, all with
 *
 * - `length`; `tableBytes`, the bytes that are kept beside the file;
 * - `at(row)`: the id of a row; `get(id)`: the row of an id, or -1.
 */

import { SparserecError, quoted } from "./error.js";
import { CODED_IDS, RowNumbers, codedIds, encoded } from "./idcodes.js";

/** Bytes that are checked to be UTF-8 at a time, so that no long text is made of them. */
const BLOCK = 1 << 16;

const SCRATCH = new Uint8Array(256);
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

export const PLAIN_IDS = { version: 1, tensors: { ids: "U8", id_offsets: "U32" } };

/**
 * The ids of a side; its rows where the file has none.
 *
 * @param side as of `sideOf`.
 * @param {number} version of the format of the file.
 */
export function idsOf(side, version) {
  const has = (part) => Object.keys(part.tensors).some((kind) => kind in side.tensors);
  if (has(PLAIN_IDS) && has(CODED_IDS)) {
    throw new SparserecError(`'${side.name}' has ids as they are and coded ones; there must be one kind`);
  }
  if (has(PLAIN_IDS) || version < CODED_IDS.version) return new PlainIds(side);
  return has(CODED_IDS) ? codedIds(side) : new RowNumbers(side.n);
}

/** The row of an id; a SparserecError that calls it `kind` when it is unknown. */
export function rowOf(ids, id, kind) {
  const row = ids.get(id);
  if (row < 0) {
    const among = `not among the ${ids.length} known; for example, ${quoted(ids.at(0))} is one`;
    throw new SparserecError(`unknown ${kind} ${quoted(id)}: ${among}`);
  }
  return row;
}

/** Ids as they are. They stay in the bytes of the file; beside them there is a table of row numbers. */
class PlainIds {
  #bytes;
  #offsets;
  #slots;
  #key = crypto.getRandomValues(new Int32Array(2));

  constructor({ name: side, n, tensors: { ids, id_offsets: offsets } }) {
    if (ids?.shape.length !== 1 || offsets?.shape.length !== 1 || offsets.shape[0] !== n + 1) {
      throw new SparserecError(`'${side}.ids' and ${n + 1} '${side}.id_offsets' must be there`);
    }
    this.#bytes = ids.data;
    this.#offsets = offsets.data;
    if (!ascends(this.#offsets, this.#bytes.length)) {
      throw new SparserecError(`'${side}.id_offsets' must ascend from 0 to the length of '${side}.ids'`);
    }
    if (!isUtf8(this.#bytes) || !this.#offsets.every((at) => (this.#bytes[at] & 0xc0) !== 0x80)) {
      throw new SparserecError(`'${side}.ids' holds an id that is not UTF-8`);
    }
    // At most two thirds of the slots are taken, so a search soon meets a free one.
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(1.5 * n + 1))).fill(-1);
    for (let row = 0; row < n; row += 1) {
      const slot = this.#slot(this.#bytes, this.#offsets[row], this.#offsets[row + 1]);
      if (this.#slots[slot] >= 0) throw new SparserecError(`'${side}.ids' holds an id twice`);
      this.#slots[slot] = row;
    }
  }

  get length() {
    return this.#offsets.length - 1;
  }

  /** Bytes of the table of row numbers. */
  get tableBytes() {
    return this.#slots.byteLength;
  }

  /** The id of a row. */
  at(row) {
    return DECODER.decode(this.#bytes.subarray(this.#offsets[row], this.#offsets[row + 1]));
  }

  /** The row of an id, or -1. */
  get(id) {
    if (id.length <= SCRATCH.length) {
      let at = 0;
      for (let code = 0; at < id.length && (code = id.charCodeAt(at)) < 0x80; at += 1) SCRATCH[at] = code;
      // Most ids are ASCII and short; to call the encoder for them takes longer than to find them.
      if (at === id.length) return this.#slots[this.#slot(SCRATCH, 0, at)];
    }
    const bytes = encoded(id);
    return bytes === null ? -1 : this.#slots[this.#slot(bytes, 0, bytes.length)];
  }

  /** The slot with the id that the bytes are, or the free one where it would be put. */
  #slot(bytes, first, last) {
    const mask = this.#slots.length - 1;
    let slot = keyedHash(bytes, first, last, this.#key) & mask;
    while (this.#slots[slot] >= 0 && !this.#isAt(this.#slots[slot], bytes, first, last)) slot = (slot + 1) & mask;
    return slot;
  }

  #isAt(row, bytes, first, last) {
    const start = this.#offsets[row];
    if (this.#offsets[row + 1] - start !== last - first) return false;
    for (let i = first, j = start; i < last; i += 1, j += 1) {
      if (bytes[i] !== this.#bytes[j]) return false;
    }
    return true;
  }
}

function ascends(offsets, end) {
  if (offsets[0] !== 0 || offsets[offsets.length - 1] !== end) return false;
  for (let i = 1; i < offsets.length; i += 1) {
    if (offsets[i] < offsets[i - 1]) return false;
  }
  return true;
}

function isUtf8(bytes) {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    for (let at = 0; at < bytes.length; at += BLOCK) decoder.decode(bytes.subarray(at, at + BLOCK), { stream: true });
    decoder.decode();
    return true;
  } catch {
    return false;
  }
}

/**
 * HalfSipHash with one round a word and three at the end. Without the key, which is drawn anew for each file, nobody can
 * make ids that meet in one slot and turn a search into a walk over all of them.
 *
 * J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012; HalfSipHash is its variant on
 * words of 32 bits.
 */
function keyedHash(bytes, first, last, key) {
  const words = (last - first) >> 2;
  let rest = (last - first) << 24;
  for (let at = first + 4 * words, shift = 0; at < last; at += 1, shift += 8) rest |= bytes[at] << shift;
  let v0 = key[0];
  let v1 = key[1];
  let v2 = 0x6c796765 ^ key[0];
  let v3 = 0x74656462 ^ key[1];
  for (let step = 0, at = first; step < words + 4; step += 1, at += 4) {
    // Full words, then what is left with the length, then nothing in the three rounds at the end.
    let word = 0;
    if (step < words) word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    else if (step === words) word = rest;
    else if (step === words + 1) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return v1 ^ v3;
}
