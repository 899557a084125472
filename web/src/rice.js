/** Rice codes: low bits as they are, the rest in unary. docs/artefact-format.md has them bit by bit. */

import { SparserecError } from "./error.js";

/** The largest number of a code whose shift is stored, and the most low bits it can have. */
export const MOST = 2 ** 20;
const MOST_SHIFT = 20;

/** Numbers that are decoded at a time. */
const BLOCK = 4096;

/** Bits of a low part that are read at a time: with what a byte leaves over, they fit 32. */
const AT_ONCE = 24;

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length);

/** How many bits of the bytes are set. */
export function oneBits(bytes) {
  let count = 0;
  for (let i = 0; i < bytes.length; i += 1) count += ONES[bytes[i]];
  return count;
}

/** Bytes that so many bits take. */
export function bytesOf(bits) {
  return Math.ceil(bits / 8);
}

/**
 * What can be said of a code before it is decoded. After it, `eachBlock` finds `count` numbers, and so many are no more
 * than eight for each byte of the high parts.
 *
 * @param code `{ low, high, shift, count }`: the bytes of both parts, low bits of each number, how many numbers.
 * @param names `{ tensors, number }`: what messages call the code, as "gaps" and "gap".
 * @param most what the high parts add up to at most.
 */
export function checkCode({ low, high, shift, count }, most, { tensors, number }) {
  const bits = count * shift;
  if (low.length !== bytesOf(bits)) {
    throw new SparserecError(
      `'${tensors}_low' has ${low.length} bytes of low parts; ` +
        `${count} ${number}s of ${shift} low bits take ${bytesOf(bits)}`,
    );
  }
  if (bits % 8 !== 0 && low[low.length - 1] >> bits % 8 !== 0) {
    throw new SparserecError(`'${tensors}_low' has bits set after the last ${number}`);
  }
  const ones = oneBits(high);
  if (ones !== count) {
    throw new SparserecError(`'${tensors}_high' has ${ones} one bits, but there are ${count} ${number}s`);
  }
  const last = high[high.length - 1];
  if (last === 0) throw new SparserecError(`'${tensors}_high' goes on after the last ${number}`);
  const zeros = 8 * (high.length - 1) + (32 - Math.clz32(last)) - count;
  if (zeros > most) {
    throw new SparserecError(
      `'${tensors}_high' has ${zeros} zero bits before its last one; ` +
        `with ${count} ${number}s ${most} are possible`,
    );
  }
}

/** Reads the numbers of a code that `checkCode` accepts, block by block, so that no memory is taken for all of them. */
class NumberReader {
  #low;
  #high;
  #shift;
  // Bytes that were begun: what is left of them, lowest bit first, and how many bits that is.
  #lowAt = 0;
  #lowHeld = 0;
  #lowBits = 0;
  #highAt = 0;
  #highHeld = 0;
  #highBits = 0;

  constructor(low, high, shift) {
    this.#low = low;
    this.#high = high;
    this.#shift = shift;
  }

  /** Fill `block` with the next numbers, whole ones below 2^53. */
  read(block) {
    const [low, high, shift] = [this.#low, this.#high, this.#shift];
    const unit = 2 ** shift;
    const first = Math.min(shift, AT_ONCE);
    const rest = shift - first;
    const [mask, restMask] = [2 ** first - 1, 2 ** rest - 1];
    let [lowAt, lowHeld, lowBits] = [this.#lowAt, this.#lowHeld, this.#lowBits];
    let [highAt, highHeld, highBits] = [this.#highAt, this.#highHeld, this.#highBits];
    for (let i = 0; i < block.length; i += 1) {
      let zeros = 0;
      while (highHeld === 0) {
        zeros += highBits;
        if (highAt === high.length) throw new SparserecError("a code ends before its last number");
        highHeld = high[highAt];
        highAt += 1;
        highBits = 8;
      }
      const before = 31 - Math.clz32(highHeld & -highHeld);
      highHeld >>>= before + 1;
      highBits -= before + 1;
      while (lowBits < first) {
        lowHeld |= low[lowAt] << lowBits;
        lowAt += 1;
        lowBits += 8;
      }
      block[i] = (zeros + before) * unit + (lowHeld & mask);
      lowHeld >>>= first;
      lowBits -= first;
      if (rest === 0) continue;
      while (lowBits < rest) {
        lowHeld |= low[lowAt] << lowBits;
        lowAt += 1;
        lowBits += 8;
      }
      block[i] += (lowHeld & restMask) * 2 ** AT_ONCE;
      lowHeld >>>= rest;
      lowBits -= rest;
    }
    [this.#lowAt, this.#lowHeld, this.#lowBits] = [lowAt, lowHeld, lowBits];
    [this.#highAt, this.#highHeld, this.#highBits] = [highAt, highHeld, highBits];
  }
}

/**
 * Calls `use(numbers, first)` for one block after another of a code that `checkCode` accepts, where `first` is
 * the place of the block's first number. The block is used again for the next.
 */
export function eachBlock({ low, high, shift, count }, use) {
  const reader = new NumberReader(low, high, shift);
  const room = new Float64Array(Math.min(BLOCK, count));
  for (let first = 0; first < count; first += room.length) {
    const block = room.subarray(0, Math.min(room.length, count - first));
    reader.read(block);
    use(block, first);
  }
}

/**
 * A code whose shift is its first byte, checked whole.
 *
 * @returns `{ code, largest }`: the code for `eachBlock`, and its largest number.
 */
export function storedCode(low, high, count, names) {
  const { tensors, number } = names;
  if (low.shape.length !== 1 || high.shape.length !== 1 || low.data.length === 0 || low.data[0] > MOST_SHIFT) {
    throw new SparserecError(
      `'${tensors}_low' and '${tensors}_high' must have one dimension, ` +
        `and the first byte of '${tensors}_low' must be there and ${MOST_SHIFT} at most`,
    );
  }
  if (count > 8 * high.data.length) {
    throw new SparserecError(
      `'${tensors}_high' has ${high.data.length} bytes, too few for one bit for each ${number}`,
    );
  }
  const shift = low.data[0];
  const code = { low: low.data.subarray(1), high: high.data, shift, count };
  checkCode(code, count * (MOST >> shift), names);
  let largest = 0;
  eachBlock(code, (numbers) => {
    for (let i = 0; i < numbers.length; i += 1) {
      if (numbers[i] > largest) largest = numbers[i];
    }
    if (largest > MOST) throw new SparserecError(`'${tensors}_high' holds a ${number} of ${largest}, above ${MOST}`);
  });
  return { code, largest };
}
