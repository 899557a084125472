/** Ids coded: ascending numbers as gaps, texts without what they share with the one before. docs/artefact-format.md. */

import { SparserecError } from "./error.js";
import { checkCode, eachBlock, oneBits, storedCode } from "./rice.js";
import { haveOneDimension, listed, naming } from "./side.js";

const NUMBERS = ["id_gaps_low", "id_gaps_high"];
const TEXTS = ["id_shared_low", "id_shared_high", "id_rest_low", "id_rest_high", "id_texts"];

export const CODED_IDS = {
  version: 2,
  tensors: Object.fromEntries([...NUMBERS, ...TEXTS].map((kind) => [kind, "U8"])),
};

/** The most low bits of a gap between numbers, and the bytes of the first number, which follow that of the shift. */
const MOST_SHIFT = 24;
const FIRST = 7;

/** Texts from one that is stored in full to the next. */
const RESTART = 16;

/** Bytes of texts that are put together at a time to check them. */
const CHECKED = 1 << 16;

const CANONICAL = /^(?:0|[1-9][0-9]{0,15})$/;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** The number that an id is in digits, without leading zeros and up to 2^53 - 1; -1 for any other id. */
function numberOf(id) {
  const number = CANONICAL.test(id) ? Number(id) : -1;
  return Number.isSafeInteger(number) ? number : -1;
}

/** An id as UTF-8; null for one with half a letter, which no file has: encoded it would be another id. */
export function encoded(id) {
  const bytes = ENCODER.encode(id);
  return id.isWellFormed?.() === true || DECODER.decode(bytes) === id ? bytes : null;
}

/** Ids that are numbers in digits, in ascending order. */
export class NumberIds {
  #numbers;

  /** @param numbers Uint32Array or Float64Array of whole numbers. */
  constructor(numbers) {
    this.#numbers = numbers;
  }

  get length() {
    return this.#numbers.length;
  }

  get tableBytes() {
    return this.#numbers.byteLength;
  }

  at(row) {
    return String(this.#numbers[row]);
  }

  get(id) {
    const number = numberOf(id);
    const row = number < 0 ? 0 : firstFrom(this.length, (at) => this.#numbers[at] >= number);
    return this.#numbers[row] === number ? row : -1;
  }
}

/** The rows themselves, of a file without ids. */
export class RowNumbers {
  tableBytes = 0;

  /** @param {number} length rows. */
  constructor(length) {
    this.length = length;
  }

  at(row) {
    return String(row);
  }

  get(id) {
    const number = numberOf(id);
    return number < this.length ? number : -1;
  }
}

/** Ids of which the first are numbers, and all others texts. */
export class NumbersThenTexts {
  #numbers;
  #texts;

  constructor(numbers, texts) {
    this.#numbers = numbers;
    this.#texts = texts;
  }

  get length() {
    return this.#numbers.length + this.#texts.length;
  }

  get tableBytes() {
    return this.#numbers.tableBytes + this.#texts.tableBytes;
  }

  at(row) {
    const border = this.#numbers.length;
    return row < border ? this.#numbers.at(row) : this.#texts.at(row - border);
  }

  get(id) {
    const row = this.#numbers.get(id);
    if (row >= 0) return row;
    const text = this.#texts.get(id);
    return text < 0 ? -1 : this.#numbers.length + text;
  }
}

/** Texts in natural order, as they are coded in the file: one is found without decoding others than its block. */
export class TextIds {
  #bytes;
  #shared;
  #rest;
  #starts;
  // The text that was put together last, with room for the longest.
  #text = new Uint8Array(256);

  /**
   * @param {Uint8Array} bytes what each text has that is not shared.
   * @param shared how many bytes each begins with that the one before it begins with too.
   * @param rest how many bytes follow.
   */
  constructor(bytes, shared, rest) {
    this.#bytes = bytes;
    this.#shared = shared;
    this.#rest = rest;
    this.#starts = new Uint32Array(Math.ceil(rest.length / RESTART));
    let end = 0;
    for (let row = 0; row < rest.length; row += 1) {
      if (row % RESTART === 0) this.#starts[row / RESTART] = end;
      end += rest[row];
    }
  }

  get length() {
    return this.#rest.length;
  }

  get tableBytes() {
    return this.#shared.byteLength + this.#rest.byteLength + this.#starts.byteLength + this.#text.byteLength;
  }

  at(row) {
    let length = 0;
    this.#walk(row - (row % RESTART), row + 1, (end) => (length = end));
    return DECODER.decode(this.#text.subarray(0, length));
  }

  get(id) {
    const name = encoded(id);
    if (name === null) return -1;
    const digits = isDigits(name, 0, name.length);
    const [starts, rest, bytes] = [this.#starts, this.#rest, this.#bytes];
    const isAfter = (block) => {
      const start = starts[block];
      return order(name, name.length, digits, bytes, start, start + rest[block * RESTART]) < 0;
    };
    const block = firstFrom(starts.length, isAfter) - 1;
    if (block < 0) return -1;
    let found = -1;
    this.#walk(block * RESTART, Math.min((block + 1) * RESTART, this.length), (length, row) => {
      if (length === name.length && compared(name, 0, length, this.#text, 0, length) === 0) found = row;
    });
    return found;
  }

  /** Call `use(text, row)` for rows from `first`, the first of a block, to `last`, exclusive. `text` is used again. */
  each(first, last, use) {
    this.#walk(first, last, (length, row) => use(this.#text.subarray(0, length), row));
  }

  /** Put one text after another together, and call `use(length, row)` with the length of each. */
  #walk(first, last, use) {
    const bytes = this.#bytes;
    let at = this.#starts[first / RESTART];
    for (let row = first; row < last; row += 1) {
      const shared = this.#shared[row];
      const length = shared + this.#rest[row];
      if (length > this.#text.length) {
        const longer = new Uint8Array(2 * length);
        longer.set(this.#text);
        this.#text = longer;
      }
      // Most have few bytes of their own, which are copied sooner than a view of them is made.
      for (let to = shared; to < length; to += 1, at += 1) this.#text[to] = bytes[at];
      use(length, row);
    }
  }
}

/** The ids of a side that has tensors of coded ones. */
export function codedIds(side) {
  const { n, tensors } = side;
  return naming(side, () => {
    let numbers = null;
    if (NUMBERS.some((kind) => kind in tensors)) numbers = decodeNumbers(...allOf(NUMBERS, tensors));
    const left = n - (numbers?.length ?? 0);
    if (numbers !== null && left === 0 && !TEXTS.some((kind) => kind in tensors)) return new NumberIds(numbers);
    if (left < 1) {
      throw new SparserecError(
        `${n - left} ids are numbers, and there are texts or more numbers than the ${n} rows`,
      );
    }
    const before = numbers === null ? null : ENCODER.encode(String(numbers[numbers.length - 1]));
    const texts = decodeTexts(allOf(TEXTS, tensors), left, before);
    return numbers === null ? texts : new NumbersThenTexts(new NumberIds(numbers), texts);
  });
}

function allOf(kinds, tensors) {
  if (!kinds.every((kind) => kind in tensors)) throw new SparserecError(`${listed(kinds)} belong together`);
  return kinds.map((kind) => tensors[kind]);
}

/** Ascending numbers as Uint32Array or, where one does not fit, Float64Array. */
function decodeNumbers(low, high) {
  const tensors = { id_gaps_low: low, id_gaps_high: high };
  const there = haveOneDimension({ tensors }, NUMBERS) && low.data.length >= 1 + FIRST && high.data.length > 0;
  if (!there || low.data[0] > MOST_SHIFT) {
    throw new SparserecError(
      "'id_gaps_low' and 'id_gaps_high' must have one dimension and their bytes, " +
        `the first ${MOST_SHIFT} at most`,
    );
  }
  const beyond = new SparserecError(`an id is a number above ${Number.MAX_SAFE_INTEGER}`);
  const shift = low.data[0];
  let number = low.data.subarray(1, 1 + FIRST).reduceRight((sum, byte) => 256 * sum + byte, 0);
  if (number > Number.MAX_SAFE_INTEGER) throw beyond;
  const count = oneBits(high.data);
  const code = { low: low.data.subarray(1 + FIRST), high: high.data, shift, count };
  checkCode(code, Math.floor(Number.MAX_SAFE_INTEGER / 2 ** shift), { tensors: "id_gaps", number: "id gap" });
  let numbers = number < 2 ** 32 ? new Uint32Array(count + 1) : new Float64Array(count + 1);
  numbers[0] = number;
  eachBlock(code, (gaps, first) => {
    for (let i = 0; i < gaps.length; i += 1) {
      number += gaps[i] + 1;
      if (number > Number.MAX_SAFE_INTEGER) throw beyond;
      if (number >= 2 ** 32 && numbers instanceof Uint32Array) numbers = Float64Array.from(numbers);
      numbers[first + i + 1] = number;
    }
  });
  return numbers;
}

function decodeTexts([sharedLow, sharedHigh, restLow, restHigh, texts], count, before) {
  const shared = lengthsOf(sharedLow, sharedHigh, count, { tensors: "id_shared", number: "shared length" });
  const rest = lengthsOf(restLow, restHigh, count, { tensors: "id_rest", number: "length" });
  const total = rest.reduce((sum, length) => sum + length, 0);
  if (texts.shape.length !== 1 || total !== texts.data.length) {
    throw new SparserecError(
      `'id_texts' has ${texts.data.length} bytes in ${texts.shape.length} dimensions, not ${total} in one`,
    );
  }
  for (let row = 0; row < count; row += 1) {
    if (row % RESTART === 0 && shared[row] !== 0) {
      throw new SparserecError(`every ${RESTART}th id that is a text must be stored in full`);
    }
  }
  for (let row = 1; row < count; row += 1) {
    if (shared[row] > shared[row - 1] + rest[row - 1]) {
      throw new SparserecError("an id shares more than there is of the one before it");
    }
  }
  const ids = new TextIds(texts.data, shared, rest);
  checkTexts(ids, before);
  return ids;
}

/** The numbers of a code that stores its shift, in the narrowest unsigned type. */
function lengthsOf(low, high, count, names) {
  const { code, largest } = storedCode(low, high, count, names);
  const numbers = new (largest < 256 ? Uint8Array : largest < 65_536 ? Uint16Array : Uint32Array)(count);
  eachBlock(code, (block, first) => numbers.set(block, first));
  return numbers;
}

/** Refuse texts that are not UTF-8, or not in natural order behind `before`, if there is one. */
function checkTexts(ids, before) {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const several = new Uint8Array(CHECKED);
  let filled = 0;
  // Texts are looked at one after another; none of them may begin within a letter.
  const check = (bytes, options) => {
    try {
      decoder.decode(bytes, options);
    } catch {
      throw new SparserecError("an id is not UTF-8");
    }
  };
  let last = before === null ? new Uint8Array(0) : before.slice();
  let lastLength = before === null ? -1 : last.length;
  for (let first = 0; first < ids.length; first += RESTART) {
    ids.each(first, Math.min(first + RESTART, ids.length), (text) => {
      if (text.length > 0 && (text[0] & 0xc0) === 0x80) throw new SparserecError("an id is not UTF-8");
      if (text.length > CHECKED - filled) {
        check(several.subarray(0, filled), { stream: true });
        filled = 0;
      }
      if (text.length > CHECKED) {
        check(text, { stream: true });
      } else {
        several.set(text, filled);
        filled += text.length;
      }
      const digits = lastLength >= 0 && isDigits(last, 0, lastLength);
      if (lastLength >= 0 && order(last, lastLength, digits, text, 0, text.length) >= 0) {
        throw new SparserecError("ids are not in natural order, or one is there twice");
      }
      if (text.length > last.length) last = new Uint8Array(2 * text.length);
      last.set(text);
      lastLength = text.length;
    });
  }
  check(several.subarray(0, filled), { stream: true });
  check(new Uint8Array(0), {});
}

/**
 * Natural order of two ids: those in digits first, by number; all others by their bytes; equal numbers, of which all but
 * one have leading zeros, by their bytes too. The first is all of `a` up to `aEnd`, and `digits` says whether it is in
 * digits; the second lies in `b`. Below 0 when the first comes first, 0 when they are the same.
 */
function order(a, aEnd, digits, b, bStart, bEnd) {
  if (digits !== isDigits(b, bStart, bEnd)) return digits ? -1 : 1;
  if (digits) {
    const aFirst = afterZeros(a, 0, aEnd);
    const bFirst = afterZeros(b, bStart, bEnd);
    const longer = aEnd - aFirst - (bEnd - bFirst);
    if (longer !== 0) return longer;
    const larger = compared(a, aFirst, aEnd, b, bFirst, bEnd);
    if (larger !== 0) return larger;
  }
  return compared(a, 0, aEnd, b, bStart, bEnd);
}

function compared(a, aStart, aEnd, b, bStart, bEnd) {
  for (let i = aStart, j = bStart; i < aEnd && j < bEnd; i += 1, j += 1) {
    if (a[i] !== b[j]) return a[i] - b[j];
  }
  return aEnd - aStart - (bEnd - bStart);
}

function isDigits(bytes, start, end) {
  for (let i = start; i < end; i += 1) {
    if (bytes[i] < 0x30 || bytes[i] > 0x39) return false;
  }
  return end > start;
}

function afterZeros(bytes, start, end) {
  let at = start;
  while (at < end && bytes[at] === 0x30) at += 1;
  return at;
}

/** The first of the numbers from 0 to `end` that `holds`, which holds for all after it too; `end` when none does. */
function firstFrom(end, holds) {
  let first = 0;
  let last = end;
  while (first < last) {
    const middle = (first + last) >>> 1;
    if (holds(middle)) last = middle;
    else first = middle + 1;
  }
  return first;
}
